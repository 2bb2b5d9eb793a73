"""Orders and their sagas: loaded under the order row's lock, saved in one statement that writes what changed.

The statement is put together from the columns that a batch has changed; few combinations occur and stay prepared. No
index holds a column that changes, so a step of an order stays on its page (HOT).
"""

from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import Any
from uuid import UUID

from services.order.domain.order import Order, RefundableLine
from services.order.domain.saga import Saga
from services.order.domain.states import OrderState, RefundState
from services.order.store import sagas as saga_store
from shared.kernel.refusals import invariant
from shared.runtime.batch import Packed, Shape, Source, pack
from shared.runtime.db import Connection, Record
from shared.runtime.said import Deferred, Part, deferred

_ORDER_FIELDS = Order.__struct_fields__
_MUTABLE = {
    "state": "text",
    "version": "int",
    "refunded_fee_fen": "bigint",
    "refunded_voucher_fen": "bigint",
    "refund_state": "text",
    "confirm_due_at": "timestamptz",
    "confirmed_at": "timestamptz",
    "ended_at": "timestamptz",
    "reason": "text",
    "refusal_code": "text",
    "refusal_article": "text",
    "refusal_detail": "text",
    "claim_id": "uuid",
    "paid_fen": "bigint",
}
_PLACED = {
    "id": "uuid",
    "number": "text",
    "enterprise_id": "uuid",
    "provider_id": "uuid",
    "region": "text",
    "year": "int",
    "state": "text",
    "version": "int",
    "fee_fen": "bigint",
    "voucher_fen": "bigint",
    "agreement_version": "text",
    "pack_version": "text",
    "enterprise_version": "int",
    "provider_version": "int",
    "placed_by": "uuid",
    "placed_at": "timestamptz",
    "confirm_due_at": "timestamptz",
}
_LINE = {
    "order_id": "uuid",
    "line": "int",
    "product_id": "uuid",
    "edition": "int",
    "offer_version": "int",
    "product_name": "text",
    "class_code": "text",
    "component": "text",
    "unit": "text",
    "service_standard": "text",
    "quantity": "int",
    "price_fen": "bigint",
    "fee_fen": "bigint",
    "rate_bp": "int",
    "voucher_max_fen": "bigint",
    "voucher_fen": "bigint",
}


_CONTACT = {"subject_id": "uuid", "sealed": "bytea", "given_by": "uuid", "given_at": "timestamptz"}
_MUTABLE_OF = attrgetter(*_MUTABLE)
_MOVED_TYPES = {"id": "uuid", "was": "int", **_MUTABLE}
# What the orders of one batch have in common: they are of one moment, and most take the same step.
_MOVED_COMMON = frozenset({"was", *_MUTABLE})
_PLACED_COMMON = frozenset(
    {"year", "state", "version", "agreement_version", "pack_version", "placed_at", "confirm_due_at"}
)

# The order row's lock also guards all sagas of the order; a statement that had to wait for the lock joins the row as it
# is now with other rows as they were before. So sagas are read by a later statement, or locked by the same one, which
# reads them anew as well. Rows are locked in the order of the orders' ids.
_FIND = f"""
SELECT {", ".join(_ORDER_FIELDS)} FROM cloud_order WHERE id = ANY($1::uuid[]) ORDER BY id
"""  # noqa: S608 - column names from this module
_LOCK = f"{_FIND} FOR UPDATE"
_LOCK_WITH_SAGAS = f"""
SELECT {saga_store.COLUMNS}, {", ".join(f"o.{name} AS order_{name}" for name in _ORDER_FIELDS)}
FROM saga s JOIN cloud_order o ON o.id = s.order_id
WHERE s.id = ANY(ARRAY(SELECT unnest($1::uuid[]) UNION SELECT order_id FROM saga WHERE id = ANY($1::uuid[])))
ORDER BY o.id FOR UPDATE OF o, s
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


def _save_parts(shapes: tuple[Shape, Shape, Shape], first: int) -> list[Part]:
    """Update orders and sagas, and insert new sagas; one without a shape is left out."""
    moved, stepped, begun = shapes
    parts: list[Part] = []
    if moved:
        n = Source(moved, _MOVED_TYPES, first=first)
        assignments = ", ".join(f"{name} = {value}" for name, value in n.of.items() if name not in {"id", "was"})
        guard = f"o.id = n.id AND o.version = {n.of['was']}"
        parts.append(Part(f"UPDATE cloud_order o SET {assignments} FROM {n.rows} WHERE {guard}", counted=True))  # noqa: S608 - names from this module
        first = n.after
    if stepped:
        parts.append(Part(saga_store.step_statement(stepped, first=first), counted=True))
        first += len(stepped)
    if begun:
        parts.append(Part(saga_store.begin_statement(begun, first=first)))
    return parts


def _insert_parts(shapes: tuple[Shape, Shape, Shape, Shape], first: int) -> list[Part]:
    """Insert orders, their sagas and contacts where there are any, and their lines."""
    placed, begun, lines, contacts = shapes
    order = Source(placed, _PLACED, first=first)
    parts, first = [Part(order.insert("cloud_order"))], order.after
    if begun:
        parts.append(Part(saga_store.begin_statement(begun, first=first)))
        first += len(begun)
    line = Source(lines, _LINE, first=first)
    parts.append(Part(line.insert("order_line")))
    if contacts:
        parts.append(Part(Source(contacts, _CONTACT, first=line.after).insert("contact")))
    return parts


_NOTHING = Packed((), ())


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


async def lock(connection: Connection, ids: Sequence[UUID]) -> list[Order]:
    """Orders, locked in id order; those that do not exist are left out."""
    return [order_of(row) for row in await connection.fetch(_LOCK, ids)]


async def lock_by_saga(connection: Connection, saga_ids: Sequence[UUID]) -> tuple[list[Order], list[Saga]]:
    """The orders that sagas of any kind are about, locked in id order, with these sagas and the purchase sagas."""
    rows = await connection.fetch(_LOCK_WITH_SAGAS, saga_ids)
    width = len(saga_store.SAGA_COLUMNS)
    orders = {row["order_id"]: row[width:] for row in rows}
    return [_order(values) for values in orders.values()], [saga_store.saga_of(row) for row in rows]


def saved(
    *, orders: Sequence[tuple[Order, Order]], sagas: Sequence[tuple[Saga, Saga]], begun: Sequence[Saga]
) -> Deferred:
    """Orders and sagas to be written, each as loaded and as decided, and new sagas; guarded by their versions."""
    packed = (_moved(orders), saga_store.stepped(sagas), saga_store.begun(begun))
    return deferred(_save_parts, packed, updates=len(orders) + len(sagas))


def _moved(orders: Sequence[tuple[Order, Order]]) -> Packed:
    """The columns that differ in any of the orders, and always the version."""
    if not orders:
        return _NOTHING
    pairs = [(_MUTABLE_OF(before), _MUTABLE_OF(after)) for before, after in orders]
    changed = [
        place
        for place, name in enumerate(_MUTABLE)
        if name == "version" or any(before[place] != after[place] for before, after in pairs)
    ]
    rows = [
        (before.id, before.version, *(values[place] for place in changed))
        for (before, _), (_, values) in zip(orders, pairs, strict=True)
    ]
    names = tuple(_MUTABLE)
    return pack(("id", "was", *(names[place] for place in changed)), rows, common=_MOVED_COMMON)


def inserted(
    *,
    orders: Sequence[tuple[Any, ...]],
    sagas: Sequence[Saga],
    lines: Sequence[tuple[Any, ...]],
    contacts: Sequence[tuple[Any, ...]],
) -> Deferred:
    """New orders to be written (values of PLACED_COLUMNS), their sagas, lines (LINE_COLUMNS) and sealed contacts."""
    packed = (
        pack(PLACED_COLUMNS, orders, common=_PLACED_COMMON),
        saga_store.begun(sagas),
        pack(LINE_COLUMNS, lines, common=frozenset()),
        pack(tuple(_CONTACT), contacts, common=frozenset()) if contacts else _NOTHING,
    )
    return deferred(_insert_parts, packed)


PLACED_COLUMNS = tuple(_PLACED)
LINE_COLUMNS = tuple(_LINE)


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


async def mark_refunded(connection: Connection, order_id: UUID, *, refund_id: UUID, lines: Sequence[int]) -> None:
    """Tie refunded lines to their refund. Raises: Bug when one is refunded already."""
    status = await connection.execute(_MARK_REFUNDED, order_id, refund_id, lines)
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
