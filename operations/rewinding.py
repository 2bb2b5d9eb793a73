"""Consumers that have read more than a restored producer knows: their cursors go back to what there is.

Versions that were lost are given again, to facts that may be other ones; a consumer that stayed ahead would drop them
as old. So its cursor is set to the producer's newest version. Where a fact carries the whole state of what is copied,
the newest one is handed to the consumer once more, so that its copy forgets what was lost as well.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from operations.commands.base import Call
from operations.crosschecks import reading_difference
from operations.cursors import Reading, readings
from operations.differences import LISTED_MAX, Difference
from operations.journal import record
from operations.lane import wait_for_room
from operations.places import Estate
from shared.runtime.messaging.resend import resend_after

BATCH = 500
CARRY_STATE = frozenset(
    {
        "identity.organisation",
        "identity.affiliation",
        "identity.account",
        "identity.key",
        "identity.clock",
        "catalog.product",
        "voucher.account",
        "order.order",
    }
)
"""Streams whose newest fact may be applied twice: it sets a copy, and begins nothing. A claim's first fact would."""

_FACTS = """
SELECT f.aggregate_id, f.event_id FROM fact f JOIN unnest($2::uuid[], $3::int[]) AS k(id, version)
  ON f.aggregate_id = k.id AND f.version = k.version WHERE f.aggregate_type = $1
"""
_REWIND = """
WITH k AS (SELECT * FROM unnest($2::uuid[], $3::int[]) AS k(id, version)),
unparked AS (DELETE FROM parked p USING k WHERE p.stream = $1 AND p.aggregate_id = k.id AND p.version > k.version),
forgotten AS (DELETE FROM inbox WHERE event_id = ANY($4::uuid[]))
UPDATE cursor c SET version = k.version FROM k
WHERE c.stream = $1 AND c.aggregate_id = k.id AND c.version > k.version
"""
# Copies of parties take no fact that is older than they are; the newest one of a restored producer may be.
_LOOSEN = """
WITH k AS (SELECT * FROM unnest($1::uuid[], $2::int[]) AS k(id, newest))
UPDATE party SET version = k.newest FROM k WHERE party.organisation_id = k.id AND party.version > k.newest
"""
_PARTIES = "identity.organisation"


@dataclass(slots=True)
class Rewound:
    """How many cursors went back by stream and consumer, and what a producer has lost whole."""

    cursors: dict[tuple[str, str], int] = field(default_factory=dict)
    lost: list[Difference] = field(default_factory=list)


async def rewind(call: Call, estate: Estate, producer: str, *, act: bool) -> Rewound:
    """Set back every consumer of a producer; without `act` only count."""
    found = Rewound()
    for consumer, database in estate.items():
        for stream in database.service.wiring().streams:
            if stream.partition(".")[0] == producer:
                await _rewind_stream(call, estate, consumer, stream, found, act=act)
    return found


async def _rewind_stream(  # noqa: PLR0913 - the parts of one comparison
    call: Call, estate: Estate, consumer: str, stream: str, found: Rewound, *, act: bool
) -> None:
    batch: list[Reading] = []
    async for one in readings(estate, consumer=consumer, stream=stream):
        if one.at <= one.newest:
            continue
        if not one.newest:
            if len(found.lost) < LISTED_MAX:
                found.lost.append(reading_difference(one))
            continue
        found.cursors[stream, consumer] = found.cursors.get((stream, consumer), 0) + 1
        batch.append(one)
        if act and len(batch) == BATCH:
            await _set_back(call, estate, consumer, stream, batch)
            batch = []
    if act and batch:
        await _set_back(call, estate, consumer, stream, batch)


async def renew(call: Call, estate: Estate, consumer: str, stream: str, *, act: bool) -> int:
    """Let a consumer take the newest fact of every aggregate once more; returns how many. Without `act` only counts.

    For streams that carry state only: a copy that keeps a field more than before is filled by it.
    """
    count = 0
    batch: list[Reading] = []
    async for one in readings(estate, consumer=consumer, stream=stream):
        # What it lacks altogether comes by itself, or by the other form of the command.
        if not one.newest or one.at != one.newest:
            continue
        count += 1
        batch.append(one)
        if act and len(batch) == BATCH:
            await _set_back(call, estate, consumer, stream, batch)
            batch = []
    if act and batch:
        await _set_back(call, estate, consumer, stream, batch)
    return count


async def _set_back(call: Call, estate: Estate, consumer: str, stream: str, batch: Sequence[Reading]) -> None:
    """The consumer forgets first; should this end before the producer has spoken, the next repair fills the gap."""
    producer, _, aggregate_type = stream.partition(".")
    again = stream in CARRY_STATE
    ids = [one.aggregate_id for one in batch]
    to = [one.newest - 1 if again else one.newest for one in batch]
    async with estate[producer].reading() as connection:
        newest = await connection.fetch(_FACTS, aggregate_type, ids, [one.newest for one in batch])
    async with estate[consumer].writing() as work:
        forget = [row["event_id"] for row in newest] if again else []
        await work.connection.execute(_REWIND, stream, ids, to, forget)
        if stream == _PARTIES:
            await work.connection.execute(_LOOSEN, ids, [one.newest for one in batch])
        for one, version in zip(batch, to, strict=True):
            facts: Mapping[str, object] = {"stream": stream, "was": one.at, "set_to": version}
            await record(
                work,
                call.operator,
                act="rewind_cursor",
                subject_type="cursor",
                subject_id=one.aggregate_id,
                ground=call.given.reason,
                **facts,
            )
    if again:
        await wait_for_room(estate[producer])
        unread = [one.unread(version) for one, version in zip(batch, to, strict=True)]
        async with estate[producer].writing() as work:
            await resend_after(work.connection, stream=stream, aggregates=unread)
