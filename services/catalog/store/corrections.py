"""Correction orders."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import insert, select

from services.catalog.tables import CORRECTION
from shared.runtime.sql import Connection, execute, fetch_all
from shared.runtime.work import Work


async def add_correction(work: Work, *, product_id: UUID, text: str, by: UUID, due_at: datetime) -> UUID:
    """Keep a correction order and give its id. Source: A12(2)5, R54."""
    correction_id = work.new_id()
    row = {
        "id": correction_id,
        "product_id": product_id,
        "text": text,
        "ordered_by": by,
        "ordered_at": work.now,
        "due_at": due_at,
    }
    await execute(work.connection, insert(CORRECTION).values(row))
    return correction_id


async def corrections_due_at(connection: Connection, product_id: UUID) -> list[datetime]:
    """When the time of each correction order of the product ends."""
    rows = await fetch_all(connection, select(CORRECTION.c.due_at).where(CORRECTION.c.product_id == product_id))
    return [row["due_at"] for row in rows]
