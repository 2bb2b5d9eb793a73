"""Sealed contacts of enterprises; those of single orders are written with their orders."""

from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert

from services.order.tables import CONTACT, CONTACT_READ
from shared.runtime.sql import Rows, execute
from shared.runtime.work import Actor, Work


class SealedContact(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The contact person of an order or of an enterprise (`subject_id`), sealed for its parties."""

    subject_id: UUID
    sealed: bytes
    given_by: UUID | None
    given_at: datetime


CONTACTS: Rows[SealedContact] = Rows(CONTACT)


async def keep(work: Work, subject_id: UUID, *, sealed: bytes, by: UUID | None, now: datetime) -> None:
    """Write a contact in place of the one before."""
    row = {"subject_id": subject_id, "sealed": sealed, "given_by": by, "given_at": now}
    statement = insert(CONTACT).values(row)
    await execute(work.connection, statement.on_conflict_do_update(index_elements=["subject_id"], set_=row))


async def record_read(  # noqa: PLR0913 - who read what when
    work: Work,
    read_id: UUID,
    *,
    order_id: UUID,
    enterprise_id: UUID,
    by: Actor,
    now: datetime,
) -> None:
    """Record that somebody else than the buyer is shown the contact of an order."""
    row = {
        "id": read_id,
        "order_id": order_id,
        "enterprise_id": enterprise_id,
        "account_id": by.account_id,
        "organisation_id": by.organisation_id,
        "role": by.role,
        "read_at": now,
    }
    await execute(work.connection, insert(CONTACT_READ).values(row))


async def forget(work: Work, subject_id: UUID) -> None:
    """Delete a contact; one that is not there is no error."""
    await execute(work.connection, delete(CONTACT).where(CONTACT.c.subject_id == subject_id))
