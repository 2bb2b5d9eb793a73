"""Saga rows: to and from columns, found by claim, found because nothing has moved them."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec

from services.order.domain.saga import RESTING, Kind, Saga, Step
from shared.contracts.messages.base import Command
from shared.contracts.messages.settlement import OpenItem, RefuseItem
from shared.contracts.messages.voucher import (
    ClaimVoucher,
    CommitVoucher,
    HoldVoucher,
    RedeemVoucher,
    RefundVoucher,
    ReleaseVoucher,
    UnclaimVoucher,
)
from shared.kernel.refusals import invariant
from shared.runtime.db import Connection, Record

RESEND_S = 30.0
WAIT_S = 2.0
SWEEP_MAX = 100

_COMMANDS: dict[str, type[Command]] = {
    kind.type_name(): kind
    for kind in (
        HoldVoucher,
        ReleaseVoucher,
        CommitVoucher,
        RefundVoucher,
        ClaimVoucher,
        UnclaimVoucher,
        RedeemVoucher,
        OpenItem,
        RefuseItem,
    )
}
_ENCODER = msgspec.json.Encoder()

# The columns a step writes, with their array types. `resend_s` becomes resend_at on the database's clock.
SAGA_COLUMNS = {
    "id": "uuid",
    "kind": "text",
    "order_id": "uuid",
    "state": "text",
    "number": "int",
    "pending_name": "text",
    "pending": "bytea",
    "version": "int",
    "late": "int",
    "last_event": "text",
    "claim_id": "uuid",
    "paid_fen": "bigint",
}
_NAMES = ", ".join(SAGA_COLUMNS)
_BY_CLAIM = f"""
SELECT {", ".join(f"s.{name}" for name in SAGA_COLUMNS)} FROM saga s
JOIN unnest($1::uuid[], $2::uuid[]) AS k(claim_id, order_id) ON s.claim_id = k.claim_id AND s.order_id = k.order_id
"""  # noqa: S608 - column names from this module
_BY_ID = f"SELECT {_NAMES} FROM saga WHERE id = ANY($1::uuid[])"  # noqa: S608 - as above
# Only the saga's own row is locked here, and rows that a step holds right now are passed over.
_SWEEP = f"""
UPDATE saga SET resend_at = clock_timestamp() + make_interval(secs => $2), resent = resent + 1
WHERE id IN (
    SELECT id FROM saga WHERE resend_at <= clock_timestamp() AND pending IS NOT NULL
    ORDER BY resend_at LIMIT $1 FOR UPDATE SKIP LOCKED
) RETURNING {_NAMES}
"""  # noqa: S608 - as above
_WAITING = """
SELECT s.id, s.order_id FROM saga s JOIN saga p ON p.id = s.order_id AND p.state = 'committed'
WHERE s.resend_at <= clock_timestamp() AND s.pending IS NULL ORDER BY s.resend_at LIMIT $1
"""


def saga_columns(saga: Saga) -> tuple[Any, ...]:
    """A saga as the values of SAGA_COLUMNS and the seconds after which it is looked at again."""
    name = saga.pending.type_name() if saga.pending is not None else ""
    body = _ENCODER.encode(saga.pending) if saga.pending is not None else None
    invariant(
        (saga.state in RESTING) == (saga.pending is None) or saga.state is Step.WAITING_FOR_COMMIT,
        "a saga rests or waits",
    )
    resend_s = RESEND_S if body is not None else WAIT_S if saga.state is Step.WAITING_FOR_COMMIT else None
    return (
        *(saga.id, saga.kind.value, saga.order_id, saga.state.value, saga.number, name, body, saga.version, saga.late),
        *(saga.last_event, saga.claim_id, saga.paid_fen, resend_s),
    )


def saga_of(row: Record) -> Saga:
    """The saga of a row that has its columns."""
    name = row["pending_name"]
    pending = msgspec.json.decode(row["pending"], type=_COMMANDS[name]) if name else None
    return Saga(
        id=row["id"],
        kind=Kind(row["kind"]),
        order_id=row["order_id"],
        state=Step(row["state"]),
        number=row["number"],
        pending=pending,
        version=row["version"],
        late=row["late"],
        last_event=row["last_event"],
        claim_id=row["claim_id"],
        paid_fen=row["paid_fen"],
    )


async def find_sagas(connection: Connection, ids: Sequence[UUID]) -> list[Saga]:
    """Sagas by id; the caller holds the locks of their orders."""
    return [saga_of(row) for row in await connection.fetch(_BY_ID, ids)]


async def find_claim_sagas(connection: Connection, items: Sequence[tuple[UUID, UUID]]) -> list[Saga]:
    """Sagas of (claim, order) pairs; the caller holds the locks of the orders."""
    rows = await connection.fetch(_BY_CLAIM, [item[0] for item in items], [item[1] for item in items])
    return [saga_of(row) for row in rows]


async def take_stale(connection: Connection) -> list[Saga]:
    """Sagas whose pending command nobody answered for RESEND_S, marked as sent again; at most SWEEP_MAX."""
    return [saga_of(row) for row in await connection.fetch(_SWEEP, SWEEP_MAX, RESEND_S)]


async def find_waiting(connection: Connection) -> list[tuple[UUID, UUID]]:
    """Saga and order of claims that waited for a commit which is known by now; at most SWEEP_MAX."""
    return [(row["id"], row["order_id"]) for row in await connection.fetch(_WAITING, SWEEP_MAX)]
