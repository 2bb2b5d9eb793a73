"""Facts at their producers against cursors at their consumers: two sorted walks merged, in bounded memory."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from operations.walks import Books, Row, Walk, literal
from shared.kernel.refusals import bug
from shared.runtime.messaging.resend import Unread

_OWN = """
SELECT aggregate_type, aggregate_id, max(version) AS newest,
       min(version) = 1 AND max(version) = count(*) AND count(*) = count(DISTINCT version) AS gapless
FROM fact GROUP BY aggregate_type, aggregate_id ORDER BY aggregate_type, aggregate_id
"""
_NEWEST = """
SELECT aggregate_id, max(version) AS newest, min(recorded_at) AS first_at, max(recorded_at) AS last_at
FROM fact WHERE aggregate_type = {}
GROUP BY aggregate_id ORDER BY aggregate_id
"""
_CURSORS = "SELECT aggregate_id, version FROM cursor WHERE stream = {} ORDER BY aggregate_id"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How far a consumer (`""`: nobody, only the producer looked at) has read an aggregate; 0 stands for nothing."""

    stream: str
    consumer: str
    aggregate_id: UUID
    newest: int
    at: int
    gapless: bool = True
    first_at: datetime | None = None
    last_at: datetime | None = None
    """When its first and its last fact were recorded; None where the producer knows none."""

    @property
    def producer(self) -> str:
        """The service that emits the stream."""
        return self.stream.partition(".")[0]

    def unread(self, after: int) -> Unread:
        """Its facts after a version, to be said again."""
        if self.first_at is None or self.last_at is None:
            bug(f"{self.producer} knows no fact of {self.aggregate_id}")
        return Unread(aggregate_id=self.aggregate_id, after=after, first_at=self.first_at, last_at=self.last_at)


async def own_facts(books: Mapping[str, Books], producer: str) -> AsyncIterator[Reading]:
    """Every aggregate of a producer with its newest version, and whether its facts have no gap."""
    async with books[producer].reading() as connection:
        walk = await Walk.open(connection, _OWN)
        async for row in walk:
            yield Reading(
                stream=f"{producer}.{row['aggregate_type']}",
                consumer="",
                aggregate_id=row["aggregate_id"],
                newest=row["newest"],
                at=row["newest"],
                gapless=row["gapless"],
            )
        await walk.close()


async def readings(books: Mapping[str, Books], *, consumer: str, stream: str) -> AsyncIterator[Reading]:
    """Each aggregate of a stream that its producer or the consumer knows.

    The consumer is looked at first: what comes in between makes it look behind for a moment, and never ahead.
    """
    producer, _, aggregate_type = stream.partition(".")
    async with AsyncExitStack() as stack:
        here = await stack.enter_async_context(books[consumer].reading())
        there = await stack.enter_async_context(books[producer].reading())
        cursors = await Walk.open(here, _CURSORS.format(literal(stream)))
        facts = await Walk.open(there, _NEWEST.format(literal(aggregate_type)))
        async for aggregate_id, fact, cursor in _merged(facts, cursors):
            yield Reading(
                stream=stream,
                consumer=consumer,
                aggregate_id=aggregate_id,
                newest=fact["newest"] if fact is not None else 0,
                first_at=fact["first_at"] if fact is not None else None,
                last_at=fact["last_at"] if fact is not None else None,
                at=cursor["version"] if cursor is not None else 0,
            )
        await cursors.close()
        await facts.close()


async def _merged(left: Walk, right: Walk) -> AsyncIterator[tuple[UUID, Row | None, Row | None]]:
    """Both sides by aggregate; PostgreSQL and Python order UUIDs alike, by their bytes."""
    while True:
        one, other = await left.peek(), await right.peek()
        ids = [row["aggregate_id"] for row in (one, other) if row is not None]
        if not ids:
            return
        aggregate_id = min(ids)
        fact = await left.take() if one is not None and one["aggregate_id"] == aggregate_id else None
        cursor = await right.take() if other is not None and other["aggregate_id"] == aggregate_id else None
        yield aggregate_id, fact, cursor


def streams_of(books: Mapping[str, Books], consumer: str) -> list[str]:
    """The streams a service follows, of producers that are here."""
    return [stream for stream in books[consumer].service.wiring().streams if stream.partition(".")[0] in books]
