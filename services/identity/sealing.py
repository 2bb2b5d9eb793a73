"""Personal values at rest: sealed envelopes, and a keyed index where a value must be found again."""

import hashlib
import hmac
import os
from typing import Final
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from shared.kernel.refusals import Refusal, RefusalKind, invariant
from shared.runtime.blobs import KeyRing

_MAGIC: Final = b"YQV1"
_NONCE_BYTES: Final = 12
_WRAPPED_BYTES: Final = 32 + 16


class ValueUnreadable(Refusal):
    """An envelope does not open: altered, moved from another record, or its key is no longer held."""

    code = "identity.value_unreadable"
    kind = RefusalKind.UNAVAILABLE
    zh = "加密信息无法读取，请联系运营方。"


class Vault:
    """Seals short values with AES-256-GCM: a data key per value, wrapped by a key of the ring.

    The record's id and the field's name are associated data, so an envelope that is copied to another record, or to
    another field of the same record, does not open.
    """

    def __init__(self, keys: KeyRing, *, index_key: bytes) -> None:
        invariant(len(index_key) == 32, "the index key has 32 bytes")
        self._keys = keys
        self._index_key = index_key

    def seal(self, value: bytes, *, record_id: UUID, field: str) -> bytes:
        """The envelope of a value: magic, kid, nonce, wrapped data key, nonce, ciphertext."""
        kid = self._keys.current.encode("ascii")
        head = _MAGIC + bytes([len(kid)]) + kid
        bound_to = head + record_id.bytes + field.encode()
        data_key = AESGCM.generate_key(256)
        wrap_nonce, nonce = os.urandom(_NONCE_BYTES), os.urandom(_NONCE_BYTES)
        wrapped = AESGCM(self._keys.keys[self._keys.current]).encrypt(wrap_nonce, data_key, bound_to)
        return head + wrap_nonce + wrapped + nonce + AESGCM(data_key).encrypt(nonce, value, bound_to)

    def open(self, envelope: bytes, *, record_id: UUID, field: str) -> bytes:
        """The value in an envelope. Raises: ValueUnreadable."""
        head_end = len(_MAGIC) + 1 + (envelope[len(_MAGIC)] if len(envelope) > len(_MAGIC) else 0)
        head = envelope[:head_end]
        wrapped_at = head_end + _NONCE_BYTES
        nonce_at = wrapped_at + _WRAPPED_BYTES
        sealed_at = nonce_at + _NONCE_BYTES
        wrapping_key = self._keys.keys.get(head[len(_MAGIC) + 1 :].decode("ascii", "replace"))
        if not head.startswith(_MAGIC) or wrapping_key is None or len(envelope) < sealed_at:
            raise ValueUnreadable
        bound_to = head + record_id.bytes + field.encode()
        try:
            data_key = AESGCM(wrapping_key).decrypt(
                envelope[head_end:wrapped_at], envelope[wrapped_at:nonce_at], bound_to
            )
            return AESGCM(data_key).decrypt(envelope[nonce_at:sealed_at], envelope[sealed_at:], bound_to)
        except InvalidTag as error:
            raise ValueUnreadable from error

    def index(self, value: bytes, *, purpose: str) -> bytes:
        """A keyed hash (HMAC-SHA-256) under which a value is found again; purposes do not mix."""
        return hmac.digest(self._index_key, purpose.encode() + b"\x00" + value, hashlib.sha256)
