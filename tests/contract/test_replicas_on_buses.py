"""Several processes of one service on both backends of the bus: who sends what, in which order, and what is left."""

import asyncio
from collections.abc import AsyncIterator, Callable
from uuid import UUID, uuid4

import pytest

from shared.runtime.bus.base import Bus
from shared.runtime.messaging.routing import read_batch
from shared.runtime.service.runtime import Runtime
from tests.contract.conftest import Wire
from tests.contract.sample_services import Add, Counted, Stage, open_stage
from tests.contract.wrapping_buses import Noting, Stalling


@pytest.fixture
async def stage(wire: Wire, fresh_database: Callable[[], str]) -> AsyncIterator[Stage]:
    """The two toy services; nothing of them runs yet."""
    async with open_stage(wire, fresh_database) as found:
        yield found


async def ask(runtime: Runtime, counter_id: UUID) -> None:
    """Send one command and commit."""
    async with runtime.work() as work:
        work.send(Add(counter_id=counter_id, amount=1), saga=uuid4(), number=1)


async def count(runtime: Runtime, counter_id: UUID, *, version: int) -> None:
    """Emit one fact and commit."""
    async with runtime.work() as work:
        work.emit(Counted(counter_id=counter_id, version=version, amount=1))


async def until_asked(stage: Stage) -> None:
    """Wait until all commands have left."""

    async def empty() -> bool:
        return not await stage.rows("reader", "SELECT FROM outbox")

    await stage.until(empty)


async def test_each_process_sends_the_commands_of_its_own_commits(stage: Stage) -> None:
    buses: list[Noting] = []

    def around(bus: Bus) -> Bus:
        buses.append(Noting(bus))
        return buses[-1]

    counter = await stage.runtime(stage.counter)
    stage.consume(counter)
    first = await stage.runtime(stage.reading, instance="a", around=around)
    second = await stage.runtime(stage.reading, instance="b", around=around)
    stage.relay(first)
    await ask(first, uuid4())
    await until_asked(stage)
    stage.relay(second)
    await ask(second, uuid4())
    await stage.until_received(counter, 2)
    assert [len(bus.passed) for bus in buses] == [1, 1]


async def test_commands_that_a_dead_process_left_are_sent_by_the_holder_of_the_lease(stage: Stage) -> None:
    counter = await stage.runtime(stage.counter)
    stage.consume(counter)
    holder = await stage.runtime(stage.reading, instance="a")
    dead = await stage.runtime(stage.reading, instance="b")
    stage.relay(holder)
    await ask(holder, uuid4())
    await until_asked(stage)
    for _ in range(3):
        await ask(dead, uuid4())
    await stage.until_received(counter, 4)
    await until_asked(stage)
    assert counter.counts["applied"] == 4


async def test_commands_of_a_process_that_stands_still_are_sent_by_the_holder_and_applied_once(stage: Stage) -> None:
    stalled: list[Stalling] = []

    def around(bus: Bus) -> Bus:
        stalled.append(Stalling(bus))
        return stalled[-1]

    counter = await stage.runtime(stage.counter)
    stage.consume(counter)
    holder = await stage.runtime(stage.reading, instance="a")
    stage.relay(holder)
    await ask(holder, uuid4())
    await until_asked(stage)
    still = await stage.runtime(stage.reading, instance="b", around=around)
    stage.relay(still)
    await ask(still, uuid4())
    await stage.until_received(counter, 3)
    stalled[0].go_on.set()
    await until_asked(stage)
    assert (counter.counts["applied"], counter.counts["duplicates"]) == (2, 1)


async def test_facts_that_two_processes_write_in_turns_leave_in_the_order_of_their_aggregate(stage: Stage) -> None:
    buses: list[Noting] = []

    def around(bus: Bus) -> Bus:
        buses.append(Noting(bus))
        return buses[-1]

    reading = await stage.runtime(stage.reading)
    stage.consume(reading)
    first = await stage.runtime(stage.counter, instance="a", around=around)
    second = await stage.runtime(stage.counter, instance="b", around=around)
    stage.relay(first)
    counter_id = uuid4()
    await count(second, counter_id, version=1)
    await stage.until_sent()
    stage.relay(second)
    for version in range(2, 61):
        await count((first, second)[version % 2], counter_id, version=version)
        # Sendings fall between these commits, and behind commits of either.
        await asyncio.sleep(0.01 * (version % 3))
    await stage.until_count("seen", 60)
    await stage.until_sent()
    sent = [event.sequence for envelope in buses[0].passed for event in read_batch(envelope.body)]
    # What is not confirmed in time is sent again; what counts is when each was sent first.
    assert list(dict.fromkeys(sent)) == list(range(1, 61))
    assert buses[1].passed == []
