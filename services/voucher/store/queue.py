"""Write SQL of the queue: the intake counter, tickets, the plan as the allocator sees it, its sequence."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from services.voucher.domain.allocation import Entry
from services.voucher.domain.queue import Application, IntakeCounter, NewTicket, Plan, QueuedTicket
from services.voucher.domain.states import ApplicationState, PlanState
from shared.kernel.refusals import invariant
from shared.runtime.sql import Connection, Record
from shared.runtime.work import Work

_STATES = {state.value: state for state in ApplicationState}

_LOCK_COUNTERS = """
SELECT c.plan_id, c.last_ticket_no, c.closed, p.state, p.year, p.opens_at, p.closes_at, p.cap_fen
FROM intake_counter c JOIN plan p ON p.id = c.plan_id
WHERE c.plan_id = ANY($1::uuid[]) ORDER BY c.plan_id FOR UPDATE OF c
"""
# OFFSET 0 keeps the subquery whole: as a join, planned before the opening while there are few tickets, it would read
# all of them for every batch after it.
_OPEN_TICKETS = """
SELECT t.plan_id, t.enterprise_id, NULL::bigint AS returned_fen
FROM unnest($1::uuid[], $2::uuid[]) AS k(plan_id, enterprise_id)
CROSS JOIN LATERAL (
    SELECT a.plan_id, a.enterprise_id FROM application a
    WHERE a.plan_id = k.plan_id AND a.enterprise_id = k.enterprise_id AND a.is_open OFFSET 0
) AS t
UNION ALL
SELECT r.plan_id, r.enterprise_id, r.amount_fen FROM returned r
JOIN unnest($1::uuid[], $2::uuid[]) AS k(plan_id, enterprise_id)
    ON r.plan_id = k.plan_id AND r.enterprise_id = k.enterprise_id
"""
_RETURN_TICKET = """
INSERT INTO returned (plan_id, enterprise_id, application_id, amount_fen, returned_at) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (plan_id, enterprise_id) DO UPDATE SET application_id = EXCLUDED.application_id,
    amount_fen = EXCLUDED.amount_fen, returned_at = EXCLUDED.returned_at
"""
_INSERT_TICKETS = """
WITH counted AS (
    UPDATE intake_counter c SET last_ticket_no = k.last_ticket_no
    FROM unnest($1::uuid[], $2::bigint[]) AS k(plan_id, last_ticket_no) WHERE c.plan_id = k.plan_id
)
INSERT INTO application (id, plan_id, year, ticket_no, enterprise_id, region, listed, requested_fen,
                         correction, declaration_version, account_id, request_hash, receipt_signature, received_at,
                         receipt_kid, pack_version, state)
SELECT t.*, $16, $17, $18, 'queued'
FROM unnest($3::uuid[], $4::uuid[], $5::int[], $6::bigint[], $7::uuid[], $8::text[], $9::bool[], $10::bigint[],
            $11::text[], $12::text[], $13::uuid[], $14::bytea[], $15::bytea[]) AS t
"""
_PLAN_COLUMNS = """id, year, state, total_fen, left_fen, earmarked_fen, lane_left_fen, lane_share_bp, lane_until,
       cap_fen, closes_at, pack_version, decided_to, last_decision_no, allocator_epoch, version"""
_LOCK_PLAN = f"SELECT {_PLAN_COLUMNS} FROM plan WHERE id = $1 FOR UPDATE"  # noqa: S608 - a constant
_LOCK_PLAN_AS = f"SELECT {_PLAN_COLUMNS} FROM plan WHERE id = $1 AND allocator_epoch = $2 FOR UPDATE"  # noqa: S608
_SAVE_PLAN = """
UPDATE plan SET total_fen = $2, left_fen = $3, earmarked_fen = $4, lane_left_fen = $5, decided_to = $6,
       last_decision_no = $7, state = $8, version = $9
WHERE id = $1
"""
_ENTRY_COLUMNS = ("plan_id", "pack_version", "at", *Entry.__struct_fields__)
_TICKET_COLUMNS = """id, plan_id, year, ticket_no, enterprise_id, region, listed, requested_fen, state, earmarked_fen,
       granted_fen, waiting_fen, code, reason, decided_at, review_due_at, version"""
_NEW_TICKETS = """
SELECT a.ticket_no, a.enterprise_id, a.requested_fen, a.listed, a.id, a.region,
       (SELECT q.id FROM quota_account q WHERE q.enterprise_id = a.enterprise_id AND q.year = $4)
FROM application a
WHERE a.plan_id = $1 AND a.ticket_no > $2 ORDER BY a.ticket_no LIMIT $3
"""
# From the first batch of an opening to the last the accounts grow from none to all. A plan kept from when there were
# none reads every account for every ticket, so this statement alone is planned each time.
_PLAN_ANEW = "SET LOCAL plan_cache_mode = force_custom_plan"
_PLAN_ONCE = "SET LOCAL plan_cache_mode = force_generic_plan"
# What a ticket became stands in the sequence already, so nothing of it is sent twice. New tickets and their decisions
# are both numbered without a gap, so one number finds the other: the plan that the first batch of an opening makes is
# kept while the queue grows, and made for a handful of rows, a join would compare each ticket with each decision. A
# decision that is not its ticket's is not found, and NULL is refused by the table.
DECIDE_TICKETS = """
UPDATE application a SET version = 1, (state, earmarked_fen, waiting_fen, code, decided_at, review_due_at) = (
    SELECT d.outcome, d.amount_fen, d.waiting_fen, CASE WHEN d.outcome = 'refused' THEN $5 ELSE '' END, d.at,
           CASE WHEN d.amount_fen > 0 THEN $6::timestamptz END
    FROM allocation d
    WHERE d.plan_id = $1 AND d.decision_no = a.ticket_no + $4::bigint AND d.ticket_no = a.ticket_no
)
WHERE a.plan_id = $1 AND a.ticket_no BETWEEN $2 AND $3 AND a.state = 'queued' AND a.version = 0
"""
_WAITING = f"SELECT {_TICKET_COLUMNS} FROM application WHERE plan_id = $1 AND waits"  # noqa: S608 - a constant
_ALL_WAITING = f"{_WAITING} ORDER BY ticket_no LIMIT $2"
_LISTED_WAITING = f"{_WAITING} AND listed ORDER BY ticket_no LIMIT $2"
_LOCK_TICKET = f"SELECT {_TICKET_COLUMNS} FROM application WHERE id = $1 FOR UPDATE"  # noqa: S608 - a constant
_PLAN_OF_TICKET = "SELECT plan_id FROM application WHERE id = $1 AND ($2::uuid IS NULL OR enterprise_id = $2)"
_OPEN_TICKETS_OF_PLAN = f"""
SELECT {_TICKET_COLUMNS} FROM application WHERE plan_id = $1 AND is_open ORDER BY ticket_no LIMIT $2
"""  # noqa: S608 - a constant
_SAVE_TICKETS = """
UPDATE application a SET state = c.state, earmarked_fen = c.earmarked, granted_fen = c.granted,
       waiting_fen = c.waiting, code = c.code, reason = c.reason, decided_at = c.decided_at,
       review_due_at = c.review_due_at, version = c.version
FROM unnest($1::uuid[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::text[], $7::text[],
            $8::timestamptz[], $9::timestamptz[], $10::int[])
     AS c(id, state, earmarked, granted, waiting, code, reason, decided_at, review_due_at, version)
WHERE a.id = c.id
"""


def _ticket(row: Record) -> Application:
    ticket = Application(*row)
    known: Application = msgspec.structs.replace(ticket, state=_STATES[ticket.state])
    return known


def _plan(row: Record) -> Plan:
    values = dict(row)
    values["state"] = PlanState(values["state"])
    return Plan(**values)


async def lock_counters(connection: Connection, plans: Sequence[UUID]) -> dict[UUID, IntakeCounter]:
    """The intake counters of published plans, locked in id order."""
    rows = await connection.fetch(_LOCK_COUNTERS, plans)
    return {row["plan_id"]: IntakeCounter(**{**dict(row), "state": PlanState(row["state"])}) for row in rows}


async def open_tickets(
    connection: Connection, keys: Sequence[tuple[UUID, UUID]]
) -> tuple[set[tuple[UUID, UUID]], dict[tuple[UUID, UUID], int]]:
    """Which of these (plan, enterprise) pairs have an open ticket, and what the one asked for that was sent back."""
    rows = await connection.fetch(_OPEN_TICKETS, [plan for plan, _ in keys], [owner for _, owner in keys])
    found = [((row["plan_id"], row["enterprise_id"]), row["returned_fen"]) for row in rows]
    return {key for key, fen in found if fen is None}, {key: fen for key, fen in found if fen is not None}


async def return_ticket(work: Work, ticket: "Application") -> None:
    """Remember what was sent back, so that it is not handed in again as it was."""
    key = (ticket.plan_id, ticket.enterprise_id)
    await work.connection.execute(_RETURN_TICKET, *key, ticket.id, ticket.requested_fen, work.now)


async def insert_tickets(work: Work, tickets: Sequence[NewTicket], *, kid: str) -> None:
    """Write tickets and move their counters on, in one statement, so that number order is commit order."""
    highest: dict[UUID, int] = {}
    for ticket in tickets:
        highest[ticket.plan_id] = max(highest.get(ticket.plan_id, 0), ticket.ticket_no)
    columns = [[getattr(ticket, name) for ticket in tickets] for name in NewTicket.__struct_fields__]
    await work.connection.execute(
        _INSERT_TICKETS, list(highest), list(highest.values()), *columns, work.now, kid, work.pack.version
    )


async def lock_plan(connection: Connection, plan_id: UUID, *, epoch: int | None = None) -> Plan | None:
    """A plan's row, locked; with `epoch` only while that allocator is the one in office."""
    if epoch is None:
        row = await connection.fetchrow(_LOCK_PLAN, plan_id)
    else:
        row = await connection.fetchrow(_LOCK_PLAN_AS, plan_id, epoch)
    return None if row is None else _plan(row)


async def save_plan(work: Work, plan: Plan) -> None:
    """Write a locked plan's balances, place in the sequence, state and version."""
    status = await work.connection.execute(
        _SAVE_PLAN,
        plan.id,
        plan.total_fen,
        plan.left_fen,
        plan.earmarked_fen,
        plan.lane_left_fen,
        plan.decided_to,
        plan.last_decision_no,
        plan.state,
        plan.version,
    )
    invariant(status == "UPDATE 1", "a locked plan is saved")


async def insert_entries(work: Work, plan: Plan, entries: Sequence[Entry]) -> None:
    """Append to the plan's sequence."""
    common = (plan.id, plan.pack_version, work.now)
    await work.connection.copy_records_to_table(
        "allocation",
        records=[(*common, *msgspec.structs.astuple(entry)) for entry in entries],
        columns=_ENTRY_COLUMNS,
    )


async def new_tickets(connection: Connection, plan: Plan, *, limit: int) -> list[QueuedTicket]:
    """Tickets after the last decided one. Their numbers commit in order, so none can appear in between later."""
    await connection.execute(_PLAN_ANEW)
    rows = await connection.fetch(_NEW_TICKETS, plan.id, plan.decided_to, limit, plan.year)
    await connection.execute(_PLAN_ONCE)
    return [QueuedTicket(*row) for row in rows]


async def decide_tickets(
    work: Work, plan: Plan, entries: Sequence[Entry], *, code: str, review_due_at: datetime
) -> None:
    """Write what new tickets became; `entries` are their decisions, in the sequence already. `code` is a refusal's."""
    first, last = entries[0], entries[-1]
    status = await work.connection.execute(
        DECIDE_TICKETS,
        *(plan.id, first.ticket_no, last.ticket_no, first.decision_no - first.ticket_no, code, review_due_at),
    )
    invariant(status == f"UPDATE {len(entries)}", "every new ticket is decided once")


async def waiting_tickets(connection: Connection, plan: Plan, *, only_listed: bool, limit: int) -> list[Application]:
    """The waiting list in ticket order; only listed enterprises when just the lane has money."""
    statement = _LISTED_WAITING if only_listed else _ALL_WAITING
    return [_ticket(row) for row in await connection.fetch(statement, plan.id, limit)]


async def open_tickets_of(connection: Connection, plan_id: UUID, *, limit: int) -> list[Application]:
    """Tickets of a plan that are not ended, in ticket order."""
    return [_ticket(row) for row in await connection.fetch(_OPEN_TICKETS_OF_PLAN, plan_id, limit)]


async def find_plan_of(connection: Connection, ticket_id: UUID, *, owner_id: UUID | None) -> UUID | None:
    """The plan of an application, or None; with `owner_id` only of one of that enterprise."""
    plan_id: UUID | None = await connection.fetchval(_PLAN_OF_TICKET, ticket_id, owner_id)
    return plan_id


async def lock_ticket(connection: Connection, ticket_id: UUID) -> Application | None:
    """One application, locked; lock its plan first."""
    row = await connection.fetchrow(_LOCK_TICKET, ticket_id)
    return None if row is None else _ticket(row)


async def save_tickets(work: Work, tickets: Sequence[Application]) -> None:
    """Write the states and amounts of tickets whose plan is locked."""
    names = (
        "id", "state", "earmarked_fen", "granted_fen", "waiting_fen", "code", "reason", "decided_at", "review_due_at",
        "version",
    )  # fmt: skip
    status = await work.connection.execute(
        _SAVE_TICKETS, *[[getattr(ticket, name) for ticket in tickets] for name in names]
    )
    invariant(status == f"UPDATE {len(tickets)}", "every ticket is saved")
