"""Orders and their sagas: loaded under the order row's lock, saved with arrays in one statement."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any
from uuid import UUID

from services.order.domain.order import Order, RefundableLine
from services.order.domain.saga import Saga
from services.order.domain.states import OrderState, RefundState
from services.order.store.sagas import SAGA_COLUMNS, saga_columns
from shared.kernel.refusals import invariant
from shared.runtime.db import Connection, Record

_ORDER_FIELDS = tuple(one.name for one in fields(Order))
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


def _unnest(columns: Mapping[str, str], *, first: int) -> str:
    arrays = ", ".join(f"${place}::{kind}[]" for place, kind in enumerate(columns.values(), start=first))
    return f"unnest({arrays}) AS n({', '.join(columns)})"


def _save_sagas(*, first: int) -> str:
    """Insert new sagas and step old ones; both under the lock of the saga's order row."""
    columns = {**SAGA_COLUMNS, "resend_s": "float8"}
    kept = [name for name in SAGA_COLUMNS if name not in {"id", "kind", "order_id", "claim_id"}]
    return f"""
    INSERT INTO saga ({", ".join(SAGA_COLUMNS)}, started_at, moved_at, resend_at)
    SELECT {", ".join(f"n.{name}" for name in SAGA_COLUMNS)}, clock_timestamp(), clock_timestamp(),
           clock_timestamp() + make_interval(secs => n.resend_s)
    FROM {_unnest(columns, first=first)}
    ON CONFLICT (id) DO UPDATE SET {", ".join(f"{name} = EXCLUDED.{name}" for name in kept)},
        moved_at = EXCLUDED.moved_at, resend_at = EXCLUDED.resend_at
    """  # noqa: S608 - column names from this module


# The order row's lock also guards all sagas of the order; sagas are read by a later statement, because one that had to
# wait for the lock would join the row as it is now with sagas as they were before. Rows are locked in id order.
_LOCK = f"""
SELECT {", ".join(_ORDER_FIELDS)} FROM cloud_order WHERE id = ANY($1::uuid[]) ORDER BY id FOR UPDATE
"""  # noqa: S608 - column names from this module
_LOCK_BY_SAGA = f"""
SELECT {", ".join(_ORDER_FIELDS)} FROM cloud_order
WHERE id = ANY(ARRAY(SELECT order_id FROM saga WHERE id = ANY($1::uuid[]))) ORDER BY id FOR UPDATE
"""  # noqa: S608 - as above
_SAVE = f"""
WITH moved AS (
    UPDATE cloud_order o SET {", ".join(f"{name} = n.{name}" for name in _MUTABLE)}
    FROM {_unnest({"id": "uuid", "was": "int", **_MUTABLE}, first=1)}
    WHERE o.id = n.id AND o.version = n.was RETURNING 1
), stepped AS ({_save_sagas(first=3 + len(_MUTABLE))})
SELECT count(*) FROM moved
"""  # noqa: S608 - as above
_INSERT = f"""
WITH placed AS (
    INSERT INTO cloud_order ({", ".join(_PLACED)}) SELECT * FROM {_unnest(_PLACED, first=1)}
), begun AS ({_save_sagas(first=1 + len(_PLACED))})
INSERT INTO order_line ({", ".join(_LINE)})
SELECT * FROM {_unnest(_LINE, first=2 + len(_PLACED) + len(SAGA_COLUMNS))}
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
_UNCONFIRMED_OF_PRODUCT = """
SELECT DISTINCT o.id FROM order_line l JOIN cloud_order o ON o.id = l.order_id
WHERE l.product_id = $1 AND o.state IN ('placed', 'awaiting_confirmation') ORDER BY o.id LIMIT $2
"""
_UNCONFIRMED_OF_CLOSED_YEARS = """
SELECT id FROM cloud_order WHERE state IN ('placed', 'awaiting_confirmation') AND voucher_fen > 0 AND year < $1
ORDER BY id LIMIT $2
"""


def _columns(rows: Sequence[Sequence[Any]], *, width: int) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in range(width)]


def _saga_arrays(sagas: Sequence[Saga]) -> list[list[Any]]:
    return _columns([saga_columns(saga) for saga in sagas], width=len(SAGA_COLUMNS) + 1)


def order_of(row: Record) -> Order:
    """The order of a row that has its columns."""
    values = {name: row[name] for name in _ORDER_FIELDS}
    values["state"] = OrderState(row["state"])
    values["refund_state"] = RefundState(row["refund_state"])
    return Order(**values)


async def lock(connection: Connection, ids: Sequence[UUID]) -> list[Order]:
    """Orders, locked in id order; those that do not exist are left out."""
    return [order_of(row) for row in await connection.fetch(_LOCK, ids)]


async def lock_by_saga(connection: Connection, saga_ids: Sequence[UUID]) -> list[Order]:
    """The orders that sagas of any kind are about, locked in id order."""
    return [order_of(row) for row in await connection.fetch(_LOCK_BY_SAGA, saga_ids)]


async def save(connection: Connection, *, orders: Sequence[tuple[int, Order]], sagas: Sequence[Saga]) -> None:
    """Write changed orders, each with the version it was loaded at, and sagas. Raises: Bug when a guard fails."""
    rows = [(order.id, was, *(getattr(order, name) for name in _MUTABLE)) for was, order in orders]
    moved = await connection.fetchval(_SAVE, *_columns(rows, width=2 + len(_MUTABLE)), *_saga_arrays(sagas))
    invariant(moved == len(orders), "every order was still at the version it was decided on")


async def insert(
    connection: Connection,
    *,
    orders: Sequence[tuple[Any, ...]],
    sagas: Sequence[Saga],
    lines: Sequence[tuple[Any, ...]],
) -> None:
    """Write new orders (values of PLACED_COLUMNS), their sagas and their lines (LINE_COLUMNS) in one statement."""
    await connection.execute(
        _INSERT,
        *_columns(orders, width=len(_PLACED)),
        *_saga_arrays(sagas),
        *_columns(lines, width=len(_LINE)),
    )


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


async def find_unconfirmed_of_product(connection: Connection, product_id: UUID, *, limit: int) -> list[UUID]:
    """Unconfirmed orders with a line of a product."""
    return [row["id"] for row in await connection.fetch(_UNCONFIRMED_OF_PRODUCT, product_id, limit)]


async def find_unconfirmed_before(connection: Connection, year: int, *, limit: int) -> list[UUID]:
    """Unconfirmed voucher orders of years before `year`."""
    return [row["id"] for row in await connection.fetch(_UNCONFIRMED_OF_CLOSED_YEARS, year, limit)]
