"""Who was shown an order's contact person, for auditors and supervisors. Source: R7, R8, R9."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from services.order.tables import CONTACT_READ
from shared.contracts.http.lists import Page, page_of
from shared.contracts.http.resources import Resource
from shared.runtime.sql import Connection, Place, fetch_all


class ContactReadItem(Resource):
    """One reading of the contact person of an order's buyer, by somebody else than the buyer."""

    id: UUID
    order_id: UUID
    enterprise_id: UUID
    account_id: UUID
    organisation_id: UUID | None
    role: str
    read_at: datetime


async def list_contact_reads(
    connection: Connection, *, order_id: UUID | None, account_id: UUID | None, place: Place
) -> Page[ContactReadItem]:
    """A page of readings, newest first."""
    statement = select(CONTACT_READ)
    for column, wanted in (
        (CONTACT_READ.c.order_id, order_id),
        (CONTACT_READ.c.account_id, account_id),
    ):
        if wanted is not None:
            statement = statement.where(column == wanted)
    if place.after is not None:
        statement = statement.where(CONTACT_READ.c.id < place.after)
    rows = await fetch_all(connection, statement.order_by(CONTACT_READ.c.id.desc()).limit(place.limit + 1))
    items = [ContactReadItem(**dict(row)) for row in rows]
    return page_of(items, limit=place.limit, ids=[item.id for item in items])
