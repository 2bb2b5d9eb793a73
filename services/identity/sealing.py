"""Personal values at rest: sealed envelopes, and a keyed index where a value must be found again."""

import hashlib
import hmac
from typing import Final
from uuid import UUID

from shared.documents.encryption import KeyRing, seal, unseal
from shared.kernel.refusals import Refusal, RefusalKind, invariant

_MAGIC: Final = b"YQV1"


class ValueUnreadable(Refusal):
    """An envelope does not open: altered, moved from another record, or its key is no longer held."""

    code = "identity.value_unreadable"
    kind = RefusalKind.UNAVAILABLE
    zh = "加密信息无法读取，请联系系统运营方。"


class Vault:
    """Seals short values.

    An envelope is bound to the record's id and the field's name, so one that is copied to another record, or to
    another field of the same record, does not open.
    """

    def __init__(self, keys: KeyRing, *, index_key: bytes) -> None:
        invariant(len(index_key) == 32, "the index key has 32 bytes")
        self._keys = keys
        self._index_key = index_key

    def seal(self, value: bytes, *, record_id: UUID, field: str) -> bytes:
        """The envelope of a value."""
        return seal(self._keys, value, magic=_MAGIC, bound_to=record_id.bytes + field.encode())

    def open(self, envelope: bytes, *, record_id: UUID, field: str) -> bytes:
        """The value in an envelope. Raises: ValueUnreadable."""
        value = unseal(self._keys, envelope, magic=_MAGIC, bound_to=record_id.bytes + field.encode())
        if value is None:
            raise ValueUnreadable
        return value

    def index(self, value: bytes, *, purpose: str) -> bytes:
        """A keyed hash (HMAC-SHA-256) under which a value is found again; purposes do not mix."""
        return hmac.digest(self._index_key, purpose.encode() + b"\x00" + value, hashlib.sha256)
