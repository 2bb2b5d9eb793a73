"""resend: a producer says facts again, since a moment or to fill what one consumer lacks."""

from argparse import ArgumentTypeError
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid5

from operations.commands.base import Call, Subparsers, add_acting, add_service, command, dry, moment
from operations.cursors import readings, streams_of
from operations.journal import last, record
from operations.lane import NO_ROOM, wait_for_room
from operations.places import Database, Estate, WrongUse, open_estate, service_names
from operations.report import Code, Report, table
from operations.rewinding import CARRY_STATE, renew
from shared.runtime.messaging.resend import Selection, Unread, count_facts, resend_after, resend_batch

ACT = "resend_facts"
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
    wanted = Selection(since=given.since, until=wanted_until, aggregate_type=given.stream.partition(".")[2])
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
        lines.append(NO_ROOM)
    data = {"facts": counts, "sent": sent, "done": done, "until": wanted_until}
    return Report(lines=dry(lines, acted=given.yes), data=data, code=Code.WELL if done else Code.DIFFERENCES)


async def _send(call: Call, database: Database, wanted: Selection, *, total: int) -> tuple[int, bool]:
    """Batch after batch, each with its place in the journal: how many in this call, and whether that was all.

    The same command, broken off and given again, goes on behind its last batch.
    """
    given, name = call.given, database.service.name
    # Those of the time when the place was a moment are not gone on with.
    subject = uuid5(_RESENDS, f"{name} {given.since.isoformat()} {given.until} {given.stream} by id")
    wanted, sent = await _continued(database, wanted, subject), 0
    while True:
        if not await wait_for_room(database):
            return sent, False
        async with database.writing() as work:
            count, last_id = await resend_batch(work.connection, wanted)
            # A batch of which nothing was wanted changes nothing, and is looked at again by whoever goes on.
            if count or last_id is None:
                facts: dict[str, Any] = {"since": given.since, "until": wanted.until, "stream": given.stream}
                facts |= {"facts": count, "finished": last_id is None, "event_id": last_id}
                await record(
                    work,
                    call.operator,
                    act=ACT,
                    subject_type="stream",
                    subject_id=subject,
                    ground=given.reason,
                    **facts,
                )
        if last_id is None:
            return sent, True
        sent += count
        wanted = replace(wanted, after=last_id)
        call.progress.tell("facts", sent, total)


async def _continued(database: Database, wanted: Selection, subject: UUID) -> Selection:
    async with database.reading() as connection:
        before = await last(connection, subject_id=subject, act=ACT)
    return wanted if before is None or before["finished"] else replace(wanted, after=UUID(before["event_id"]))


async def _run_to(call: Call) -> Report:
    """What a consumer lacks; a consumer without any cursor of a stream is a new subscription and gets all of it."""
    given = call.given
    async with open_estate(service_names()) as estate:
        found = await catch_up(call, estate, given.to, act=given.yes, stream=given.stream)
    call.progress.close()
    lines = table(("stream", "aggregates", "facts"), [[stream, *counts] for stream, counts in found.lacking.items()])
    if given.yes:
        lines.append(f"{found.sent:,} facts said again for {given.to}")
    else:
        lines.append(f"{given.to} lacks {found.facts:,} facts" if found.facts else f"{given.to} lacks nothing")
    if not found.done:
        lines.append(NO_ROOM)
    data = {"to": given.to, "lacking": {name: {"aggregates": a, "facts": f} for name, (a, f) in found.lacking.items()}}
    data |= {"sent": found.sent, "done": found.done}
    acted = given.yes or not found.facts
    return Report(lines=dry(lines, acted=acted), data=data, code=Code.WELL if found.done else Code.DIFFERENCES)


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


@dataclass(slots=True)
class CaughtUp:
    """What a consumer lacks, as aggregates and facts by stream; what was said again, and whether that was all."""

    lacking: dict[str, tuple[int, int]] = field(default_factory=dict)
    sent: int = 0
    done: bool = True

    @property
    def facts(self) -> int:
        """All facts that it lacks, as far as they were looked at."""
        return sum(facts for _, facts in self.lacking.values())


async def catch_up(call: Call, estate: Estate, consumer: str, *, act: bool, stream: str = "") -> CaughtUp:
    """What a consumer lacks; with `act` the producers say it again. Ends early where a lane is full and stays so."""
    found = CaughtUp()
    for one in [stream] if stream else streams_of(estate, consumer):
        batch: list[Unread] = []
        async for reading in readings(estate, consumer=consumer, stream=one):
            if reading.at >= reading.newest:
                continue
            aggregates, facts = found.lacking.get(one, (0, 0))
            found.lacking[one] = (aggregates + 1, facts + reading.newest - reading.at)
            batch.append(reading.unread(reading.at))
            if len(batch) == AGGREGATES_MAX:
                if act and not await _say(call, estate, one, consumer, batch=batch, found=found):
                    return found
                batch = []
        if act and batch and not await _say(call, estate, one, consumer, batch=batch, found=found):
            return found
    return found


async def _say(  # noqa: PLR0913 - the parts of one batch
    call: Call, estate: Estate, stream: str, consumer: str, *, batch: list[Unread], found: CaughtUp
) -> bool:
    producer = estate[stream.partition(".")[0]]
    found.done = await wait_for_room(producer)
    if not found.done:
        return False
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
    found.sent += count
    call.progress.tell(f"facts of {stream} for {consumer}", found.sent)
    return True
