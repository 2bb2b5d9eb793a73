"""The person whom a provider may ring about an order: sealed in the row, opened for the parties of that order alone.

Nothing of it stands in a fact, a log or a notice. A value is bound to its order, or to the enterprise that names one
person for all its orders, so an envelope that is moved to another row does not open.
"""

from uuid import UUID

import msgspec

from shared.runtime.envelopes import KeyRing, seal, unseal

_MAGIC = b"YQC1"


class Contact(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A contact person of the buyer."""

    name: str
    phone: str
    email: str = ""


class ContactSeal:
    """Seals and opens contacts with the service's key ring."""

    def __init__(self, keys: KeyRing) -> None:
        self._keys = keys

    def close(self, contact: Contact, *, subject_id: UUID) -> bytes:
        """The envelope of a contact, bound to an order or an enterprise."""
        return seal(self._keys, msgspec.json.encode(contact), magic=_MAGIC, bound_to=subject_id.bytes)

    def open(self, envelope: bytes, *, subject_id: UUID) -> Contact | None:
        """The contact, or None when the envelope was altered or moved, or its key is gone."""
        value = unseal(self._keys, envelope, magic=_MAGIC, bound_to=subject_id.bytes)
        return None if value is None else msgspec.json.decode(value, type=Contact)
