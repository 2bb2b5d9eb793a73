"""Local copies of parties and orders, fed by identity's and order's facts."""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert

from services.settlement.domain.states import LIVE_ITEMS
from services.settlement.tables import ITEM, ORDER, PARTY
from shared.contracts.messages.identity import Party
from shared.runtime.db import Connection, execute, fetch_all, fetch_one


async def save_party(connection: Connection, organisation_id: UUID, *, party: Party, version: int) -> None:
    """Keep what settlement needs to know of an organisation."""
    values = {
        "kind": party.kind,
        "name": party.name,
        "credit_code": party.credit_code,
        "recognised": party.recognised,
        "suspended_since": party.suspended_since,
        "closed": party.closed,
        "version": version,
    }
    statement = insert(PARTY).values(organisation_id=organisation_id, **values)
    await execute(connection, statement.on_conflict_do_update(index_elements=["organisation_id"], set_=values))


async def add_order(connection: Connection, values: dict[str, object]) -> None:
    """Keep a newly placed order."""
    await execute(connection, insert(ORDER).values(**values).on_conflict_do_nothing())


async def change_order(connection: Connection, order_id: UUID, *, values: dict[str, object]) -> None:
    """Apply a later fact to an order; the cursor has already put facts in order."""
    await execute(connection, update(ORDER).where(ORDER.c.order_id == order_id).values(**values))


async def order_lines(connection: Connection, order_id: UUID) -> list[dict[str, int]]:
    """The lines of an order that are not refunded."""
    row = await fetch_one(connection, select(ORDER.c.lines).where(ORDER.c.order_id == order_id))
    return [] if row is None else list(row["lines"])


async def lock_claimable(connection: Connection, order_ids: Collection[UUID], *, provider_id: UUID) -> set[UUID]:
    """Those of the orders that this provider may claim now, locked in one order."""
    wanted = (
        select(ORDER.c.order_id)
        .where(
            ORDER.c.order_id.in_(sorted(order_ids)),
            ORDER.c.provider_id == provider_id,
            ORDER.c.state == "confirmed",
            ~ORDER.c.refund_open,
            ORDER.c.voucher_fen > 0,
        )
        .order_by(ORDER.c.order_id)
        .with_for_update()
    )
    locked = {row["order_id"] for row in await fetch_all(connection, wanted)}
    # A statement of its own: a lock that was waited for does not renew the snapshot of the statement that waited.
    held = select(ITEM.c.order_id).where(ITEM.c.state.in_(sorted(LIVE_ITEMS)), ITEM.c.order_id.in_(sorted(order_ids)))
    return locked - {row["order_id"] for row in await fetch_all(connection, held)}
