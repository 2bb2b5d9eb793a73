"""Orders, read with their sagas under the order row's lock; how orders and lines are written is declared here.

No index holds a column that changes, so a step of an order stays on its page (HOT).
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec

from services.order.domain.order import Order, RefundableLine
from services.order.domain.saga import Saga, SagaKind, SagaState
from services.order.domain.states import OrderState, RefundState
from services.order.domain.terms import NewLine, OrderParties, PartyStanding
from services.order.tables import LINE, ORDER
from shared.contracts.messages.base import Command
from shared.contracts.messages.settlement import OpenItem, RefuseItem
from shared.contracts.messages.voucher import VOUCHER_COMMANDS
from shared.kernel.refusals import invariant
from shared.runtime.sql import WAS, Connection, Insert, Record, Rows, Update
from shared.runtime.work import Work

_ORDER_FIELDS = Order.__struct_fields__
SAGA_FIELDS = (
    *("id", "kind", "order_id", "state", "number", "pending_name", "pending", "version", "late", "last_event"),
    *("claim_id", "paid_fen"),
)
"""The columns of a saga that `saga_of` reads."""
_WIDTH = len(SAGA_FIELDS)
_COMMANDS: tuple[type[Command], ...] = (*VOUCHER_COMMANDS, OpenItem, RefuseItem)
_DECODERS: Mapping[str, msgspec.json.Decoder[Command]] = {
    kind.type_name(): msgspec.json.Decoder(kind) for kind in _COMMANDS
}
_STANDING_FIELDS = PartyStanding.__struct_fields__
_BEGIN_EMPTY = frozenset(
    {
        *("refunded_fee_fen", "refunded_voucher_fen", "refund_state", "confirmed_at", "ended_at", "reason"),
        *("refusal_code", "refusal_article", "refusal_detail", "claim_id", "paid_fen"),
    }
)
_CHANGING = _BEGIN_EMPTY | {"state", "version", "confirm_due_at"}

ORDERS: Rows[Order] = Rows(
    ORDER,
    guard="version",
    insert=Insert(
        omit=_BEGIN_EMPTY,
        common=frozenset(
            {"year", "state", "version", "agreement_version", "pack_version", "placed_at", "confirm_due_at"}
        ),
    ),
    # What the orders of one batch have in common: they are of one moment, and most take the same step.
    update=Update(columns=_CHANGING, common=_CHANGING | {WAS}),
)
"""Orders; a new one is a `NewOrder`."""
_PRICED = (
    *("line", "component", "unit", "quantity"),
    *("price_fen", "fee_fen", "rate_bp", "voucher_max_fen", "voucher_fen"),
)
_OFFERED = ("product_id", "edition", "product_name", "class_code", "service_standard")
LINES: Rows[NewLine] = Rows(
    LINE,
    insert=Insert(omit=frozenset({"refund_id"})),
    fields={
        **{name: f"priced.{name}" for name in _PRICED},
        **{name: f"priced.offer.{name}" for name in _OFFERED},
        "offer_version": "priced.offer.version",
    },
)

# The order row's lock also guards all sagas of the order; a statement that had to wait for the lock joins the row as it
# is now with other rows as they were before. So sagas are read by a later statement, or locked by the same one, which
# reads them anew as well. Rows are locked in the order of the orders' ids.
_FIND = f"""
SELECT {", ".join(_ORDER_FIELDS)} FROM cloud_order WHERE id = ANY($1::uuid[]) ORDER BY id
"""  # noqa: S608 - column names from this module
_LOCK = f"{_FIND} FOR UPDATE"
_LOCK_WITH_SAGAS = f"""
SELECT {", ".join(f"s.{name}" for name in SAGA_FIELDS)},
       {", ".join(f"o.{name} AS order_{name}" for name in _ORDER_FIELDS)}
FROM saga s JOIN cloud_order o ON o.id = s.order_id
WHERE s.id = ANY(ARRAY(SELECT unnest($1::uuid[]) UNION SELECT order_id FROM saga WHERE id = ANY($1::uuid[])))
ORDER BY o.id FOR UPDATE OF o, s
"""  # noqa: S608 - as above
# Nobody's lock is held here: what stands in two rows is read in one snapshot.
_WITH_PURCHASE = f"""
SELECT {", ".join(f"s.{name}" for name in SAGA_FIELDS)},
       {", ".join(f"o.{name} AS order_{name}" for name in _ORDER_FIELDS)}
FROM cloud_order o LEFT JOIN saga s ON s.id = o.id WHERE o.id = ANY($1::uuid[]) ORDER BY o.id
"""  # noqa: S608 - as above
_SAGAS = f"SELECT {', '.join(SAGA_FIELDS)} FROM saga WHERE id = ANY($1::uuid[])"  # noqa: S608 - as above
_WITH_PARTIES = f"""
SELECT {", ".join(f"s.{name}" for name in SAGA_FIELDS)}, o.id AS decided_id,
       (SELECT a.kind FROM affiliation a WHERE a.enterprise_id = o.enterprise_id AND a.provider_id = o.provider_id
            AND NOT a.ended LIMIT 1),
       (SELECT min(f.delisted_at) FROM order_line l JOIN offer f ON f.product_id = l.product_id
            AND f.edition = l.edition WHERE l.order_id = o.id),
       {", ".join(f"e.{name}" for name in _STANDING_FIELDS)},
       {", ".join(f"p.{name}" for name in _STANDING_FIELDS)}
FROM cloud_order o JOIN party e ON e.organisation_id = o.enterprise_id JOIN party p ON p.organisation_id = o.provider_id
LEFT JOIN saga s ON s.id = o.id
WHERE o.id = ANY($1::uuid[])
"""  # noqa: S608 - as above
_LINES = """
SELECT order_id, line, fee_fen, voucher_fen, refund_id FROM order_line WHERE order_id = ANY($1::uuid[])
ORDER BY order_id, line
"""
_MARK_REFUNDED = """
UPDATE order_line SET refund_id = $2 WHERE order_id = $1 AND line = ANY($3::int[]) AND refund_id IS NULL
"""
_UNCONFIRMED_OF_PARTY = """
SELECT id FROM cloud_order WHERE (enterprise_id = $1 OR provider_id = $1)
  AND state IN ('placed', 'awaiting_confirmation') ORDER BY id LIMIT $2
"""
_UNCONFIRMED_OF_PAIR = """
SELECT id FROM cloud_order WHERE enterprise_id = $1 AND provider_id = $2
  AND state IN ('placed', 'awaiting_confirmation') ORDER BY id LIMIT $3
"""
_UNCONFIRMED_OF_PRODUCT = """
SELECT DISTINCT o.id FROM order_line l JOIN cloud_order o ON o.id = l.order_id
WHERE l.product_id = $1 AND o.state IN ('placed', 'awaiting_confirmation') ORDER BY o.id LIMIT $2
"""
_UNCONFIRMED_OF_CLOSED_YEARS = """
SELECT id FROM cloud_order WHERE state IN ('placed', 'awaiting_confirmation') AND voucher_fen > 0 AND year < $1
ORDER BY id LIMIT $2
"""


def order_of(row: Record) -> Order:
    """The order of a row that has its columns, and only these."""
    return _order(row.values())


def _order(columns: Iterable[Any]) -> Order:
    values = dict(zip(_ORDER_FIELDS, columns, strict=True))
    values["state"] = OrderState(values["state"])
    values["refund_state"] = RefundState(values["refund_state"])
    return Order(**values)


async def find(connection: Connection, ids: Sequence[UUID]) -> list[Order]:
    """Orders as they stand, without a lock; those that do not exist are left out."""
    return [order_of(row) for row in await connection.fetch(_FIND, ids)]


async def find_with_purchase(connection: Connection, ids: Sequence[UUID]) -> list[tuple[Order, Saga | None]]:
    """Orders and their purchase sagas as they stood at one moment, without a lock."""
    rows = await connection.fetch(_WITH_PURCHASE, ids)
    return [(_order(row[_WIDTH:]), saga_of(row) if row["id"] is not None else None) for row in rows]


async def lock(connection: Connection, ids: Sequence[UUID]) -> list[Order]:
    """Orders, locked in id order; those that do not exist are left out."""
    return [order_of(row) for row in await connection.fetch(_LOCK, ids)]


async def lock_by_saga(connection: Connection, saga_ids: Sequence[UUID]) -> tuple[list[Order], list[Saga]]:
    """The orders that sagas of any kind are about, locked in id order, with these sagas and the purchase sagas."""
    rows = await connection.fetch(_LOCK_WITH_SAGAS, saga_ids)
    orders = {row["order_id"]: row[_WIDTH:] for row in rows}
    return [_order(values) for values in orders.values()], [saga_of(row) for row in rows]


def saga_of(row: Record) -> Saga:
    """The saga of a row that begins with its columns."""
    saga_id, kind, order_id, state, number, name, body, version, late, last_event, claim_id, paid_fen = row[:_WIDTH]
    return Saga(
        id=saga_id,
        kind=SagaKind(kind),
        order_id=order_id,
        state=SagaState(state),
        number=number,
        pending=_DECODERS[name].decode(body) if name else None,
        version=version,
        late=late,
        last_event=last_event,
        claim_id=claim_id,
        paid_fen=paid_fen,
    )


async def find_sagas(connection: Connection, ids: Sequence[UUID]) -> list[Saga]:
    """Sagas by id; the caller holds the locks of their orders."""
    return [saga_of(row) for row in await connection.fetch(_SAGAS, ids)]


async def find_purchases(
    connection: Connection, order_ids: Sequence[UUID]
) -> tuple[list[Saga], dict[UUID, OrderParties]]:
    """The purchase sagas of orders and what conditions ask of their parties; the caller holds the orders' locks."""
    rows = await connection.fetch(_WITH_PARTIES, order_ids)
    pairs: dict[UUID, OrderParties] = {}
    for row in rows:
        order_id, tie, delisted_at, *standings = row[_WIDTH:]
        width = len(_STANDING_FIELDS)
        pairs[order_id] = OrderParties(
            enterprise=_standing(standings[:width]),
            provider=_standing(standings[width:]),
            tie=tie or "",
            delisted_at=delisted_at,
        )
    return [saga_of(row) for row in rows if row["id"] is not None], pairs


def _standing(columns: Sequence[Any]) -> PartyStanding:
    return PartyStanding(**dict(zip(_STANDING_FIELDS, columns, strict=True)))


async def find_lines(connection: Connection, order_id: UUID) -> list[RefundableLine]:
    """The lines of one order as a refund sees them."""
    return [
        RefundableLine(
            line=row["line"],
            fee_fen=row["fee_fen"],
            voucher_fen=row["voucher_fen"],
            refunded=row["refund_id"] is not None,
        )
        for row in await connection.fetch(_LINES, [order_id])
    ]


async def mark_refunded(work: Work, order_id: UUID, *, refund_id: UUID, lines: Sequence[int]) -> None:
    """Tie refunded lines to their refund. Raises: Bug when one is refunded already."""
    status = await work.connection.execute(_MARK_REFUNDED, order_id, refund_id, lines)
    invariant(status == f"UPDATE {len(lines)}", "a line is refunded once")


async def find_unconfirmed_of_party(connection: Connection, organisation_id: UUID, *, limit: int) -> list[UUID]:
    """Unconfirmed orders in which an organisation buys or sells."""
    return [row["id"] for row in await connection.fetch(_UNCONFIRMED_OF_PARTY, organisation_id, limit)]


async def find_unconfirmed_of_pair(
    connection: Connection, enterprise_id: UUID, provider_id: UUID, *, limit: int
) -> list[UUID]:
    """Unconfirmed orders between these two."""
    return [row["id"] for row in await connection.fetch(_UNCONFIRMED_OF_PAIR, enterprise_id, provider_id, limit)]


async def find_unconfirmed_of_product(connection: Connection, product_id: UUID, *, limit: int) -> list[UUID]:
    """Unconfirmed orders with a line of a product."""
    return [row["id"] for row in await connection.fetch(_UNCONFIRMED_OF_PRODUCT, product_id, limit)]


async def find_unconfirmed_before(connection: Connection, year: int, *, limit: int) -> list[UUID]:
    """Unconfirmed voucher orders of years before `year`."""
    return [row["id"] for row in await connection.fetch(_UNCONFIRMED_OF_CLOSED_YEARS, year, limit)]
