"""The person whom a provider may ring about an order: sealed in the row, opened for the parties of that order alone.

Nothing of it stands in a fact, a log or a notice. A value is bound to its order, or to the enterprise that names one
person for all its orders, so an envelope that is moved to another row does not open.
"""

from uuid import UUID

import msgspec

from shared.documents.encryption import KeyRing, seal, unseal
from shared.kernel.names import is_seen, is_shown
from shared.runtime.work import BadRequest

_MAGIC = b"YQC1"


class ContactPerson(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A contact person of the buyer."""

    name: str
    phone: str
    email: str = ""


def contact_of(name: str, phone: str, email: str = "", *, at: str = "") -> ContactPerson:
    """A contact person, whose name and address show all that is in them; `at` is where the request has them.

    Raises: BadRequest. Source: A19.
    """
    if not is_seen(name):
        raise BadRequest(reason="姓名须有文字，且不得含有尖括号或不可见的字符", pointer=f"{at}/name")
    if not is_shown(email):
        raise BadRequest(reason="电子邮箱不得含有不可见的字符", pointer=f"{at}/email")
    return ContactPerson(name=name, phone=phone, email=email)


class ContactSeal:
    """Seals and opens contacts with the service's key ring."""

    def __init__(self, keys: KeyRing) -> None:
        self._keys = keys

    def close(self, contact: ContactPerson, *, subject_id: UUID) -> bytes:
        """The envelope of a contact, bound to an order or an enterprise."""
        return seal(self._keys, msgspec.json.encode(contact), magic=_MAGIC, bound_to=subject_id.bytes)

    def open(self, envelope: bytes, *, subject_id: UUID) -> ContactPerson | None:
        """The contact, or None when the envelope was altered or moved, or its key is gone."""
        value = unseal(self._keys, envelope, magic=_MAGIC, bound_to=subject_id.bytes)
        return None if value is None else msgspec.json.decode(value, type=ContactPerson)
