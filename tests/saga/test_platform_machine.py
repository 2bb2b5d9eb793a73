"""Histories over all services on PostgreSQL and a hostile bus: every act by HTTP, every invariant after each act.

A history is a script drawn by Hypothesis; it has a business year, a plan and an enterprise of its own.
"""

import asyncio
import os
import random
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from uuid import UUID, uuid4

import httpx
import pytest
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

from tests.factories.world import SERVICES, World, open_world
from tests.saga.checks import assert_quiet, assert_step
from tests.saga.faulty_exchange import FaultyExchange

LONG = os.environ.get("HYPOTHESIS_PROFILE") == "long"
HISTORIES = 2_000 if LONG else 30
ACTS_MAX = 30 if LONG else 16
# Plans are drafted up to the year 2100, so a set of databases lasts for so many histories.
HISTORIES_PER_SET = 60
ORDERS_MAX = 5
CLAIMS_MAX = 2
FAULTS = {500, 502, 503, 504}
Databases = Mapping[str, str]


@dataclass
class History:
    """One history under way: what was placed and filed, so that acts can choose."""

    world: World
    orders: list[UUID] = field(default_factory=list)
    claims: list[UUID] = field(default_factory=list)
    last: tuple[str, tuple[int, ...], bytes] | None = None

    def order(self, choice: int) -> UUID:
        """One of the orders; an unknown one before the first is placed."""
        return self.orders[choice % len(self.orders)] if self.orders else uuid4()

    async def place(self, choice: int) -> None:
        """An order of one to three lines, sometimes for more than there is."""
        if len(self.orders) >= ORDERS_MAX:
            return
        shares = tuple(500 + choice % 3_000 for _ in range(1 + choice % 3))
        key = uuid4().hex
        response = await self.world.place(*shares, key=key, wait_s=choice % 2)
        assert response.status_code == 201, response.text
        self.orders.append(UUID(response.json()["id"]))
        self.last = key, shares, response.content

    async def place_again(self, choice: int) -> None:
        """The same key and body once more, with or without waiting: the same order (I6)."""
        if self.last is None:
            return
        key, shares, _ = self.last
        response = await self.world.place(*shares, key=key, wait_s=choice % 2)
        assert response.status_code == 201
        assert UUID(response.json()["id"]) in self.orders

    async def confirm(self, choice: int) -> None:
        """The provider confirms."""
        sound(await self.world.confirm(self.order(choice)))

    async def cancel(self, choice: int) -> None:
        """The enterprise cancels."""
        sound(await self.world.cancel(self.order(choice)))

    async def cancel_and_confirm(self, choice: int) -> None:
        """Both at once: at most one wins."""
        order_id = self.order(choice)
        both = await asyncio.gather(self.world.cancel(order_id), self.world.confirm(order_id))
        assert sum(sound(one) for one in both) <= 1

    async def refund(self, choice: int) -> None:
        """The enterprise wants a line back, and the provider answers."""
        order_id = self.order(choice)
        if sound(await self.world.request_refund(order_id, 1 + choice % 3)) and choice % 4:
            answer = self.world.refuse_refund if choice % 4 == 1 else self.world.consent
            sound(await answer(order_id))

    async def consent_and_claim(self, choice: int) -> None:
        """A refund and a claim race for one order."""
        order_id = self.order(choice)
        claim_id = await self._draft(order_id)
        if claim_id is not None:
            await asyncio.gather(self._refund_whole(order_id), self.world.submit(claim_id))

    async def _refund_whole(self, order_id: UUID) -> None:
        if sound(await self.world.request_refund(order_id, 1)):
            sound(await self.world.consent(order_id))

    async def claim(self, choice: int) -> None:
        """The provider claims the first order that settlement offers it, beginning anywhere."""
        for place in range(len(self.orders)):
            claim_id = await self._draft(self.order(choice + place))
            if claim_id is not None:
                sound(await self.world.submit(claim_id))
                return

    async def _draft(self, order_id: UUID) -> UUID | None:
        if len(self.claims) >= CLAIMS_MAX:
            return None
        claim_id = await self.world.draft(order_id)
        if claim_id is not None:
            self.claims.append(claim_id)
        return claim_id

    async def withdraw(self, choice: int) -> None:
        """The provider takes a claim back."""
        if self.claims:
            sound(await self.world.withdraw(self.claims[choice % len(self.claims)]))

    async def review(self, choice: int) -> None:
        """The window closes; a claim that waits is rejected, or paid in full or short."""
        if not self.claims:
            return
        claim_id = self.claims[choice % len(self.claims)]
        if not await self.world.items(claim_id, "open"):
            return
        if choice % 3 == 0:
            await self.world.reviewed(claim_id, passed=False)
            return
        appropriation_id, amount_fen = await self.world.approved(claim_id, short_fen=choice % 3 - 1)
        assert sound(await self.world.pay(appropriation_id, amount_fen=amount_fen))

    async def apply(self, choice: int) -> None:
        """One more application; the cap may be used up."""
        sound(await self.world.apply(1 + choice % 5_000_000))

    async def pass_days(self, choice: int) -> None:
        """Days pass; who was silent is timed out."""
        await self.world.pass_days(choice % 20)

    async def pause(self, choice: int) -> None:
        """The messages get some time."""
        await asyncio.sleep(choice % 5 / 50)

    async def end_year(self, choice: int) -> None:
        """24:00 on 31 December."""
        if choice % 3 == 0:
            await self.world.end_year()


Act = Callable[[History, int], Awaitable[None]]
ACTS: dict[str, Act] = {
    act.__name__: act
    for act in (
        History.place,
        History.place_again,
        History.confirm,
        History.cancel,
        History.cancel_and_confirm,
        History.refund,
        History.consent_and_claim,
        History.claim,
        History.withdraw,
        History.review,
        History.apply,
        History.pass_days,
        History.pause,
        History.end_year,
    )
}
# Orders must come before anything can happen to them, and messages need time.
USUAL = ["place", "place", "pause", "confirm", "confirm", "pause", "claim", "pause"]
Script = Sequence[tuple[str, int]]


def script_of(seed: int, *, length: int) -> Script:
    """The acts of a history; a shorter one is the beginning of a longer one with the same seed."""
    chance = random.Random(seed)  # noqa: S311 - a history is to be repeatable, not secret
    return [("place", chance.randrange(10_000))] + [
        (chance.choice([*USUAL, *ACTS]), chance.randrange(10_000)) for _ in range(length - 1)
    ]


def sound(response: httpx.Response) -> bool:
    """Whether a request succeeded; a refusal is an answer, a fault is not. Raises: AssertionError."""
    assert response.status_code not in FAULTS, response.text
    return response.is_success


class Platforms:
    """One platform after another, each for as many histories as its databases last."""

    def __init__(self, runner: asyncio.Runner, copy_databases: Callable[[], Databases]) -> None:
        self._runner = runner
        self._copy = copy_databases
        self._stack = AsyncExitStack()
        self._world: World | None = None
        self._exchange: FaultyExchange | None = None
        self.histories = 0
        self.acts = 0

    def run(self, script: Script, *, seed: int) -> None:
        """One history."""
        if self._world is None or self.histories % HISTORIES_PER_SET == 0:
            self._runner.run(self._reopen(self._copy()))
        self.histories += 1
        self.acts += len(script)
        self._runner.run(self._play(script, seed))

    async def _reopen(self, databases: Databases) -> None:
        await self._stack.aclose()
        self._exchange = FaultyExchange([service.wiring() for service in SERVICES], seed=0)
        self._world = await self._stack.enter_async_context(open_world(databases, exchange=self._exchange))

    async def _play(self, script: Script, seed: int) -> None:
        assert self._world is not None
        assert self._exchange is not None
        self._exchange.chance.seed(seed)
        self._world.log.clear()
        history = History(await self._world.begin_year(granted_fen=9_000))
        for name, choice in script:
            await ACTS[name](history, choice)
            await assert_step(self._world)
        await assert_quiet(self._world)

    def close(self) -> None:
        """Close what is open."""
        self._runner.run(self._stack.aclose())


@pytest.fixture
def platforms(copy_databases: Callable[[], Databases]) -> Iterator[Platforms]:
    """The platforms of a run, on one event loop."""
    with asyncio.Runner() as runner:
        found = Platforms(runner, copy_databases)
        yield found
        found.close()


@pytest.mark.timeout(0 if LONG else 150)
@pytest.mark.requirement("R72")
@pytest.mark.requirement("R73")
@pytest.mark.requirement("R74")
def test_every_history_keeps_every_invariant_on_a_bus_that_repeats_delays_and_reorders(platforms: Platforms) -> None:
    begun_s = time.monotonic()

    @settings(
        max_examples=HISTORIES,
        deadline=None,
        print_blob=True,
        database=None,
        derandomize=not LONG,
        # A history of seconds is read as it is; only a long run has the time to look for a smaller one.
        phases=[Phase.generate, Phase.shrink] if LONG else [Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(seed=st.integers(0, 2**32), length=st.integers(4, ACTS_MAX))
    def play(seed: int, length: int) -> None:
        script = script_of(seed, length=length)
        note(str(script))
        platforms.run(script, seed=seed)

    play()
    passed_s = time.monotonic() - begun_s
    per_minute = platforms.histories / passed_s * 60
    print(f"{platforms.histories} histories, {platforms.acts} acts, {per_minute:.0f} histories a minute")  # noqa: T201
