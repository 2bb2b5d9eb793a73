"""repair: after a restore of an older backup, bring the service and the others together again, and list the rest."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from operations.commands.base import Call, Subparsers, add_acting, command, dry, until
from operations.commands.resend import catch_up
from operations.commands.sagas import nudge
from operations.commands.verify import reconciled
from operations.crosschecks import check_services
from operations.journal import record
from operations.orders import Dossier, dossiers
from operations.places import Database, Estate, open_estate, service_names
from operations.recovery import Sagas, Sending, needs_fen, settlement_commands, voucher_commands
from operations.report import Code, Report
from operations.rewinding import rewind
from shared.kernel.calendar import year_closes_at
from shared.kernel.refusals import bug

SENT_MAX = 500
STALLED_MAX = 20
PAUSE_S = 0.25
QUIET_TIMEOUT_S = 120.0
AGREE_TIMEOUT_S = 15.0
SETTLING = frozenset({"cursor.behind", "left.outbox", "left.parked", "left.retry", "saga.moving", "hold.unfinished"})
"""Differences that pass by themselves while messages are still on their way."""
PLANS: Mapping[str, Callable[[Dossier, Sagas], list[Sending]]] = {
    "voucher": voucher_commands,
    "settlement": settlement_commands,
}

_UNDER_WAY = """
SELECT EXISTS (SELECT FROM outbox) OR EXISTS (SELECT FROM retry WHERE due_at <= clock_timestamp())
"""
_SAGAS = """
SELECT s.id, s.kind, s.order_id, s.state, s.number, s.claim_id, s.paid_fen, r.lines
FROM saga s LEFT JOIN refund r ON r.id = s.id
WHERE s.id = ANY($1::uuid[]) OR (s.kind <> 'purchase' AND s.order_id = ANY($1::uuid[])) ORDER BY s.id
"""
_AVAILABLE = """
SELECT a.enterprise_id, a.year, a.available_fen, a.closed FROM quota_account a
JOIN unnest($1::uuid[], $2::int[]) AS k(enterprise_id, year)
  ON a.enterprise_id = k.enterprise_id AND a.year = k.year
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
    lacking, sent = await catch_up(repair.call, repair.estate, repair.restored, act=repair.act)
    total = sum(facts for _, facts in lacking.values())
    did = f"{sent:,} facts said again" if repair.act else f"{total:,} facts to be said again"
    repair.say(f"{repair.restored} has not read {total:,} facts of other services: {did}", lacking=total, said=sent)
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
    """As a participant: order's sagas ask again for what is on record as answered, round by round."""
    plan = PLANS.get(repair.restored)
    if plan is None:
        return
    sent = stalled = 0
    asked: set[tuple[UUID, int, str]] = set()
    while True:
        budget = _Budget(repair.estate["voucher"])
        count, asking = 0, set()
        async for page in _with_sagas(repair.estate):
            wanted = [(one, sendings) for one, sagas in page if (sendings := plan(one, sagas))]
            affordable = [sending for sendings in await budget.affordable(wanted) for sending in sendings]
            asking |= {(one.saga_id, one.number, one.command.name) for one in affordable}
            fresh = [one for one in affordable if (one.saga_id, one.number, one.command.name) not in asked]
            count += len(fresh)
            if repair.act:
                await _send(repair, fresh)
        sent, asked = sent + count, asked | asking
        # What was asked for is on its way, perhaps inside the broker; only what stays unanswered is given up.
        stalled = 0 if count else stalled + 1
        if stalled == STALLED_MAX // 2:
            # Two consumers may have taken a commit before its hold: what is left is asked for once more.
            asked.clear()
        if not repair.act or not asking or stalled > STALLED_MAX:
            break
        await asyncio.sleep(PAUSE_S)
        await _rest(repair)
    did = "sent again" if repair.act else "to be sent again"
    repair.say(f"{sent:,} commands of order's sagas {did} to {repair.restored}", commands=sent)
    repair.left += budget.short
    if repair.act and asking:
        repair.left.append(f"{len(asking)} commands are not carried out: see the differences below")


async def _with_sagas(estate: Mapping[str, Database]) -> AsyncIterator[list[tuple[Dossier, Sagas]]]:
    async for page in dossiers(estate):
        by_order: dict[UUID, list[Any]] = defaultdict(list)
        async with estate["order"].reading() as connection:
            for row in await connection.fetch(_SAGAS, [one.order["id"] for one in page]):
                by_order[row["order_id"]].append(row)
        yield [(one, _sagas(by_order[one.order["id"]])) for one in page]


def _sagas(rows: Sequence[Any]) -> Sagas:
    of_kind = {kind: [row for row in rows if row["kind"] == kind] for kind in ("purchase", "refund", "claim")}
    purchase = of_kind["purchase"][0] if of_kind["purchase"] else None
    return Sagas(purchase=purchase, refunds=of_kind["refund"], claims=of_kind["claim"])


class _Budget:
    """What is available on the accounts, so that no hold is asked for that voucher would have to refuse.

    A refused hold is refused for ever, by its order's number; one that waits for its money can be asked for later.
    """

    def __init__(self, voucher: Database) -> None:
        self._voucher = voucher
        self._left_fen: dict[tuple[UUID, int], int] = {}
        self.short: list[str] = []

    async def affordable(self, wanted: Sequence[tuple[Dossier, Sequence[Sending]]]) -> list[Sequence[Sending]]:
        """Those orders' commands whose hold fits, in the order in which the orders were placed."""
        needing = [(one, fen) for one, sendings in wanted if (fen := needs_fen(one, sendings))]
        await self._read({(one.order["enterprise_id"], one.order["year"]) for one, _ in needing})
        refused = {one.order["id"] for one, fen in needing if not self._take(one, fen)}
        return [sendings for one, sendings in wanted if one.order["id"] not in refused]

    async def _read(self, owners: set[tuple[UUID, int]]) -> None:
        fresh = sorted(owners - self._left_fen.keys())
        async with self._voucher.writing() as work:
            rows = await work.connection.fetch(_AVAILABLE, [one for one, _ in fresh], [year for _, year in fresh])
            now = work.now
        self._left_fen |= dict.fromkeys(fresh, 0)
        for row in rows:
            over = row["closed"] or now >= year_closes_at(row["year"])
            self._left_fen[row["enterprise_id"], row["year"]] = 0 if over else row["available_fen"]

    def _take(self, one: Dossier, fen: int) -> bool:
        owner = (one.order["enterprise_id"], one.order["year"])
        if fen > self._left_fen[owner]:
            self.short.append(
                f"order {one.order['number']} needs {fen} fen again, its enterprise has {self._left_fen[owner]}:"
                " a grant was lost, or the year is over; the bureau decides, then repeat the repair"
            )
            return False
        self._left_fen[owner] -= fen
        return True


async def _send(repair: Repair, sendings: Sequence[Sending]) -> None:
    for start in range(0, len(sendings), SENT_MAX):
        async with repair.estate["order"].writing() as work:
            for one in sendings[start : start + SENT_MAX]:
                work.send(one.command, saga=one.saga_id, number=one.number)
                await record(
                    work,
                    repair.call.operator,
                    act="resend_command",
                    subject_type="saga",
                    subject_id=one.saga_id,
                    ground=repair.call.given.reason,
                    command=one.command.type_name(),
                    number=one.number,
                )


async def _move_on(repair: Repair) -> None:
    """Whatever a saga still waits for is asked for now instead of in half a minute."""
    async with repair.estate["order"].reading() as connection:
        ids = [row["id"] for row in await connection.fetch(_PENDING)]
    if ids and repair.act:
        await nudge(repair.call, repair.estate["order"], ids)
    if ids:
        repair.say(f"{len(ids):,} sagas were waiting for an answer", nudged=len(ids))
