"""Facts are kept, so they can be said again: since a moment, or to fill what one consumer lacks.

Each goes out under its own event id, so a consumer that has it drops it by its inbox, and one that is past it by its
cursor. Within an aggregate the order stays. A batch is one transaction; the outbox is filled no further than a bound.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from shared.runtime.bus.base import FACT_PARTITION, fact_key
from shared.runtime.database.sql import Connection

BATCH_MAX = 1_000
OUTBOX_MAX = 10_000
"""Above so many unsent rows nothing is added: what is said again must not delay what is said now."""

# Without an id, a moment alone would skip or repeat facts of the same microsecond at the edge of a batch.
_WITHIN = """
FROM fact WHERE (recorded_at, event_id) > ($1, $2) AND recorded_at < $3 AND ($4 = '' OR aggregate_type = $4)
"""
_COUNT = f"SELECT aggregate_type, count(*) AS facts {_WITHIN} GROUP BY 1 ORDER BY 1"
_RESEND = f"""
WITH page AS (
    SELECT recorded_at, event_id, aggregate_type, body {_WITHIN} ORDER BY recorded_at, event_id LIMIT $5
), said AS (
    INSERT INTO outbox (partition, routing_key, body)
    SELECT {FACT_PARTITION}, $6 || '.' || aggregate_type || '.0', body FROM page ORDER BY recorded_at, event_id
)
SELECT recorded_at, event_id, (SELECT count(*) FROM page) AS facts FROM page
ORDER BY recorded_at DESC, event_id DESC LIMIT 1
"""  # noqa: S608 - our own text
_RESEND_AFTER = f"""
WITH wanted AS (
    SELECT f.aggregate_id, f.version, f.body FROM fact f
    JOIN unnest($2::uuid[], $3::int[]) AS k(id, version) ON f.aggregate_id = k.id AND f.version > k.version
    WHERE f.aggregate_type = $1
), said AS (
    INSERT INTO outbox (partition, routing_key, body)
    SELECT {FACT_PARTITION}, $4, body FROM wanted ORDER BY aggregate_id, version
)
SELECT count(*) FROM wanted
"""  # noqa: S608 - as above


@dataclass(frozen=True, slots=True)
class FactPlace:
    """A place in the order in which a service recorded its facts."""

    recorded_at: datetime
    event_id: UUID

    @classmethod
    def at(cls, moment: datetime) -> "FactPlace":
        """Before everything that was recorded at a moment."""
        return cls(moment, UUID(int=0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Facts recorded from a place on and before `until`; of one aggregate type, or of all when it is empty."""

    since: FactPlace
    until: datetime
    aggregate_type: str = ""


async def count_facts(connection: Connection, wanted: Selection) -> dict[str, int]:
    """How many facts a selection holds, by aggregate type."""
    rows = await connection.fetch(_COUNT, *_within(wanted))
    return {row["aggregate_type"]: row["facts"] for row in rows}


async def resend_batch(
    connection: Connection, wanted: Selection, *, service: str, limit: int = BATCH_MAX
) -> tuple[int, FactPlace | None]:
    """Put the next facts of a selection into the outbox again: how many, and the place after them (None: no more)."""
    row = await connection.fetchrow(_RESEND, *_within(wanted), limit, service)
    if row is None:
        return 0, None
    return row["facts"], FactPlace(row["recorded_at"], row["event_id"])


async def resend_after(connection: Connection, *, stream: str, aggregates: Sequence[tuple[UUID, int]]) -> int:
    """Put the facts of aggregates after a version into the outbox again; returns how many."""
    ids, versions = [key for key, _ in aggregates], [version for _, version in aggregates]
    aggregate_type = stream.partition(".")[2]
    count: int = await connection.fetchval(_RESEND_AFTER, aggregate_type, ids, versions, fact_key(stream))
    return count


async def has_room(connection: Connection) -> bool:
    """Whether the outbox is short enough for more."""
    waiting: int = await connection.fetchval("SELECT count(*) FROM (SELECT FROM outbox LIMIT $1) o", OUTBOX_MAX + 1)
    return waiting <= OUTBOX_MAX


def _within(wanted: Selection) -> tuple[datetime, UUID, datetime, str]:
    return wanted.since.recorded_at, wanted.since.event_id, wanted.until, wanted.aggregate_type
