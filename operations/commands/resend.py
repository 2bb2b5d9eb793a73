"""resend: a producer says facts again, since a moment or to fill what one consumer lacks."""

from argparse import ArgumentTypeError
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid5

from operations.commands.base import Call, Subparsers, add_acting, add_service, command, dry, moment, until
from operations.cursors import readings, streams_of
from operations.journal import last, record
from operations.places import Database, Estate, WrongUse, open_estate, service_names
from operations.report import Code, Report, table
from operations.rewinding import CARRY_STATE, renew
from shared.runtime.messaging.resend import FactPlace, Selection, count_facts, has_room, resend_after, resend_batch

ACT = "resend_facts"
ROOM_TIMEOUT_S = 60.0
AGGREGATES_MAX = 500
_RESENDS = UUID("a5b9f6e6-0a51-5c07-8a36-6c86b7f1f5a1")
_EXAMPLES = """\
resend --service order --since 2026-11-20T00:00
resend --service order --since 2026-11-20T00:00 --stream order.order --yes --reason 'read model rebuilt'
resend --to settlement --yes
resend --to order --stream identity.organisation --anew --yes --reason 'its copy keeps the credit code now'"""


def add(commands: Subparsers) -> None:
    """Declare the command."""
    does = "say facts again: all of one producer since a moment, or what one consumer has not read"
    parser = command(commands, "resend", does=does, examples=_EXAMPLES, run=run)
    add_service(parser, required=False)
    parser.add_argument("--since", type=_moment, help="recorded at or after; Beijing time when no offset is given")
    parser.add_argument("--until", type=_moment, help="recorded before (default: now)")
    parser.add_argument("--stream", default="", help="only this stream, for example order.order")
    parser.add_argument("--to", choices=service_names(), help="the consumer that lacks facts; also a new subscription")
    parser.add_argument(
        "--anew", action="store_true", help="with --to: what it has is taken once more, to fill new fields"
    )
    parser.add_argument("--dry-run", action="store_true", help="what happens without --yes")
    add_acting(parser)


def _moment(text: str) -> datetime:
    try:
        return moment(text)
    except ValueError as error:
        raise ArgumentTypeError(f"{text!r} is no moment such as 2026-11-20T00:00") from error


async def run(call: Call) -> Report:
    """Either form. Raises: WrongUse."""
    given = call.given
    if given.yes and given.dry_run:
        raise WrongUse("--yes and --dry-run contradict each other")
    if given.to is not None:
        if given.service or given.since or given.until:
            raise WrongUse("--to compares cursors itself: give neither --service nor --since nor --until")
        return await (_run_anew if given.anew else _run_to)(call)
    if given.anew:
        raise WrongUse("--anew goes with --to")
    if given.service is None or given.since is None:
        raise WrongUse("give --service and --since, or --to")
    if given.stream and given.stream.partition(".")[0] != given.service:
        raise WrongUse(f"{given.stream} is no stream of {given.service}")
    return await _run_since(call)


async def _run_since(call: Call) -> Report:
    given = call.given
    wanted_until: datetime = given.until or datetime.now(UTC)
    wanted = Selection(
        since=FactPlace.at(given.since), until=wanted_until, aggregate_type=given.stream.partition(".")[2]
    )
    async with open_estate([given.service]) as estate:
        database = estate[given.service]
        async with database.reading() as connection:
            counts = await count_facts(connection, wanted)
        sent, done = 0, True
        if given.yes:
            sent, done = await _send(call, database, wanted, total=sum(counts.values()))
    call.progress.close()
    lines = table(("stream", "facts"), [[f"{given.service}.{kind}", count] for kind, count in counts.items()])
    lines.append(f"{sent:,} facts said again" if given.yes else f"{sum(counts.values()):,} facts would be said again")
    if not done:
        lines.append("stopped: the outbox is full and nobody empties it; start the service, then repeat this command")
    data = {"facts": counts, "sent": sent, "done": done, "until": wanted_until}
    return Report(lines=dry(lines, acted=given.yes), data=data, code=Code.WELL if done else Code.DIFFERENCES)


async def _send(call: Call, database: Database, wanted: Selection, *, total: int) -> tuple[int, bool]:
    """Batch after batch, each with its place in the journal: how many in this call, and whether that was all.

    The same command, broken off and given again, goes on behind its last batch.
    """
    given, name = call.given, database.service.name
    subject = uuid5(_RESENDS, f"{name} {given.since.isoformat()} {given.until} {given.stream}")
    wanted, sent = await _continued(database, wanted, subject), 0
    while True:
        if not await until(lambda: _room(database), timeout_s=ROOM_TIMEOUT_S):
            return sent, False
        async with database.writing() as work:
            count, place = await resend_batch(work.connection, wanted, service=name)
            facts: dict[str, Any] = {"since": given.since, "until": wanted.until, "stream": given.stream}
            facts |= {"facts": count, "finished": place is None}
            if place is not None:
                facts |= {"recorded_at": place.recorded_at, "event_id": place.event_id}
            await record(
                work, call.operator, act=ACT, subject_type="stream", subject_id=subject, ground=given.reason, **facts
            )
        if place is None:
            return sent, True
        sent += count
        wanted = Selection(since=place, until=wanted.until, aggregate_type=wanted.aggregate_type)
        call.progress.tell("facts", sent, total)


async def _continued(database: Database, wanted: Selection, subject: UUID) -> Selection:
    async with database.reading() as connection:
        before = await last(connection, subject_id=subject, act=ACT)
    if before is None or before["finished"]:
        return wanted
    place = FactPlace(datetime.fromisoformat(before["recorded_at"]), UUID(before["event_id"]))
    return Selection(since=place, until=wanted.until, aggregate_type=wanted.aggregate_type)


async def _room(database: Database) -> bool:
    async with database.reading() as connection:
        return await has_room(connection)


async def _run_to(call: Call) -> Report:
    """What a consumer lacks; a consumer without any cursor of a stream is a new subscription and gets all of it."""
    given = call.given
    async with open_estate(service_names()) as estate:
        lacking, sent = await catch_up(call, estate, given.to, act=given.yes, stream=given.stream)
    call.progress.close()
    lines = table(("stream", "aggregates", "facts"), [[stream, *counts] for stream, counts in lacking.items()])
    total = sum(facts for _, facts in lacking.values())
    if given.yes:
        lines.append(f"{sent:,} facts said again for {given.to}")
    else:
        lines.append(f"{given.to} lacks {total:,} facts" if total else f"{given.to} lacks nothing")
    data = {"to": given.to, "lacking": {name: {"aggregates": a, "facts": f} for name, (a, f) in lacking.items()}}
    acted = given.yes or not total
    return Report(lines=dry(lines, acted=acted), data={**data, "sent": sent})


async def _run_anew(call: Call) -> Report:
    """The newest fact of every aggregate of a stream, once more: a copy that keeps more of it than before is filled."""
    given = call.given
    if given.stream not in CARRY_STATE:
        raise WrongUse(f"--anew needs --stream, one of {', '.join(sorted(CARRY_STATE))}")
    async with open_estate(service_names()) as estate:
        count = await renew(call, estate, given.to, given.stream, act=given.yes)
    call.progress.close()
    said = f"{count:,} aggregates of {given.stream} {'are' if given.yes else 'would be'} told to {given.to} once more"
    return Report(lines=dry([said], acted=given.yes), data={"to": given.to, "stream": given.stream, "anew": count})


async def catch_up(
    call: Call, estate: Estate, consumer: str, *, act: bool, stream: str = ""
) -> tuple[dict[str, tuple[int, int]], int]:
    """Aggregates and facts that a consumer lacks, by stream; with `act` their producers say them again."""
    lacking: dict[str, tuple[int, int]] = {}
    sent = 0
    for one in [stream] if stream else streams_of(estate, consumer):
        batch: list[tuple[UUID, int]] = []
        async for reading in readings(estate, consumer=consumer, stream=one):
            if reading.at >= reading.newest:
                continue
            aggregates, facts = lacking.get(one, (0, 0))
            lacking[one] = (aggregates + 1, facts + reading.newest - reading.at)
            batch.append((reading.aggregate_id, reading.at))
            if act and len(batch) == AGGREGATES_MAX:
                sent += await _say(call, estate, one, consumer, batch)
                batch = []
        if act and batch:
            sent += await _say(call, estate, one, consumer, batch)
    return lacking, sent


async def _say(call: Call, estate: Estate, stream: str, consumer: str, batch: list[tuple[UUID, int]]) -> int:
    producer = estate[stream.partition(".")[0]]
    await until(lambda: _room(producer), timeout_s=ROOM_TIMEOUT_S)
    async with producer.writing() as work:
        count = await resend_after(work.connection, stream=stream, aggregates=batch)
        subject = uuid5(_RESENDS, f"{stream} {consumer}")
        facts = {"stream": stream, "consumer": consumer, "aggregates": len(batch), "facts": count}
        await record(
            work,
            call.operator,
            act="resend_to_consumer",
            subject_type="stream",
            subject_id=subject,
            ground=call.given.reason,
            **facts,
        )
    call.progress.tell(stream, count)
    return count
