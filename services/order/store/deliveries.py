"""Deliveries to webhook endpoints: the lane of an endpoint, what is due on it, and what became of it.

A lane is leased by one process at a time. Its epoch fences whoever lost it: two processes may send a delivery twice,
which receivers must bear, but one alone says what came of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import msgspec

from services.order.domain.events import OrderEvent
from services.order.domain.webhooks import DeliveryState, EndpointState, Ordering
from services.order.tables import WEBHOOK_ATTEMPT, WEBHOOK_DELIVERY
from shared.runtime.sql import Connection, Record, Rows
from shared.runtime.work import Work

_FREE = "(e.lane_until IS NULL OR e.lane_until < $2 OR e.lane_owner = $1)"
_APPROVED = """EXISTS (
    SELECT FROM webhook_host h WHERE h.provider_id = e.provider_id AND h.host = e.host AND h.state = 'approved'
)"""
_LANES = f"""
SELECT e.id FROM webhook_endpoint e
WHERE e.state = 'active' AND {_FREE} AND (e.paused_until IS NULL OR e.paused_until <= $2) AND e.id <> ALL($3::uuid[])
AND {_APPROVED} AND (
    EXISTS (
        SELECT FROM webhook_delivery d WHERE d.endpoint_id = e.id AND d.state = 'pending' AND d.due_at <= $2
    ) OR EXISTS (SELECT FROM order_event v WHERE v.provider_id = e.provider_id AND v.seq > e.position)
) ORDER BY e.position LIMIT $4
"""  # noqa: S608 - texts of our own
_OPEN = f"""
SELECT e.id, e.provider_id, e.url, e.types, e.ordering, e.state, e.position, e.failing_since, e.flagged_at, e.failures,
    e.lane_owner, e.lane_epoch, e.version, {_APPROVED} AS approved
FROM webhook_endpoint e WHERE e.id = $1 FOR UPDATE OF e
"""  # noqa: S608 - texts of our own
_TAKE = """
UPDATE webhook_endpoint e SET lane_owner = $2, lane_until = $4, lane_epoch = lane_epoch + 1
WHERE e.id = (
    SELECT f.id FROM webhook_endpoint f WHERE f.id = $1
    AND (f.lane_until IS NULL OR f.lane_until < $3 OR f.lane_owner = $2) FOR UPDATE SKIP LOCKED
) RETURNING lane_epoch
"""
_RELEASE = "UPDATE webhook_endpoint SET lane_until = NULL, paused_until = $3 WHERE id = $1 AND lane_epoch = $2"
_RENEW = "UPDATE webhook_endpoint SET lane_until = $3 WHERE id = $1 AND lane_epoch = $2"
_MOVE = "UPDATE webhook_endpoint SET position = $2 WHERE id = $1"
_EVENTS = """
SELECT seq, event_id, order_id, type FROM order_event WHERE provider_id = $1 AND seq > $2 ORDER BY seq LIMIT $3
"""
_PENDING = """
SELECT count(*) FROM (SELECT FROM webhook_delivery WHERE endpoint_id = $1 AND state = 'pending' LIMIT $2) p
"""
_NEXT_DUE = "SELECT min(due_at) FROM webhook_delivery WHERE endpoint_id = $1 AND state = 'pending'"
_DELIVERY = """
SELECT d.id, d.endpoint_id, d.event_id, d.type, d.attempts, d.due_at, d.made_at,
    v.seq, v.order_id, v.sequence, v.claim_id, v.occurred_at
FROM webhook_delivery d LEFT JOIN order_event v ON v.provider_id = d.provider_id AND v.seq = d.seq
WHERE d.endpoint_id = $1 AND d.state = 'pending'
"""
_DUE = f"{_DELIVERY} AND d.due_at <= $2 ORDER BY d.due_at, d.seq NULLS FIRST LIMIT $3"
_FIRST = f"{_DELIVERY} ORDER BY d.seq NULLS FIRST, d.id LIMIT 1"
_SECRETS = """
SELECT id, sealed FROM webhook_secret WHERE endpoint_id = $1 AND (expires_at IS NULL OR expires_at > $2)
ORDER BY expires_at NULLS FIRST
"""
_END = """
UPDATE webhook_delivery d SET state = n.state, attempts = n.attempts, due_at = n.due_at, ended_at = n.ended_at
FROM unnest($1::uuid[], $2::text[], $3::int[], $4::timestamptz[], $5::timestamptz[])
    AS n(id, state, attempts, due_at, ended_at)
WHERE d.id = n.id AND d.state = 'pending'
"""
_JUDGE = """
UPDATE webhook_endpoint SET failing_since = $2, flagged_at = $3, failures = $4, state = $5, disabled_reason = $6,
    version = version + (state <> $5)::int WHERE id = $1
"""
_FORGET = """
WITH old AS (
    SELECT id FROM webhook_delivery WHERE ended_at < $1 LIMIT $2
), attempts AS (DELETE FROM webhook_attempt WHERE delivery_id IN (SELECT id FROM old))
DELETE FROM webhook_delivery WHERE id IN (SELECT id FROM old)
"""


class NewDelivery(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A delivery that is to be made."""

    id: UUID
    endpoint_id: UUID
    provider_id: UUID
    seq: int | None
    event_id: UUID
    type: str
    order_id: UUID | None
    cause: str
    state: str
    attempts: int
    made_at: datetime
    due_at: datetime | None
    ended_at: datetime | None = None


class NewAttempt(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One attempt as the log keeps it."""

    delivery_id: UUID
    number: int
    at: datetime
    duration_ms: int
    url: str
    request: str
    status: int | None
    error: str
    answer: str


DELIVERIES: Rows[NewDelivery] = Rows(WEBHOOK_DELIVERY)
ATTEMPTS: Rows[NewAttempt] = Rows(WEBHOOK_ATTEMPT)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenEndpoint:
    """An endpoint whose row is locked."""

    id: UUID
    provider_id: UUID
    url: str
    types: frozenset[str]
    ordering: Ordering
    state: EndpointState
    position: int
    failing_since: datetime | None
    flagged_at: datetime | None
    failures: int
    lane_epoch: int
    approved: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """A delivery to be attempted; `event` is None for a test."""

    id: UUID
    endpoint_id: UUID
    event_id: UUID
    type: str
    attempts: int
    due_at: datetime
    made_at: datetime
    event: OrderEvent | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedDelivery:
    """What became of a delivery by an attempt."""

    id: UUID
    state: DeliveryState
    attempts: int
    due_at: datetime | None
    ended_at: datetime | None


async def find_lanes(
    connection: Connection, *, owner: str, now: datetime, busy: Sequence[UUID], limit: int
) -> Sequence[UUID]:
    """Endpoints with something to deliver that no other process delivers to now."""
    return [row["id"] for row in await connection.fetch(_LANES, owner, now, list(busy), limit)]


async def take_lane(work: Work, endpoint_id: UUID, *, owner: str, now: datetime, until: datetime) -> int | None:
    """The epoch of the lane, leased until then; None while another process has it or its row is locked."""
    epoch: int | None = await work.connection.fetchval(_TAKE, endpoint_id, owner, now, until)
    return epoch


async def open_endpoint(connection: Connection, endpoint_id: UUID) -> OpenEndpoint | None:
    """An endpoint, locked until the commit."""
    row = await connection.fetchrow(_OPEN, endpoint_id)
    if row is None:
        return None
    return OpenEndpoint(
        id=row["id"],
        provider_id=row["provider_id"],
        url=row["url"],
        types=frozenset(row["types"]),
        ordering=Ordering(row["ordering"]),
        state=EndpointState(row["state"]),
        position=row["position"],
        failing_since=row["failing_since"],
        flagged_at=row["flagged_at"],
        failures=row["failures"],
        lane_epoch=row["lane_epoch"],
        approved=row["approved"],
    )


async def release_lane(work: Work, endpoint_id: UUID, *, epoch: int, paused_until: datetime | None) -> None:
    """Give a lane back; it rests until then. A lane of another epoch stays as it is."""
    await work.connection.execute(_RELEASE, endpoint_id, epoch, paused_until)


async def renew_lane(work: Work, endpoint_id: UUID, *, epoch: int, until: datetime) -> None:
    """Keep a lane until then."""
    await work.connection.execute(_RENEW, endpoint_id, epoch, until)


async def count_pending(connection: Connection, endpoint_id: UUID, *, limit: int) -> int:
    """How many deliveries of an endpoint are not ended, counted to `limit`."""
    count: int = await connection.fetchval(_PENDING, endpoint_id, limit)
    return count


async def find_new_events(connection: Connection, endpoint: OpenEndpoint, *, limit: int) -> Sequence[Record]:
    """The events beyond an endpoint's position, in the order of the feed."""
    return await connection.fetch(_EVENTS, endpoint.provider_id, endpoint.position, limit)


async def move_position(work: Work, endpoint_id: UUID, *, position: int) -> None:
    """Say up to which event an endpoint has its deliveries."""
    await work.connection.execute(_MOVE, endpoint_id, position)


async def find_due(connection: Connection, endpoint_id: UUID, *, now: datetime, limit: int) -> Sequence[Due]:
    """Deliveries whose time has come, the earliest first."""
    return [_due_of(row) for row in await connection.fetch(_DUE, endpoint_id, now, limit)]


async def find_first(connection: Connection, endpoint_id: UUID) -> Due | None:
    """The delivery that comes first in the order of the feed, whether its time has come or not; tests before."""
    row = await connection.fetchrow(_FIRST, endpoint_id)
    return None if row is None else _due_of(row)


async def next_due(connection: Connection, endpoint_id: UUID) -> datetime | None:
    """When the next delivery of an endpoint is due."""
    due_at: datetime | None = await connection.fetchval(_NEXT_DUE, endpoint_id)
    return due_at


async def find_secrets(connection: Connection, endpoint_id: UUID, *, now: datetime) -> Sequence[tuple[UUID, bytes]]:
    """The sealed secrets in force of an endpoint, the newest first."""
    rows = await connection.fetch(_SECRETS, endpoint_id, now)
    return [(row["id"], row["sealed"]) for row in rows]


async def end(work: Work, ended: Sequence[EndedDelivery]) -> None:
    """Write what became of deliveries; one that was cancelled meanwhile stays so."""
    rows = [(each.id, each.state.value, each.attempts, each.due_at, each.ended_at) for each in ended]
    await work.connection.execute(_END, *(list(column) for column in zip(*rows, strict=True)))


async def judge_endpoint(  # noqa: PLR0913 - the columns that an outcome changes
    work: Work,
    endpoint_id: UUID,
    *,
    failing_since: datetime | None,
    flagged_at: datetime | None,
    failures: int,
    state: EndpointState,
    disabled_reason: str,
) -> None:
    """Write how an endpoint does."""
    await work.connection.execute(
        _JUDGE, endpoint_id, failing_since, flagged_at, failures, state.value, disabled_reason
    )


async def forget_ended(work: Work, *, before: datetime, limit: int) -> int:
    """Delete deliveries that ended before a moment, with their attempts; returns how many."""
    status = await work.connection.execute(_FORGET, before, limit)
    return int(status.rpartition(" ")[2])


def _due_of(row: Record) -> Due:
    event = None
    if row["seq"] is not None:
        event = OrderEvent(
            seq=row["seq"],
            event_id=row["event_id"],
            order_id=row["order_id"],
            sequence=row["sequence"],
            type=row["type"],
            claim_id=row["claim_id"],
            occurred_at=row["occurred_at"],
        )
    return Due(
        id=row["id"],
        endpoint_id=row["endpoint_id"],
        event_id=row["event_id"],
        type=row["type"],
        attempts=row["attempts"],
        due_at=row["due_at"],
        made_at=row["made_at"],
        event=event,
    )
