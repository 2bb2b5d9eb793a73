"""The contact person that an enterprise names for all its orders; an order may be given its own when it is placed."""

from dataclasses import dataclass
from uuid import UUID

from services.order.contacts import ContactPerson, ContactSeal
from services.order.domain.refusals import OrderNotFound
from services.order.store import contacts as store
from shared.runtime.work import Actor, Work


@dataclass(frozen=True, slots=True, kw_only=True)
class NameContact:
    """The enterprise names its contact person, or with None takes the name back."""

    contact: ContactPerson | None
    by: Actor


async def name_contact(work: Work, command: NameContact) -> None:
    """Keep or forget the enterprise's contact person, sealed. Raises: OrderNotFound when nobody is named."""
    owner_id: UUID | None = command.by.organisation_id
    if owner_id is None:
        raise OrderNotFound
    if command.contact is None:
        await store.forget(work, owner_id)
    else:
        sealed = work.ports.get(ContactSeal).close(command.contact, subject_id=owner_id)
        await store.keep(work, owner_id, sealed=sealed, by=command.by.account_id, now=work.now)
