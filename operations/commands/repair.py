"""repair: after a restore of an older backup, bring the service and the others together again, and list the rest."""

from dataclasses import dataclass, field
from typing import Any

from operations.asking import PLANS, Asking
from operations.commands.base import Call, Subparsers, add_acting, command, dry, until
from operations.commands.resend import catch_up
from operations.commands.sagas import nudge
from operations.commands.verify import reconciled
from operations.crosschecks import check_services
from operations.lane import NO_ROOM
from operations.places import Estate, open_estate, service_names
from operations.report import Code, Report
from operations.rewinding import rewind
from shared.kernel.refusals import bug

QUIET_TIMEOUT_S = 120.0
AGREE_TIMEOUT_S = 15.0
SETTLING = frozenset({"cursor.behind", "left.outbox", "left.parked", "left.retry", "saga.moving", "hold.unfinished"})
"""Differences that pass by themselves while messages are still on their way."""

_UNDER_WAY = """
SELECT EXISTS (SELECT FROM outbox) OR EXISTS (SELECT FROM resend)
    OR EXISTS (SELECT FROM retry WHERE due_at <= clock_timestamp())
"""
_PENDING = "SELECT id FROM saga WHERE resend_at IS NOT NULL ORDER BY resend_at LIMIT 1000"


def add(commands: Subparsers) -> None:
    """Declare the command."""
    parser = command(
        commands,
        "repair",
        does="after a restore of an older backup: fill what can be filled, list what cannot, end with reconcile",
        examples="repair voucher\nrepair voucher --yes --reason 'restored to 09:55'",
        run=run,
    )
    parser.add_argument("service", choices=service_names(), help="the service that was restored, and runs again")
    add_acting(parser)


@dataclass(slots=True)
class Repair:
    """One repair: what was done, in words and figures, and what only people can do."""

    call: Call
    estate: Estate
    restored: str
    lines: list[str] = field(default_factory=list)
    data: dict[str, Any] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)

    @property
    def act(self) -> bool:
        """Whether to do it."""
        act: bool = self.call.given.yes
        return act

    def say(self, text: str, **figures: object) -> None:
        """Keep a step for the answer, and tell people who wait."""
        self.lines.append(text)
        self.data |= figures
        if self.act:
            self.call.progress.note(text)


async def run(call: Call) -> Report:
    """All steps. Each may be repeated: what is there already is not done again."""
    async with open_estate(service_names()) as estate:
        repair = Repair(call=call, estate=estate, restored=call.given.service)
        await _rest(repair)
        await _fill(repair)
        await _rewind(repair)
        await _send_again(repair)
        await _move_on(repair)
        await _rest(repair)
        end = await _reconcile(repair)
    call.progress.close()
    lines = [*repair.lines, *(f"  for people: {text}" for text in repair.left), "", *end.lines]
    data = {"acted": repair.act, **repair.data, "left": repair.left, "reconcile": end.data}
    code = Code.WELL if end.code is Code.WELL and not repair.left else Code.DIFFERENCES
    return Report(lines=dry(lines, acted=repair.act), data=data, code=code)


async def _reconcile(repair: Repair) -> Report:
    """The differences that are left once what is still inside the broker has had its time."""
    end: Report | None = None

    async def agrees() -> bool:
        nonlocal end
        checks = await check_services(repair.estate, told=repair.call.progress.tell)
        end = reconciled(checks)
        return not any(one.kind in SETTLING for check in checks for one in check.differences)

    await until(agrees, timeout_s=AGREE_TIMEOUT_S if repair.act else 0)
    return end or bug("the services were compared at least once")


async def _rest(repair: Repair) -> None:
    """Wait until every service has sent what it has; a dry run does not wait."""

    async def quiet() -> bool:
        for database in repair.estate.values():
            async with database.reading() as connection:
                if await connection.fetchval(_UNDER_WAY):
                    return False
        return True

    if repair.act and not await until(quiet, timeout_s=QUIET_TIMEOUT_S):
        repair.say(f"still not quiet after {QUIET_TIMEOUT_S:.0f} s: a service or the broker does not run")


async def _fill(repair: Repair) -> None:
    """As a consumer: its producers say again what it has not read."""
    found = await catch_up(repair.call, repair.estate, repair.restored, act=repair.act)
    did = f"{found.sent:,} facts said again" if repair.act else f"{found.facts:,} facts to be said again"
    text = f"{repair.restored} has not read {found.facts:,} facts of other services: {did}"
    repair.say(text, lacking=found.lacking, said=found.sent)
    if not found.done:
        repair.left.append(NO_ROOM)
    await _rest(repair)


async def _rewind(repair: Repair) -> None:
    """As a producer: whoever has read more than it knows goes back."""
    found = await rewind(repair.call, repair.estate, repair.restored, act=repair.act)
    for (stream, consumer), count in found.cursors.items():
        repair.say(f"{consumer} has read {count:,} aggregates of {stream} further than {repair.restored} knows")
    repair.data["rewound"] = sum(found.cursors.values())
    repair.left += [f"{one}; {one.repair.removeprefix('people: ')}" for one in found.lost]
    await _rest(repair)


async def _send_again(repair: Repair) -> None:
    """As a participant: order's sagas ask again for what is on record as answered."""
    if repair.restored not in PLANS:
        return
    asking = Asking(repair.call, repair.estate, repair.restored, rest=lambda: _rest(repair))
    await asking.run()
    did = "sent again" if repair.act else "to be sent again"
    repair.say(f"{asking.sent:,} commands of order's sagas {did} to {repair.restored}", commands=asking.sent)
    repair.left += asking.short_of()
    if asking.unanswered:
        repair.left.append(f"{asking.unanswered:,} commands are not carried out: see the differences below")


async def _move_on(repair: Repair) -> None:
    """Whatever a saga still waits for is asked for now instead of in half a minute."""
    async with repair.estate["order"].reading() as connection:
        ids = [row["id"] for row in await connection.fetch(_PENDING)]
    if ids and repair.act:
        await nudge(repair.call, repair.estate["order"], ids)
    if ids:
        repair.say(f"{len(ids):,} sagas were waiting for an answer", nudged=len(ids))
