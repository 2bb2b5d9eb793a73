"""Sealed contacts of enterprises; those of single orders are written with their orders."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert

from services.order.tables import CONTACT
from shared.runtime.db import Connection, execute


async def keep(connection: Connection, subject_id: UUID, *, sealed: bytes, by: UUID | None, now: datetime) -> None:
    """Write a contact in place of the one before."""
    row = {"subject_id": subject_id, "sealed": sealed, "given_by": by, "given_at": now}
    statement = insert(CONTACT).values(row)
    await execute(connection, statement.on_conflict_do_update(index_elements=["subject_id"], set_=row))


async def forget(connection: Connection, subject_id: UUID) -> None:
    """Delete a contact; one that is not there is no error."""
    await execute(connection, delete(CONTACT).where(CONTACT.c.subject_id == subject_id))
