"""Puts facts into the feed: which ones are new, and their place.

A transaction that began earlier may commit later, so nothing that a fact holds says whether all before it are there.
The snapshot does. What was seen is kept as the snapshot in which it was read; new is what the snapshot of the next
reading sees beyond it: the transactions that began since, and those that were under way then. Nothing waits for a
transaction that takes long, and none is forgotten. The facts of an order are read in the order of their versions,
because whoever writes the next one has waited for the commit of the one before.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from services.order.domain.events import OrderEvent
from shared.runtime.sql import Connection
from shared.runtime.work import Work

BATCH_MAX = 2_000
FIRST_XID = 1
"""Below it are facts from before the feed was kept."""

# The next statement is planned for this very position: a plan for any position expects a third of all facts behind it,
# and would read whole tables five times a second.
_POSITION = """
SELECT seen_below, open, last_seq FROM event_feed, set_config('plan_cache_mode', 'force_custom_plan', true)
"""
_BEGIN = "INSERT INTO event_feed (seen_below, open, last_seq) VALUES ($1, '{}', 0) ON CONFLICT DO NOTHING"
# Orders and events are looked up one by one, never joined whole. `newest` lets a fact never come before an earlier one
# of its order, whichever transaction began first.
_UNSEEN = """
SELECT s.*, (pg_snapshot_xmax(pg_current_snapshot())::text)::bigint AS seen_below,
    ARRAY(SELECT (x::text)::bigint FROM pg_snapshot_xip(pg_current_snapshot()) AS x) AS open
FROM (
    SELECT f.event_id, f.aggregate_id AS order_id, f.version, f.body,
        (SELECT o.provider_id FROM cloud_order o WHERE o.id = f.aggregate_id) AS provider_id,
        max(f.noted_in) OVER (PARTITION BY f.aggregate_id ORDER BY f.version) AS newest
    FROM fact f
    WHERE (f.noted_in >= $1 OR f.noted_in = ANY($2::bigint[])) AND f.aggregate_type = 'order'
    AND (SELECT e.seq FROM order_event e WHERE e.order_id = f.aggregate_id AND e.sequence = f.version) IS NULL
) s ORDER BY s.newest, s.version LIMIT $3
"""
_ADD = """
INSERT INTO order_event (provider_id, seq, event_id, order_id, sequence, type, claim_id, occurred_at)
SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::uuid[], $4::uuid[], $5::int[], $6::text[], $7::uuid[],
    $8::timestamptz[])
"""
_MOVE = "UPDATE event_feed SET last_seq = $2, seen_below = $3, open = $4 WHERE last_seq = $1"


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedPosition:
    """How far the facts have been read: which transactions were not seen, and the number of the last event."""

    seen_below: int
    open: Sequence[int]
    last_seq: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UnseenFact:
    """A fact that is not in the feed."""

    event_id: UUID
    order_id: UUID
    version: int
    body: bytes
    provider_id: UUID


async def find_position(work: Work) -> FeedPosition:
    """How far the feed is; the first reading begins it."""
    row = await work.connection.fetchrow(_POSITION)
    if row is None:
        await work.connection.execute(_BEGIN, FIRST_XID)
        row = await work.connection.fetchrow(_POSITION)
    return FeedPosition(**dict(row))


async def find_unseen(
    connection: Connection, position: FeedPosition, *, limit: int
) -> tuple[Sequence[UnseenFact], FeedPosition]:
    """Facts beyond a position in the order of the feed, at most `limit`, and the position after them.

    What is left over is found again from the same position.
    """
    rows = await connection.fetch(_UNSEEN, position.seen_below, position.open, limit + 1)
    found = [
        UnseenFact(
            event_id=row["event_id"],
            order_id=row["order_id"],
            version=row["version"],
            body=row["body"],
            provider_id=row["provider_id"],
        )
        for row in rows[:limit]
    ]
    last_seq = position.last_seq + len(found)
    if not rows or len(rows) > limit:
        return found, FeedPosition(seen_below=position.seen_below, open=position.open, last_seq=last_seq)
    return found, FeedPosition(seen_below=rows[0]["seen_below"], open=rows[0]["open"], last_seq=last_seq)


async def add(
    work: Work, events: Sequence[tuple[UUID, OrderEvent]], *, before: FeedPosition, after: FeedPosition
) -> bool:
    """Append events with their providers and move on; False, and nothing done, where another process moved it first."""
    columns = zip(
        *(
            (provider_id, e.seq, e.event_id, e.order_id, e.sequence, e.type, e.claim_id, e.occurred_at)
            for provider_id, e in events
        ),
        strict=True,
    )
    moved = await work.connection.execute(_MOVE, before.last_seq, after.last_seq, after.seen_below, list(after.open))
    if moved != "UPDATE 1":
        return False
    await work.connection.execute(_ADD, *(list(column) for column in columns))
    return True
