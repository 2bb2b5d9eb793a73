"""Facts are kept, so they can be said again: since a moment, or to fill what one consumer lacks.

What is said again waits in a lane of its own, the table `resend`: a row holds the ids of some hundreds of facts, and
the relay takes the facts themselves from where they are kept. So nothing that is said now is behind them, and a million
of them leave two thousand dead rows in a table that nobody else reads.

Each goes out under its own event id, so a consumer that has it drops it by its inbox, and one that is past it by its
cursor. Within a row the order of an aggregate stays. A batch is one transaction; the lane is filled up to a bound.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from shared.runtime.bus.base import fact_key
from shared.runtime.database.sql import Connection

BATCH_MAX = 2_000
FACTS_MAX = 500
"""Facts in a row of the lane, which the relay sends without looking at anything else."""
ROWS_MAX = 40
"""With so many rows in the lane nothing is added."""
FIRST = UUID(int=0)

_INSERT = f"""
INSERT INTO resend (event_ids, recorded_from, recorded_to)
SELECT array_agg(event_id ORDER BY place), min(recorded_at), max(recorded_at) FROM said
GROUP BY place / {FACTS_MAX} ORDER BY place / {FACTS_MAX}
"""  # noqa: S608 - our own number
_COUNT = """
SELECT aggregate_type, count(*) AS facts FROM fact
WHERE recorded_at >= $1 AND recorded_at < $2 AND ($3 = '' OR aggregate_type = $3) GROUP BY 1 ORDER BY 1
"""
# In the order of ids, which the primary key has; what a transaction said late comes a little earlier than it was
# recorded, and is put right within the page.
_RESEND = f"""
WITH page AS (
    SELECT event_id, recorded_at, aggregate_type FROM fact
    WHERE event_id > $1 AND recorded_at >= $2 AND recorded_at < $3 ORDER BY event_id LIMIT $5
), said AS (
    SELECT event_id, recorded_at, row_number() OVER (ORDER BY recorded_at, event_id) - 1 AS place
    FROM page WHERE $4 = '' OR aggregate_type = $4
), written AS ({_INSERT})
SELECT event_id, (SELECT count(*) FROM said) AS facts FROM page ORDER BY event_id DESC LIMIT 1
"""  # noqa: S608 - our own text
_RESEND_AFTER = f"""
WITH said AS (
    SELECT f.event_id, f.recorded_at, row_number() OVER (ORDER BY f.aggregate_id, f.version) - 1 AS place
    FROM fact f JOIN unnest($2::uuid[], $3::int[]) AS k(id, version) ON f.aggregate_id = k.id AND f.version > k.version
    WHERE f.aggregate_type = $1 AND f.recorded_at BETWEEN $4 AND $5
), written AS ({_INSERT})
SELECT count(*) FROM said
"""  # noqa: S608 - our own text
_NEXT = "SELECT id, event_ids, recorded_from, recorded_to FROM resend ORDER BY id LIMIT 1"
# Only the partitions of these moments are looked into.
_FACTS = """
SELECT event_id, aggregate_type, body FROM fact
WHERE event_id = ANY($1::uuid[]) AND recorded_at BETWEEN $2 AND $3
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Facts recorded at or after a moment and before another; of one aggregate type, or of all when it is empty.

    Those up to the id `after` are passed by.
    """

    since: datetime
    until: datetime
    aggregate_type: str = ""
    after: UUID = FIRST


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """One row of the lane: its id and its facts as (routing key, body); empty if they are kept no more."""

    row_id: int
    facts: Sequence[tuple[str, bytes]]


async def count_facts(connection: Connection, wanted: Selection) -> dict[str, int]:
    """How many facts a selection holds, by aggregate type, whatever was passed by."""
    rows = await connection.fetch(_COUNT, wanted.since, wanted.until, wanted.aggregate_type)
    return {row["aggregate_type"]: row["facts"] for row in rows}


async def resend_batch(connection: Connection, wanted: Selection, *, limit: int = BATCH_MAX) -> tuple[int, UUID | None]:
    """Look at the next facts and put the wanted ones into the lane: how many, and the last id (None: no more)."""
    place = (wanted.after, wanted.since, wanted.until, wanted.aggregate_type)
    row = await connection.fetchrow(_RESEND, *place, limit)
    return (0, None) if row is None else (row["facts"], row["event_id"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Unread:
    """An aggregate, the version after which its facts are wanted, and when the first and last of all were recorded."""

    aggregate_id: UUID
    after: int
    first_at: datetime
    last_at: datetime


async def resend_after(connection: Connection, *, stream: str, aggregates: Sequence[Unread]) -> int:
    """Put the facts of aggregates after a version into the lane; returns how many."""
    ids, versions = [one.aggregate_id for one in aggregates], [one.after for one in aggregates]
    first_at, last_at = min(one.first_at for one in aggregates), max(one.last_at for one in aggregates)
    aggregate_type = stream.partition(".")[2]
    # Only the partitions of these moments are looked into.
    count: int = await connection.fetchval(_RESEND_AFTER, aggregate_type, ids, versions, first_at, last_at)
    return count


async def has_room(connection: Connection) -> bool:
    """Whether the lane is short enough for more."""
    waiting: int = await connection.fetchval("SELECT count(*) FROM (SELECT FROM resend LIMIT $1) r", ROWS_MAX)
    return waiting < ROWS_MAX


async def next_again(connection: Connection, *, service: str) -> Again | None:
    """The oldest row of the lane; None where it is empty."""
    row = await connection.fetchrow(_NEXT)
    if row is None:
        return None
    rows = await connection.fetch(_FACTS, row["event_ids"], row["recorded_from"], row["recorded_to"])
    kept = {one["event_id"]: (fact_key(f"{service}.{one['aggregate_type']}"), one["body"]) for one in rows}
    return Again(row_id=row["id"], facts=[kept[event_id] for event_id in row["event_ids"] if event_id in kept])
