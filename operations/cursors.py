"""Facts at their producers against cursors at their consumers: two sorted streams merged, in bounded memory."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from uuid import UUID

from operations.orders import Books, Row

PREFETCH = 1_000

# Server-side cursors: neither the database's client nor this process holds more than PREFETCH rows of each.
_FACTS = """
SELECT aggregate_id, max(version) AS newest, min(version) AS oldest, count(*) AS facts,
       count(DISTINCT version) AS versions
FROM fact WHERE aggregate_type = $1 GROUP BY aggregate_id ORDER BY aggregate_id
"""
_CURSORS = "SELECT aggregate_id, version FROM cursor WHERE stream = $1 ORDER BY aggregate_id"
_STREAMS = "SELECT DISTINCT aggregate_type FROM fact"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How far a consumer (`""`: nobody, only the producer looked at) has read an aggregate; 0 stands for nothing."""

    stream: str
    consumer: str
    aggregate_id: UUID
    newest: int
    at: int
    gapless: bool = True

    @property
    def producer(self) -> str:
        """The service that emits the stream."""
        return self.stream.partition(".")[0]


async def own_facts(books: Mapping[str, Books], producer: str) -> AsyncIterator[Reading]:
    """Every aggregate of a producer with its newest version, and whether its facts have no gap."""
    async with books[producer].reading() as connection, connection.transaction(readonly=True):
        types = [row["aggregate_type"] for row in await connection.fetch(_STREAMS)]
        for aggregate_type in sorted(types):
            async for row in connection.cursor(_FACTS, aggregate_type, prefetch=PREFETCH):
                gapless = row["oldest"] == 1 and row["newest"] == row["facts"] == row["versions"]
                yield Reading(
                    stream=f"{producer}.{aggregate_type}",
                    consumer="",
                    aggregate_id=row["aggregate_id"],
                    newest=row["newest"],
                    at=row["newest"],
                    gapless=gapless,
                )


async def readings(books: Mapping[str, Books], *, consumer: str, stream: str) -> AsyncIterator[Reading]:
    """Each aggregate of a stream that its producer or the consumer knows."""
    producer, _, aggregate_type = stream.partition(".")
    async with AsyncExitStack() as stack:
        there = await stack.enter_async_context(books[producer].reading())
        here = await stack.enter_async_context(books[consumer].reading())
        await stack.enter_async_context(there.transaction(readonly=True))
        await stack.enter_async_context(here.transaction(readonly=True))
        facts = aiter(there.cursor(_FACTS, aggregate_type, prefetch=PREFETCH))
        cursors = aiter(here.cursor(_CURSORS, stream, prefetch=PREFETCH))
        async for aggregate_id, fact, cursor in _merged(facts, cursors):
            yield Reading(
                stream=stream,
                consumer=consumer,
                aggregate_id=aggregate_id,
                newest=fact["newest"] if fact is not None else 0,
                at=cursor["version"] if cursor is not None else 0,
            )


async def _merged(
    left: AsyncIterator[Row], right: AsyncIterator[Row]
) -> AsyncIterator[tuple[UUID, Row | None, Row | None]]:
    """Both sides by aggregate; PostgreSQL and Python order UUIDs alike, by their bytes."""
    one, other = await anext(left, None), await anext(right, None)
    while one is not None or other is not None:
        if other is None or (one is not None and one["aggregate_id"] < other["aggregate_id"]):
            if one is not None:
                yield one["aggregate_id"], one, None
            one = await anext(left, None)
        elif one is None or other["aggregate_id"] < one["aggregate_id"]:
            yield other["aggregate_id"], None, other
            other = await anext(right, None)
        else:
            yield one["aggregate_id"], one, other
            one, other = await anext(left, None), await anext(right, None)


def streams_of(books: Mapping[str, Books], consumer: str) -> list[str]:
    """The streams a service follows, of producers that are here."""
    return [stream for stream in books[consumer].service.wiring().streams if stream.partition(".")[0] in books]
