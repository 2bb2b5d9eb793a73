"""Local copies of ties and orders, fed by identity's and order's facts; a batch is one statement."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import select

from services.settlement.domain.states import LIVE_ITEMS
from services.settlement.tables import ITEM, ORDER
from shared.contracts.messages.identity import AffiliationEnded, AffiliationRecorded
from shared.contracts.messages.order import OrderLine, OrderPlaced
from shared.runtime.sql import Connection, Record, fetch_all
from shared.runtime.work import Work

_COPY_TIES = """
INSERT INTO affiliation (affiliation_id, enterprise_id, provider_id, kind, origin, recorded_at, ended, version)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::timestamptz[], $7::bool[],
                     $8::int[])
ON CONFLICT (affiliation_id) DO UPDATE SET ended = EXCLUDED.ended, version = EXCLUDED.version
WHERE affiliation.version <= EXCLUDED.version
"""
_ADD_ORDERS = """
INSERT INTO order_copy (order_id, number, enterprise_id, provider_id, year, placed_at, state, confirmed_at,
                        refund_open, lines, fee_fen, voucher_fen, claim_id, version)
SELECT n.order_id, n.number, n.enterprise_id, n.provider_id, n.year, n.placed_at, n.state, n.confirmed_at,
       n.refund_open, n.lines::jsonb, n.fee_fen, n.voucher_fen, n.claim_id, n.version
FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::uuid[], $5::int[], $6::timestamptz[], $7::text[],
            $8::timestamptz[], $9::bool[], $10::text[], $11::bigint[], $12::bigint[], $13::uuid[], $14::int[])
     AS n(order_id, number, enterprise_id, provider_id, year, placed_at, state, confirmed_at, refund_open, lines,
          fee_fen, voucher_fen, claim_id, version)
ON CONFLICT DO NOTHING
"""
# The columns that a fact may change, with their array types. Where a fact says nothing (NULL), the column stays. Lines
# travel as text: the driver would take a list of lists for an array of two dimensions.
_CHANGING = {
    "state": "text",
    "confirmed_at": "timestamptz",
    "refund_open": "bool",
    "lines": "text",
    "fee_fen": "bigint",
    "voucher_fen": "bigint",
}


def _value(name: str) -> str:
    return f"n.{name}::jsonb" if name == "lines" else f"n.{name}"


_CHANGE_ORDERS = f"""
UPDATE order_copy o SET {", ".join(f"{name} = COALESCE({_value(name)}, o.{name})" for name in _CHANGING)},
    claim_id = CASE WHEN n.unclaimed THEN NULL ELSE COALESCE(n.claim_id, o.claim_id) END, version = n.version
FROM unnest($1::uuid[], $2::int[], $3::uuid[], $4::bool[],
            {", ".join(f"${place}::{kind}[]" for place, kind in enumerate(_CHANGING.values(), start=5))})
     AS n(order_id, version, claim_id, unclaimed, {", ".join(_CHANGING)})
WHERE o.order_id = n.order_id
"""  # noqa: S608 - column names from this module
_LINES = "SELECT order_id, lines FROM order_copy WHERE order_id = ANY($1::uuid[])"


class OrderChange(msgspec.Struct, frozen=True, kw_only=True):
    """What facts change in the copy of an order; None leaves a column as it is. Amounts in fen."""

    order_id: UUID
    version: int
    claim_id: UUID | None = None
    unclaimed: bool = False
    state: str | None = None
    confirmed_at: datetime | None = None
    refund_open: bool | None = None
    lines: str | None = None
    """JSON, see `lines_text`."""
    fee_fen: int | None = None
    voucher_fen: int | None = None

    def then(self, later: "OrderChange") -> "OrderChange":
        """This change and a later one of the same order in one."""
        said = {name: value for name in _CHANGING if (value := getattr(later, name)) is not None}
        claim = {"claim_id": later.claim_id, "unclaimed": later.unclaimed}
        if later.claim_id is None and not later.unclaimed:
            claim = {}
        return msgspec.structs.replace(self, version=later.version, **said, **claim)


_CHANGE_FIELDS = ("order_id", "version", "claim_id", "unclaimed", *_CHANGING)


async def copy_ties(work: Work, facts: Sequence[AffiliationRecorded | AffiliationEnded]) -> None:
    """Keep ties between enterprises and providers; at most one fact of each."""
    rows = [(fact.affiliation_id, fact.enterprise_id, fact.provider_id, *_why(fact), fact.version) for fact in facts]
    await work.connection.execute(_COPY_TIES, *_arrays(rows))


def _why(fact: AffiliationRecorded | AffiliationEnded) -> tuple[str, str, datetime | None, bool]:
    if isinstance(fact, AffiliationEnded):
        return "", "", None, True
    return fact.kind, fact.origin, fact.recorded_at, False


async def add_orders(work: Work, orders: Sequence[tuple[OrderPlaced, OrderChange | None]]) -> None:
    """Keep newly placed orders as they are after what has changed since."""
    await work.connection.execute(_ADD_ORDERS, *_arrays([_order_row(fact, change) for fact, change in orders]))


def _order_row(fact: OrderPlaced, change: OrderChange | None) -> tuple[Any, ...]:
    placed = OrderChange(
        order_id=fact.order_id,
        version=fact.version,
        state="placed",
        refund_open=False,
        fee_fen=fact.fee_fen,
        voucher_fen=fact.voucher_fen,
    )
    now = placed.then(change) if change else placed
    lines = now.lines or lines_text(fact.lines)
    return (
        *(fact.order_id, fact.number, fact.enterprise_id, fact.provider_id, fact.year, fact.placed_at),
        *(now.state, now.confirmed_at, now.refund_open, lines, now.fee_fen, now.voucher_fen, now.claim_id, now.version),
    )


async def change_orders(work: Work, changes: Sequence[OrderChange]) -> None:
    """Apply later facts, at most one change of each order; the cursor has already put facts in order."""
    rows = [tuple(getattr(change, name) for name in _CHANGE_FIELDS) for change in changes]
    await work.connection.execute(_CHANGE_ORDERS, *_arrays(rows))


async def order_lines(connection: Connection, order_ids: Sequence[UUID]) -> Mapping[UUID, Sequence[OrderLine]]:
    """The lines of orders that are not refunded, by order; an unknown order is left out."""
    rows = await connection.fetch(_LINES, order_ids)
    return {row["order_id"]: msgspec.convert(row["lines"], list[OrderLine]) for row in rows}


def lines_text(lines: object) -> str:
    """Lines as the statements of this module take them."""
    return msgspec.json.encode(lines).decode()


def _arrays(rows: Sequence[tuple[Any, ...]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]


async def lock_orders(connection: Connection, order_ids: Collection[UUID], *, provider_id: UUID) -> dict[UUID, Record]:
    """A provider's own orders of these, locked in one order: state, refund_open, voucher_fen."""
    wanted = (
        select(ORDER.c.order_id, ORDER.c.state, ORDER.c.refund_open, ORDER.c.voucher_fen)
        .where(ORDER.c.order_id.in_(sorted(order_ids)), ORDER.c.provider_id == provider_id)
        .order_by(ORDER.c.order_id)
        .with_for_update()
    )
    return {row["order_id"]: row for row in await fetch_all(connection, wanted)}


async def held_orders(connection: Connection, order_ids: Collection[UUID]) -> set[UUID]:
    """Those of the orders that a filed claim holds; a statement of its own, read after their lock.

    A lock that was waited for does not renew the snapshot of the statement that waited.
    """
    held = select(ITEM.c.order_id).where(ITEM.c.state.in_(sorted(LIVE_ITEMS)), ITEM.c.order_id.in_(sorted(order_ids)))
    return {row["order_id"] for row in await fetch_all(connection, held)}
