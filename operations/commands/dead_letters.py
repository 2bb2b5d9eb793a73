"""dead-letters: list, show, replay, skip, and read what the broker gave up into the table."""

import asyncio
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import msgspec

from operations.commands.base import Call, Subparsers, add_acting, add_service, command, dry, until
from operations.journal import Operator, record
from operations.people import authenticated
from operations.places import Database, NotConfigured, WrongUse, bus_url, open_estate
from operations.report import Code, Report, table
from shared.contracts.permissions import Permission
from shared.runtime.bus.rabbitmq import RabbitBus
from shared.runtime.bus.rabbitmq_connection import BROKER_FAULTS
from shared.runtime.bus.topology import dead_queue
from shared.runtime.operator.dead_letters import (
    REPLAY,
    SKIP,
    UNREADABLE,
    close,
    keep_envelope,
    lock,
    lock_approved,
    propose,
    proposed_act,
    schedule,
    skip,
)
from shared.runtime.work import Work

LISTED_MAX = 1_000
APPLIED_TIMEOUT_S = 15.0
QUIET_S = 2.0
COLLECT_BYTES_MAX = 2 * 1024 * 1024
MONEY = ("voucher.", "order.", "settlement.", "saga.", UNREADABLE)
"""Events of these services move money, or decide about it; their replay needs two people, and so does every skip."""

_LIST = """
SELECT event_id, type, attempts, dead_at, proposed_by IS NOT NULL AS proposed, replayed_at, reason FROM dead_letter
WHERE ($1 OR replayed_at IS NULL) ORDER BY event_id LIMIT $2
"""
_SHOW = "SELECT * FROM dead_letter WHERE event_id = $1"
_FATE = """
SELECT EXISTS (SELECT FROM inbox WHERE event_id = $1) AS applied,
       EXISTS (SELECT FROM retry WHERE event_id = $1) AS waiting
"""


def add(commands: Subparsers) -> None:
    """Declare the commands."""
    does = "list, show, replay and skip dead letters, and collect what the broker gave up"
    parser = command(commands, "dead-letters", does=does, examples="dead-letters list --service order")
    acts = parser.add_subparsers(metavar="ACT", required=True)
    listing = command(
        acts, "list", does="list dead letters", examples="dead-letters list --service order", run=run_list
    )
    add_service(listing)
    listing.add_argument("--all", action="store_true", help="those that are settled, too")
    two = "dead-letters {act} --service order EVENT --yes --token-file ~/anna.session\n"
    two += "dead-letters {act} --service order EVENT --yes --token-file ~/ben.session"
    shown = "dead-letters show --service order EVENT"
    for name, does, run, examples in (
        ("show", "show one dead letter with its event", run_show, shown),
        ("replay", "apply a dead letter again, under its own id; money needs two people who sign in", run_replay, two),
        ("skip", "give a dead letter up and go on behind it; always two people who sign in", run_skip, two),
    ):
        one = command(acts, name, does=does, examples=examples.format(act=name), run=run)
        add_service(one)
        one.add_argument("event", type=UUID, help="the event's id")
        if name != "show":
            add_acting(one)
    collecting = command(
        acts,
        "collect",
        does="read the broker's dead-letter queue of a service into its table",
        examples="dead-letters collect --service order --yes",
        run=run_collect,
    )
    add_service(collecting)
    add_acting(collecting)


async def run_list(call: Call) -> Report:
    """Dead letters as a table; differences when one is open."""
    async with open_estate([call.given.service]) as estate, estate[call.given.service].reading() as connection:
        rows = [dict(row) for row in await connection.fetch(_LIST, call.given.all, LISTED_MAX)]
    heads = ("event_id", "type", "attempts", "dead_at", "proposed", "replayed_at", "reason")
    lines = table(heads, [[str(row[name])[:100] if name == "reason" else row[name] for name in heads] for row in rows])
    open_letters = sum(row["replayed_at"] is None for row in rows)
    lines.append(f"{open_letters} open dead letters" + (" (or more)" if len(rows) == LISTED_MAX else ""))
    code = Code.DIFFERENCES if open_letters else Code.WELL
    return Report(lines=lines, data={"dead_letters": rows}, code=code)


async def run_show(call: Call) -> Report:
    """One letter and its event. Raises: WrongUse."""
    async with open_estate([call.given.service]) as estate, estate[call.given.service].reading() as connection:
        row = await connection.fetchrow(_SHOW, call.given.event)
    if row is None:
        raise WrongUse(f"{call.given.service} has no dead letter {call.given.event}")
    values: dict[str, Any] = dict(row)
    values["money"] = is_money(values["type"])
    values["event"] = _readable(values["event"])
    lines = [f"{name:<12} {value}" for name, value in values.items() if name != "event"]
    return Report(lines=[*lines, "event", str(values["event"])], data=values)


def _readable(body: bytes) -> object:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return body.decode("utf-8", errors="backslashreplace")


def is_money(kind: str) -> bool:
    """Whether an event of this type moves money or decides about it."""
    return kind.startswith(MONEY)


async def run_replay(call: Call) -> Report:
    """Propose, or approve and replay."""
    async with open_estate([call.given.service]) as estate:
        return await _act(call, estate[call.given.service], REPLAY)


async def run_skip(call: Call) -> Report:
    """Propose, or approve and skip."""
    async with open_estate([call.given.service]) as estate:
        return await _act(call, estate[call.given.service], SKIP)


async def _act(call: Call, service: Database, act: str) -> Report:
    """One operator is enough where no money moves; else one person proposes, and another one's same command acts.

    Raises: NotFound, ReplaySamePerson, LetterUnreadable, and what a sign-in that proves nothing raises.
    """
    given, operator = call.given, call.operator
    async with service.reading() as connection:
        row = await connection.fetchrow(_SHOW, given.event)
    if row is None or row["replayed_at"] is not None:
        raise WrongUse(f"{given.service} has no open dead letter {given.event}")
    two = act == SKIP or is_money(row["type"])
    lines = [f"{row['type']} of {row['dead_at']:%Y-%m-%d %H:%M}: {row['reason']}"]
    if not given.yes:
        lines.append(f"{act} needs {'two people who sign in' if two else 'one operator'}")
        return Report(lines=dry(lines, acted=False), data={"acted": False, "four_eyes": two})
    if two and (row["proposed_by"] is None or not await _is_proposed(service, given.event, act)):
        operator = await authenticated(given, operator, service, holding=Permission.PLATFORM_REPLAY_PROPOSE)
        async with service.writing() as work:
            await propose(work.connection, given.event, account_id=operator.account_id)
            await _record(call, operator, work, f"propose_{act}")
        lines.append(f"{operator.name} proposes to {act} it; another person gives the same command within 7 days")
        return Report(lines=lines, data={"acted": False, "proposed": True}, code=Code.DIFFERENCES)
    if two:
        operator = await authenticated(given, operator, service, holding=Permission.PLATFORM_REPLAY_APPROVE)
    followed = await _carry_out(call, operator, service, act=act, two=two)
    if act == SKIP:
        lines.append("skipped; what waited behind it is being applied" if followed else "skipped")
        return Report(lines=lines, data={"acted": True, "skipped": True})
    return await _watch(service, given.event, lines)


async def _carry_out(call: Call, operator: Operator, service: Database, *, act: str, two: bool) -> bool:
    """Replay or skip; whether a follower was waiting behind a skipped letter."""
    event_id = call.given.event
    async with service.writing() as work:
        if two:
            letter = await lock_approved(work.connection, event_id, act=act, by=operator.account_id, now=work.now)
        else:
            letter = await lock(work.connection, event_id)
        await _record(call, operator, work, act)
        if act == SKIP:
            return await skip(work.connection, letter)
        await schedule(work.connection, letter)
        return False


async def _is_proposed(service: Database, event_id: UUID, act: str) -> bool:
    # A proposal that has lapsed is none: the same command proposes it again.
    async with service.writing() as work:
        return await proposed_act(work.connection, event_id, now=work.now) == act


async def _record(call: Call, operator: Operator, work: Work, act: str) -> None:
    await record(work, operator, act=act, subject_type="event", subject_id=call.given.event, ground=call.given.reason)


async def _watch(service: Database, event_id: UUID, lines: list[str]) -> Report:
    """Wait for the service to apply the letter, then close it."""
    fate: Mapping[str, Any] = {}

    async def decided() -> bool:
        nonlocal fate
        async with service.reading() as connection:
            fate = await connection.fetchrow(_FATE, event_id)
        return fate["applied"] or not fate["waiting"]

    await until(decided, timeout_s=APPLIED_TIMEOUT_S)
    async with service.writing() as work:
        applied, reason = await close(work.connection, event_id)
    if applied:
        lines.append("applied")
    elif fate["waiting"]:
        lines.append(f"{service.service.name} has not taken it up: it does not run; it is applied when it does")
    else:
        lines.append(f"it died again: {reason}")
    data = {"acted": True, "applied": applied, "reason": reason}
    return Report(lines=lines, data=data, code=Code.WELL if applied else Code.DIFFERENCES)


async def run_collect(call: Call) -> Report:
    """Read `<service>.dead` until nothing comes for 2 s; an envelope leaves the broker once its rows are committed."""
    given = call.given
    url = bus_url(given.service)
    if not url.startswith(("amqp://", "amqps://")):
        raise NotConfigured("it is no amqp:// URL that leads to the broker; the memory bus keeps no dead letters")
    queue = dead_queue(given.service)
    async with open_estate([given.service]) as estate:
        bus = RabbitBus(url, service=given.service)
        try:
            await bus.open()
            envelopes, letters = await _collect(call, bus, estate[given.service], queue)
        except BROKER_FAULTS as error:
            raise NotConfigured(f"the broker does not give us {queue}: {type(error).__name__}: {error}") from error
        finally:
            await bus.close()
    call.progress.close()
    verb = "read" if given.yes else "waiting"
    lines = [f"{envelopes} envelopes {verb} in {queue}" + (f", {letters} new dead letters" if given.yes else "")]
    data = {"queue": queue, "envelopes": envelopes, "letters": letters, "acted": given.yes}
    return Report(lines=dry(lines, acted=given.yes or not envelopes), data=data)


async def _collect(call: Call, bus: RabbitBus, service: Database, queue: str) -> tuple[int, int]:
    receiver = await bus.listen(queue)
    envelopes = letters = 0
    try:
        while True:
            try:
                async with asyncio.timeout(QUIET_S):
                    deliveries = await receiver.receive(bytes_max=COLLECT_BYTES_MAX)
            except TimeoutError:
                return envelopes, letters
            envelopes += len(deliveries)
            call.progress.tell("envelopes", envelopes)
            if not call.given.yes:
                # Held unacknowledged until the channel closes; then they are all back in their places.
                continue
            async with service.writing() as work:
                letters += sum([await keep_envelope(work.connection, one.body, user=one.user) for one in deliveries])
                facts = {"queue": queue, "envelopes": len(deliveries)}
                await record(
                    work,
                    call.operator,
                    act="collect_dead_letters",
                    subject_type="queue",
                    subject_id=work.new_id(),
                    ground=call.given.reason,
                    **facts,
                )
            await receiver.acknowledge(deliveries)
    finally:
        await receiver.close()
