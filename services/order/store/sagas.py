"""Saga rows: to and from columns, found by claim, found because nothing has moved them.

`resend_at` is when the sweeper looks at a saga, on the database's clock, and the only changing column that an index
holds. An update that leaves it alone stays on its page and touches no index (HOT), so steps leave it alone when they
may: it is set when the saga begins, stays while commands are sent and answered, and is cleared by the step that comes
to rest. A purchase that is held rests too, but most go on soon: its time stays, and the sweeper clears it. So a
purchase confirmed within RESEND_S costs one update that is not HOT, its last.

The sweeper takes what is due: what rests it clears, what moved less than RESEND_S ago it puts off to RESEND_S after
that move, and only what stood still so long is sent again. Each saga is looked at about once in RESEND_S, whatever its
steps.

A command that was refused after the pivot is another matter: its receiver is there and has not yet seen what came
before it, which may take another way (two processes, a broken connection). It is asked again after REFUSED_S, and then
each time after twice as long, up to RESEND_S.

No saga is forgotten (I11): a step that leaves a command pending sets the time where there is none, on the newest row,
so also when the sweeper has cleared it meanwhile; and the table refuses a pending saga without a time.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec

from services.order.domain.parties import Pair, Standing
from services.order.domain.saga import RESTING, Kind, Saga, Step
from shared.contracts.messages.base import Command, Refused
from shared.contracts.messages.settlement import OpenItem, RefuseItem
from shared.contracts.messages.voucher import VOUCHER_COMMANDS
from shared.kernel.refusals import invariant
from shared.runtime.batch import Packed, Shape, Source, pack
from shared.runtime.db import Connection, Record

RESEND_S = 20.0
REFUSED_S = 1.0
WAIT_S = 2.0
SWEEP_MAX = 100

_COMMANDS: tuple[type[Command], ...] = (*VOUCHER_COMMANDS, OpenItem, RefuseItem)
_DECODERS: dict[str, msgspec.json.Decoder[Command]] = {
    kind.type_name(): msgspec.json.Decoder(kind) for kind in _COMMANDS
}
_ENCODER = msgspec.json.Encoder()

# The columns of a saga, with their types.
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
_WIDTH = len(SAGA_COLUMNS)
_STANDING_WIDTH = len(Standing.__struct_fields__)
_TYPES = {**SAGA_COLUMNS, "was": "int"}
_STEPPED = ("id", "was", "state", "number", "pending_name", "pending", "version", "last_event")
_SELDOM = ("late", "paid_fen")
# What the sagas of one batch have in common.
_STEPPED_COMMON = frozenset({*_STEPPED, *_SELDOM} - {"id"})
_BEGUN_COMMON = frozenset({"kind", "state", "number", "pending_name", "version", "late", "last_event", "paid_fen"})
_NAMES = ", ".join(SAGA_COLUMNS)
COLUMNS = ", ".join(f"s.{name}" for name in SAGA_COLUMNS)
"""What `saga_of` reads, of a row of `saga s`."""
_BY_CLAIM = f"""
SELECT {COLUMNS} FROM saga s
JOIN unnest($1::uuid[], $2::uuid[]) AS k(claim_id, order_id) ON s.claim_id = k.claim_id AND s.order_id = k.order_id
"""  # noqa: S608 - column names from this module
_BY_ID = f"SELECT {_NAMES} FROM saga WHERE id = ANY($1::uuid[])"  # noqa: S608 - as above
_WITH_PARTIES = f"""
SELECT {COLUMNS}, o.id AS decided_id,
       (SELECT a.kind FROM affiliation a WHERE a.enterprise_id = o.enterprise_id AND a.provider_id = o.provider_id
            AND NOT a.ended LIMIT 1),
       (SELECT min(f.delisted_at) FROM order_line l JOIN offer f ON f.product_id = l.product_id
            AND f.edition = l.edition WHERE l.order_id = o.id),
       {", ".join(f"e.{name}" for name in Standing.__struct_fields__)},
       {", ".join(f"p.{name}" for name in Standing.__struct_fields__)}
FROM cloud_order o JOIN party e ON e.organisation_id = o.enterprise_id JOIN party p ON p.organisation_id = o.provider_id
LEFT JOIN saga s ON s.id = o.id
WHERE o.id = ANY($1::uuid[])
"""  # noqa: S608 - as above
_REFUSED_PAUSE = f"make_interval(secs => LEAST({RESEND_S}, {REFUSED_S} * power(2, LEAST({{resent}}, 16))))"
# Only the saga's own row is locked here, and rows that a step holds right now are passed over. What waits for a commit
# has nothing to send and is found by _WAITING.
_SWEEP = f"""
WITH machine AS MATERIALIZED (SELECT clock_timestamp() AS now, make_interval(secs => $2) AS pause),
due AS MATERIALIZED (
    SELECT id, CASE WHEN last_event = '{Refused.name}' THEN {_REFUSED_PAUSE.format(resent="resent")}
                    ELSE (SELECT pause FROM machine) END AS pause
    FROM saga WHERE resend_at <= (SELECT now FROM machine) AND state <> '{Step.WAITING_FOR_COMMIT}'
    ORDER BY resend_at LIMIT $1 FOR UPDATE SKIP LOCKED
)
UPDATE saga s SET
    resend_at = CASE WHEN s.pending IS NULL THEN NULL WHEN s.moved_at > m.now - d.pause THEN s.moved_at + d.pause
                     ELSE m.now + m.pause END,
    resent = CASE WHEN s.pending IS NULL OR s.moved_at > m.now - d.pause THEN s.resent ELSE s.resent + 1 END
FROM machine m, due d WHERE s.id = d.id
RETURNING {COLUMNS},
    s.pending IS NOT NULL AND s.moved_at <= m.now - d.pause AS again
"""  # noqa: S608 - as above
_WAITING = """
SELECT s.id, s.order_id FROM saga s JOIN saga p ON p.id = s.order_id AND p.state = 'committed'
WHERE s.resend_at <= clock_timestamp() AND s.state = 'waiting_for_commit' ORDER BY s.resend_at LIMIT $1
"""


def begin_statement(shape: Shape, *, first: int) -> str:
    """The INSERT of a batch of `begun`; what is under way is looked at by the sweeper from then on."""
    n = Source(shape, _TYPES, first=first)
    return f"""
    INSERT INTO saga ({", ".join(n.of)}, started_at, moved_at, resend_at)
    SELECT {", ".join(n.of.values())}, clock_timestamp(), clock_timestamp(), clock_timestamp() + make_interval(
        secs => CASE WHEN {n.of["pending"]} IS NOT NULL THEN {RESEND_S}
                     WHEN {n.of["state"]} = '{Step.WAITING_FOR_COMMIT}' THEN {WAIT_S} END)
    FROM {n.rows}
    """  # noqa: S608 - column names and numbers from this module


def step_statement(shape: Shape, *, first: int) -> str:
    """The UPDATE of a batch of `stepped`, without RETURNING; the module's text says why `resend_at` is written so."""
    n = Source(shape, _TYPES, first=first)
    assignments = ", ".join(f"{name} = {value}" for name, value in n.of.items() if name not in {"id", "was"})
    return f"""
    UPDATE saga s SET {assignments}, moved_at = clock_timestamp(), resend_at = CASE
        WHEN {n.of["pending"]} IS NOT NULL AND {n.of["last_event"]} = '{Refused.name}'
            THEN clock_timestamp() + {_REFUSED_PAUSE.format(resent="s.resent")}
        WHEN {n.of["pending"]} IS NOT NULL THEN COALESCE(s.resend_at, clock_timestamp() + interval '{RESEND_S} s')
        WHEN {n.of["state"]} IN ('{Step.HELD}', '{Step.WAITING_FOR_COMMIT}') THEN s.resend_at END
    FROM {n.rows} WHERE s.id = n.id AND s.version = {n.of["was"]}
    """  # noqa: S608 - column names and numbers from this module


def begun(sagas: Sequence[Saga]) -> Packed:
    """New sagas as parameters of `begin_statement`."""
    if not sagas:
        return Packed((), ())
    rows = [
        (
            *(saga.id, saga.kind.value, saga.order_id, saga.state.value, saga.number, *_pending(saga), saga.version),
            *(saga.late, saga.last_event, saga.claim_id, saga.paid_fen),
        )
        for saga in sagas
    ]
    return pack(tuple(SAGA_COLUMNS), rows, common=_BEGUN_COMMON)


def stepped(sagas: Sequence[tuple[Saga, Saga]]) -> Packed:
    """Sagas as they were loaded and as they are now, as parameters of `step_statement`."""
    if not sagas:
        return Packed((), ())
    rows: list[tuple[Any, ...]] = [
        (
            *(saga.id, before.version, saga.state.value, saga.number, *_pending(saga), saga.version, saga.last_event),
            *(saga.late, saga.paid_fen),
        )
        for before, saga in sagas
    ]
    names: tuple[str, ...] = (*_STEPPED, *_SELDOM)
    if all(before.late == saga.late and before.paid_fen == saga.paid_fen for before, saga in sagas):
        names, rows = _STEPPED, [row[: len(_STEPPED)] for row in rows]
    return pack(names, rows, common=_STEPPED_COMMON)


def _pending(saga: Saga) -> tuple[str, bytes | None]:
    """The name and the JSON of the command that waits for its answer."""
    invariant(
        (saga.state in RESTING) == (saga.pending is None) or saga.state is Step.WAITING_FOR_COMMIT,
        "a saga rests or waits",
    )
    return ("", None) if saga.pending is None else (saga.pending.type_name(), _ENCODER.encode(saga.pending))


def saga_of(row: Record) -> Saga:
    """The saga of a row that begins with its columns."""
    saga_id, kind, order_id, state, number, name, body, version, late, last_event, claim_id, paid_fen = row[:_WIDTH]
    return Saga(
        id=saga_id,
        kind=Kind(kind),
        order_id=order_id,
        state=Step(state),
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
    return [saga_of(row) for row in await connection.fetch(_BY_ID, ids)]


async def find_purchases(connection: Connection, order_ids: Sequence[UUID]) -> tuple[list[Saga], dict[UUID, Pair]]:
    """The purchase sagas of orders and what conditions ask of their parties; the caller holds the orders' locks."""
    rows = await connection.fetch(_WITH_PARTIES, order_ids)
    pairs: dict[UUID, Pair] = {}
    for row in rows:
        order_id, tie, delisted_at, *standings = row[_WIDTH:]
        pairs[order_id] = Pair(
            enterprise=_standing(standings[:_STANDING_WIDTH]),
            provider=_standing(standings[_STANDING_WIDTH:]),
            tie=tie or "",
            delisted_at=delisted_at,
        )
    return [saga_of(row) for row in rows if row["id"] is not None], pairs


def _standing(columns: Sequence[Any]) -> Standing:
    return Standing(**dict(zip(Standing.__struct_fields__, columns, strict=True)))


async def find_claim_sagas(connection: Connection, items: Sequence[tuple[UUID, UUID]]) -> list[Saga]:
    """Sagas of (claim, order) pairs; the caller holds the locks of the orders."""
    rows = await connection.fetch(_BY_CLAIM, [item[0] for item in items], [item[1] for item in items])
    return [saga_of(row) for row in rows]


async def look_at_due(connection: Connection) -> tuple[int, list[Saga]]:
    """How many sagas were due for a look, at most SWEEP_MAX, and those to be sent again, marked as sent."""
    rows = await connection.fetch(_SWEEP, SWEEP_MAX, RESEND_S)
    return len(rows), [saga_of(row) for row in rows if row["again"]]


async def find_waiting(connection: Connection) -> list[tuple[UUID, UUID]]:
    """Saga and order of claims that waited for a commit which is known by now; at most SWEEP_MAX."""
    return [(row["id"], row["order_id"]) for row in await connection.fetch(_WAITING, SWEEP_MAX)]
