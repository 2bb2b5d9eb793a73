"""Saga rows: written, found by claim, found because nothing has moved them.

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
from uuid import UUID

from services.order.domain.saga import Saga, SagaState
from services.order.store.orders import SAGA_FIELDS, saga_of
from services.order.tables import SAGA
from shared.contracts.messages.base import Refused
from shared.runtime.sql import WAS, Connection, Insert, Rows, Update
from shared.runtime.work import Work

RESEND_S = 20.0
REFUSED_S = 1.0
WAIT_S = 2.0
SWEEP_MAX = 100

_COLUMNS = ", ".join(f"s.{name}" for name in SAGA_FIELDS)
_REFUSED_PAUSE = f"make_interval(secs => LEAST({RESEND_S}, {REFUSED_S} * power(2, LEAST({{resent}}, 16))))"
_STEPPED = frozenset({"state", "number", "pending_name", "pending", "version", "last_event"})
_SELDOM = frozenset({"late", "paid_fen"})

SAGAS: Rows[Saga] = Rows(
    SAGA,
    guard="version",
    encoded=frozenset({"pending"}),
    insert=Insert(
        omit=frozenset({"resent"}),
        common=frozenset({"kind", "state", "number", "pending_name", "version", "late", "last_event", "paid_fen"}),
        computed={
            "started_at": "clock_timestamp()",
            "moved_at": "clock_timestamp()",
            # What is under way is looked at by the sweeper from then on.
            "resend_at": f"""clock_timestamp() + make_interval(
                secs => CASE WHEN {{pending}} IS NOT NULL THEN {RESEND_S}
                             WHEN {{state}} = '{SagaState.WAITING_FOR_COMMIT}' THEN {WAIT_S} END)""",
        },
    ),
    update=Update(
        columns=_SELDOM,
        always=_STEPPED,
        common=_STEPPED | _SELDOM | {WAS},
        computed={
            "moved_at": "clock_timestamp()",
            # The module's text says why it is written so.
            "resend_at": f"""CASE
                WHEN {{pending}} IS NOT NULL AND {{last_event}} = '{Refused.name}'
                    THEN clock_timestamp() + {_REFUSED_PAUSE.format(resent="t.resent")}
                WHEN {{pending}} IS NOT NULL
                    THEN COALESCE(t.resend_at, clock_timestamp() + interval '{RESEND_S} s')
                WHEN {{state}} IN ('{SagaState.HELD}', '{SagaState.WAITING_FOR_COMMIT}') THEN t.resend_at END""",
        },
    ),
)
"""Sagas of every kind, written with their orders."""
_BY_CLAIM = f"""
SELECT {_COLUMNS} FROM saga s
JOIN unnest($1::uuid[], $2::uuid[]) AS k(claim_id, order_id) ON s.claim_id = k.claim_id AND s.order_id = k.order_id
"""  # noqa: S608 - column names from this module
# Only the saga's own row is locked here, and rows that a step holds right now are passed over. What waits for a commit
# has nothing to send and is found by _WAITING.
_SWEEP = f"""
WITH machine AS MATERIALIZED (SELECT clock_timestamp() AS now, make_interval(secs => $2) AS pause),
due AS MATERIALIZED (
    SELECT id, CASE WHEN last_event = '{Refused.name}' THEN {_REFUSED_PAUSE.format(resent="resent")}
                    ELSE (SELECT pause FROM machine) END AS pause
    FROM saga WHERE resend_at <= (SELECT now FROM machine) AND state <> '{SagaState.WAITING_FOR_COMMIT}'
    ORDER BY resend_at LIMIT $1 FOR UPDATE SKIP LOCKED
)
UPDATE saga s SET
    resend_at = CASE WHEN s.pending IS NULL THEN NULL WHEN s.moved_at > m.now - d.pause THEN s.moved_at + d.pause
                     ELSE m.now + m.pause END,
    resent = CASE WHEN s.pending IS NULL OR s.moved_at > m.now - d.pause THEN s.resent ELSE s.resent + 1 END
FROM machine m, due d WHERE s.id = d.id
RETURNING {_COLUMNS},
    s.pending IS NOT NULL AND s.moved_at <= m.now - d.pause AS again
"""  # noqa: S608 - as above
_WAITING = """
SELECT s.id, s.order_id FROM saga s JOIN saga p ON p.id = s.order_id AND p.state = 'committed'
WHERE s.resend_at <= clock_timestamp() AND s.state = 'waiting_for_commit' ORDER BY s.resend_at LIMIT $1
"""


async def find_claim_sagas(connection: Connection, items: Sequence[tuple[UUID, UUID]]) -> list[Saga]:
    """Sagas of (claim, order) pairs; the caller holds the locks of the orders."""
    rows = await connection.fetch(_BY_CLAIM, [item[0] for item in items], [item[1] for item in items])
    return [saga_of(row) for row in rows]


async def look_at_due(work: Work) -> tuple[int, list[Saga]]:
    """How many sagas were due for a look, at most SWEEP_MAX, and those to be sent again, marked as sent."""
    rows = await work.connection.fetch(_SWEEP, SWEEP_MAX, RESEND_S)
    return len(rows), [saga_of(row) for row in rows if row["again"]]


async def find_waiting(connection: Connection) -> list[tuple[UUID, UUID]]:
    """Saga and order of claims that waited for a commit which is known by now; at most SWEEP_MAX."""
    return [(row["id"], row["order_id"]) for row in await connection.fetch(_WAITING, SWEEP_MAX)]
