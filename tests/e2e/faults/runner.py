"""Runs one scenario amid traffic: inject, hold, heal, measure the recovery, wait for rest, prove everything."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from embedded.front import SignIn
from embedded.platform import SERVICES
from tests.e2e.faults.load import ATTEMPT_S, KINDS, SAGAS, Load
from tests.e2e.faults.previous import Previous
from tests.e2e.faults.scenarios import Scenario, Site
from tests.e2e.market import Market, missing, open_market, settled_proof
from tests.e2e.stack import Stack
from tests.e2e.traffic import Request

RECOVERY_MAX_S = 30.0
WARM_S = 60.0
WATCHED_S = 90.0
LOOK_S = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What was seen of one scenario. Requests are counted once, however often they were sent."""

    name: str
    title: str
    rows: Sequence[int]
    at: datetime
    fault_s: float
    """From the injection to the end of the fault."""
    orders: int
    requests: int
    """Those that were open at some moment of the fault."""
    retried: int
    """Those of them that had to be sent more than once."""
    ready_s: float
    recovery_s: float
    """From the end of the fault until every service is ready and every kind of request, sent after it, is answered."""
    slowest: str
    settled_s: float
    """From the end of the traffic until the proof balances."""
    examined: int
    lost: Sequence[str]
    differences: Sequence[str]
    notes: Sequence[str] = field(default=())

    @property
    def misses(self) -> list[str]:
        """The bounds that were missed, in words."""
        found = [f"lost: {text}" for text in self.lost] + [f"proof: {text}" for text in self.differences]
        if self.recovery_s > RECOVERY_MAX_S:
            found.append(f"recovery took {self.recovery_s:.1f} s ({self.slowest}), at most {RECOVERY_MAX_S:.0f} s")
        return found


@dataclass(frozen=True)
class Runner:
    """Everything that scenarios share."""

    stack: Stack
    told: Sequence[SignIn]
    folder: Path
    previous: Previous
    hold_s: float
    tell: Callable[[str], None]

    async def run(self, scenario: Scenario) -> Outcome:
        """One scenario. Raises: AssertionError when it could not be carried out."""
        async with open_market(self.stack, self.told, timeout_s=ATTEMPT_S) as market:
            load = Load(market)
            folder = self.folder / scenario.name
            folder.mkdir(exist_ok=True)
            site = Site(self.stack, load, folder, self.previous, self.hold_s, self.tell)
            load.start()
            try:
                return await self._run(scenario, site)
            finally:
                await load.cancel()

    async def _run(self, scenario: Scenario, site: Site) -> Outcome:
        load, at = site.load, datetime.now(UTC)
        if await _answered_again(load, since_s=0, timeout_s=WARM_S) is None:
            raise AssertionError(f"not every kind of request was answered before the fault: {load.failures}")
        self.tell(f"{scenario.name}: {scenario.title}")
        began_s = time.monotonic()
        await scenario.inject(site)
        await asyncio.sleep(site.hold_s)
        ended_s = await scenario.heal(site)
        self.tell(f"{scenario.name}: healed after {ended_s - began_s:.1f} s")
        ready_s, answered = await asyncio.gather(
            self._ready_since(ended_s), _answered_again(load, since_s=ended_s, timeout_s=WATCHED_S)
        )
        kind, kind_s = answered or (_unanswered(load, since_s=ended_s), ended_s + WATCHED_S)
        self.tell(f"{scenario.name}: ready after {ready_s:.1f} s, everything answered after {kind_s - ended_s:.1f} s")
        await load.stop()
        stopped_s = time.monotonic()
        examined, differences = await self._proved()
        settled_s = time.monotonic() - stopped_s
        lost = [*load.failures, *await missing(load.market)]
        open_then = _open_between(load.market, began_s, ended_s)
        return Outcome(
            name=scenario.name,
            title=scenario.title,
            rows=scenario.rows,
            at=at,
            fault_s=ended_s - began_s,
            orders=load.orders,
            requests=len(open_then),
            retried=sum(one.attempts > 1 for one in open_then),
            ready_s=ready_s,
            recovery_s=max(ready_s, kind_s - ended_s),
            slowest=kind if kind_s - ended_s >= ready_s else "readiness",
            settled_s=settled_s,
            examined=examined,
            lost=lost,
            differences=differences,
            notes=site.notes,
        )

    async def _proved(self) -> tuple[int, list[str]]:
        """How much the proof examined, and what is wrong; services that never come to rest are wrong, too."""
        try:
            proof = await settled_proof(self.stack)
        except AssertionError as error:
            return 0, [str(error)]
        differences = [f"{check.title}: {text}" for check in proof.checks for text in check.differences]
        differences += [f"the plan of {plan.year} does not balance" for plan in proof.plans if not plan.balances]
        return sum(check.examined for check in proof.checks), differences

    async def _ready_since(self, moment_s: float) -> float:
        """The seconds from a moment until every container of every service is ready."""
        names = [name for service in SERVICES for name in self.stack.members[service.name]]
        await asyncio.gather(*[asyncio.to_thread(self.stack.wait_ready, name) for name in names])
        return time.monotonic() - moment_s


def _open_between(market: Market, began_s: float, ended_s: float) -> list[Request]:
    return [one for one in market.log if one.began_s <= ended_s and one.ended_s >= began_s and one.kind not in SAGAS]


async def _answered_again(load: Load, *, since_s: float, timeout_s: float) -> tuple[str, float] | None:
    """The kind of request that was answered last, sent after a moment, and when; None: not all in time."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        moments = {kind: load.answered(kind, since_s=since_s) for kind in KINDS}
        found = {kind: moment for kind, moment in moments.items() if moment is not None}
        if len(found) == len(KINDS):
            return max(found.items(), key=lambda item: item[1])
        await asyncio.sleep(LOOK_S)
    return None


def _unanswered(load: Load, *, since_s: float) -> str:
    return ", ".join(sorted(kind for kind in KINDS if load.answered(kind, since_s=since_s) is None))
