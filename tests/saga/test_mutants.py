"""Tests of the tests: each seeded bug must turn a named check red."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from services.voucher import jobs
from services.voucher.domain import holds
from services.voucher.domain.states import HoldState
from services.voucher.handlers.allocation import allocate_batch
from services.voucher.store import queue
from shared.contracts.messages.base import Event
from shared.kernel.refusals import Bug
from shared.runtime.bus.base import Delivery, Receiver
from shared.runtime.messaging.consumer import Applier, Consumer
from shared.runtime.messaging.routing import read_batch
from shared.runtime.unit_of_work.work import Work
from tests.factories.world import SERVICES, open_world
from tests.saga.checks import check_quiet
from tests.saga.faulty_exchange import RecordingExchange
from tests.saga.test_pure_machine import PureMachine

Databases = Mapping[str, str]
KILLED: dict[str, str] = {}


@pytest.fixture(scope="module", autouse=True)
def table_of_mutants() -> Iterator[None]:
    """Print which check killed which mutant."""
    yield
    print("\nmutants killed")  # noqa: T201
    for name, check in KILLED.items():
        print(f"  {name:20} by {check}")  # noqa: T201


def killed_by_the_pure_machine(name: str, *, checks: Sequence[str]) -> None:
    """Run the pure machine, which must fail in one of the named checks; which comes first depends on the history.

    Raises: AssertionError.
    """
    bounded = settings(
        max_examples=300,
        stateful_step_count=40,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    with pytest.raises((AssertionError, Bug, ExceptionGroup)) as caught:
        run_state_machine_as_test(PureMachine, settings=bounded)
    seen = [check for check in checks if check in _text(caught.value)]
    assert seen, _text(caught.value)
    KILLED[name] = f"the pure machine, {seen[0]}"


def _text(error: BaseException) -> str:
    inner = [_text(one) for one in error.exceptions] if isinstance(error, BaseExceptionGroup) else []
    return " ".join([str(error), *inner])


def test_a_hold_without_a_business_key_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    place = holds.place

    def forgetful(account: Any, hold: Any, **others: Any) -> Any:
        del hold
        made = place(account, None, **others)
        fresh = [msgspec.structs.replace(one, business_key=str(uuid4())) for one in made.postings]
        return msgspec.structs.replace(made, postings=tuple(fresh))

    monkeypatch.setattr(holds, "place", forgetful)
    # A repeated hold either stands twice in the ledger (I4), or stands again after its release gave it back (I9).
    killed_by_the_pure_machine("no business key", checks=["I4", "I9"])


def test_a_compensation_that_is_carried_out_twice_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    release = holds.release

    def generous(account: Any, hold: Any, **others: Any) -> Any:
        made = release(account, hold, **others)
        if hold is None or hold.state is not HoldState.RELEASED:
            return made
        # The account is paid the amount once more; nothing is posted.
        again = msgspec.structs.replace(account, available_fen=account.available_fen + hold.amount_fen())
        posted = release(
            msgspec.structs.replace(account, held_fen=hold.amount_fen()),
            msgspec.structs.replace(
                hold,
                state=HoldState.HELD,
                lines=tuple(msgspec.structs.replace(line, state="held") for line in hold.lines),
            ),
            **others,
        ).postings
        fresh = tuple(msgspec.structs.replace(one, business_key=str(uuid4())) for one in posted)
        return msgspec.structs.replace(made, account=again, postings=fresh)

    monkeypatch.setattr(holds, "release", generous)
    killed_by_the_pure_machine("compensation twice", checks=["I1"])


def test_holds_that_are_not_counted_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    place = holds.place

    def careless(account: Any, hold: Any, **others: Any) -> Any:
        made: Any = place(account, hold, **others)
        if not made.postings:
            return made
        uncounted = msgspec.structs.replace(made.account, available_fen=account.available_fen)
        return msgspec.structs.replace(made, account=uncounted)

    monkeypatch.setattr(holds, "place", careless)
    killed_by_the_pure_machine("holds not counted", checks=["I1"])


async def test_a_consumer_without_its_inbox_is_seen(databases: Databases, monkeypatch: pytest.MonkeyPatch) -> None:
    first_seen = Applier._first_seen

    async def everything(self: Applier, work: Work, events: Sequence[Event]) -> list[Event]:
        await first_seen(self, work, events)
        return list(events)

    monkeypatch.setattr(Applier, "_first_seen", everything)
    exchange = RecordingExchange([service.wiring() for service in SERVICES])
    async with open_world(databases, exchange=exchange) as world:
        kept = {one.service.name: await _inbox(one) for one in world.platform.host.runtimes}
        await world.join_year(granted_fen=10_000)
        exchange.recorded.clear()
        await world.awaiting(1_000)
        for envelope in list(exchange.recorded):
            await world.platform.publish(envelope.producer, envelope.routing_key, read_batch(envelope.body))
        await world.rest()
        doubled = [
            one.service.name
            for one in world.platform.host.runtimes
            if one.counts["applied"] > await _inbox(one) - kept[one.service.name]
        ]
    assert doubled, "more effects than distinct events"
    KILLED["inbox off"] = "I7, effects = distinct event ids"


async def _inbox(runtime: Any) -> int:
    async with runtime.reading() as connection:
        found: int = await connection.fetchval("SELECT count(*) FROM inbox")
        return found


async def test_a_consumer_that_acknowledges_before_it_commits_is_seen(
    broken_databases: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    handle = Consumer._handle
    killed: list[Delivery] = []

    async def hasty(self: Consumer, receiver: Receiver, deliveries: Sequence[Delivery]) -> None:
        if self._queue == "settlement.facts" and not killed and any(b"order.placed" in one.body for one in deliveries):
            # Acknowledged, and then the process dies before its commit.
            killed.extend(deliveries)
            await receiver.acknowledge(deliveries)
            return
        await handle(self, receiver, deliveries)

    monkeypatch.setattr(Consumer, "_handle", hasty)
    async with open_world(broken_databases) as world:
        await world.begin_year(granted_fen=10_000)
        await world.awaiting(1_000)
        await world.rest()
        found = await check_quiet(world)
    assert any(one.startswith("I8") for one in found), found
    KILLED["ack before commit"] = "I8, every consumer has read to the newest fact"


@pytest.mark.parametrize("fenced", [True, False])
async def test_an_allocator_without_its_fence_is_seen(
    databases: Databases, monkeypatch: pytest.MonkeyPatch, *, fenced: bool
) -> None:
    async def idle(self: jobs.AllocatorRunner, work: Work) -> int:
        del self, work
        return 0

    if not fenced:
        monkeypatch.setattr(queue, "_LOCK_PLAN_AS", queue._LOCK_PLAN_AS.replace("= $2", ">= $2"))
    async with open_world(databases) as world:
        await world.join_year(granted_fen=1_000)
        with monkeypatch.context() as stopped:
            stopped.setattr(jobs.AllocatorRunner, "step", idle)
            await world.apply(1_000)
            decided = await _decide_after_a_successor(world.platform.runtime("voucher"), world.plan_id)
        await world.rest()
    assert decided == (0 if fenced else 1), "I13: only the allocator in office decides"
    if not fenced:
        KILLED["no epoch fence"] = "I13, only the allocator in office decides"


async def _decide_after_a_successor(voucher: Any, plan_id: UUID) -> int:
    """How many numbers an allocator uses that was stopped, was replaced, and goes on."""
    async with voucher.work() as work:
        epoch = await work.connection.fetchval("SELECT allocator_epoch FROM plan WHERE id = $1", plan_id)
        await work.connection.execute("UPDATE plan SET allocator_epoch = allocator_epoch + 1 WHERE id = $1", plan_id)
        await work.connection.execute("UPDATE allocator_lease SET epoch = epoch + 1 WHERE plan_id = $1", plan_id)
    async with voucher.work() as work:
        return await allocate_batch(work, plan_id, epoch=epoch)
