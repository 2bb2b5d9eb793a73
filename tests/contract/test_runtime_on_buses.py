"""Never lose, never double, never skip: the runtime on both backends of the bus, with real databases."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from uuid import UUID, uuid4

import msgspec
import pytest

from shared.runtime.bus.base import Bus
from shared.runtime.messaging.routing import read_batch
from shared.runtime.service.runtime import Runtime
from tests.contract.conftest import Wire
from tests.contract.sample_services import (
    POISON,
    Add,
    Counted,
    Stage,
    Unheard,
    cut_connections,
    event_of,
    open_stage,
    order_additions,
)
from tests.contract.wrapping_buses import Counting, Failing, Stalling, Twice


@pytest.fixture
async def stage(wire: Wire, fresh_database: Callable[[], str]) -> AsyncIterator[Stage]:
    """The two toy services; nothing of them runs yet."""
    async with open_stage(wire, fresh_database) as found:
        yield found


async def told(stage: Stage, counters: Sequence[UUID], *, times: int, around: Callable[[Bus], Bus]) -> None:
    """The counter service has facts in its outbox, and its relay sends them through a wrapped bus."""
    runtime = await stage.runtime(stage.counter, around=around)
    await remember(runtime, counters, times=times)
    stage.relay(runtime)


async def remember(runtime: Runtime, counters: Sequence[UUID], *, times: int) -> None:
    """Emit facts of some counters, versions 1 to `times`, and commit."""
    async with runtime.work() as work:
        for version in range(1, times + 1):
            for counter_id in counters:
                work.emit(Counted(counter_id=counter_id, version=version, amount=version))


async def kept(stage: Stage) -> int:
    """How many events are in the counter's outbox; a row holds several."""
    rows = await stage.rows("counter", "SELECT body FROM outbox")
    return sum(len(read_batch(b"[" + row["body"] + b"]")) for row in rows)


def expected(counters: Sequence[UUID], *, times: int) -> dict[UUID, list[int]]:
    """Each counter's versions, once and in order."""
    return {counter_id: list(range(1, times + 1)) for counter_id in counters}


async def test_a_saga_runs_through_and_every_version_is_seen_once_and_in_order(stage: Stage) -> None:
    _, reading = await stage.run_all()
    counters = [uuid4() for _ in range(12)]
    await order_additions(reading, counters, times=25)
    await stage.until_count("seen", 300)
    await stage.until_count("answer", 300)
    assert await stage.seen() == expected(counters, times=25)
    sagas = await stage.rows("reader", "SELECT count(DISTINCT saga_id) FROM answer")
    assert sagas[0][0] == 300
    await stage.until_sent()


async def test_an_event_that_comes_twice_is_applied_once(stage: Stage) -> None:
    reading = await stage.runtime(stage.reading)
    stage.consume(reading)
    counters = [uuid4() for _ in range(20)]
    await told(stage, counters, times=10, around=Twice)
    await stage.until_received(reading, 400)
    assert await stage.seen() == expected(counters, times=10)
    assert reading.counts["duplicates"] == 200


async def test_a_command_that_comes_twice_takes_effect_once_and_is_answered_once(stage: Stage) -> None:
    counter, reading = (
        await stage.runtime(stage.counter, around=Twice),
        await stage.runtime(stage.reading, around=Twice),
    )
    for runtime in (counter, reading):
        stage.relay(runtime)
        stage.consume(runtime)
    counter_id = uuid4()
    await order_additions(reading, [counter_id], times=40)
    await stage.until_received(counter, 80)
    # Each of the 40 answers and of the 40 facts reaches the reader twice.
    await stage.until_received(reading, 160)
    assert await stage.seen() == expected([counter_id], times=40)
    assert await stage.count("answer") == 40


async def test_facts_out_of_order_park_and_drain(stage: Stage) -> None:
    reading = await stage.runtime(stage.reading)
    stage.consume(reading)
    counter_id = uuid4()
    first, second, third, fourth = [stage.counted(counter_id) for _ in range(4)]
    await stage.publish([fourth], [third, second])
    await stage.until_count("parked", 3)
    assert await stage.seen() == {}
    await stage.publish([first])
    await stage.until_count("seen", 4)
    assert await stage.seen() == {counter_id: [1, 2, 3, 4]}
    assert await stage.count("parked") == 0


async def test_one_poison_event_among_99_good_is_dead_lettered_once_and_99_apply(stage: Stage) -> None:
    reading = await stage.runtime(stage.reading)
    stage.consume(reading)
    events = [stage.counted(uuid4(), amount=POISON if number == 37 else number) for number in range(50)]
    more = [stage.counted(uuid4(), amount=number) for number in range(50)]
    await stage.publish(events, more)
    await stage.until_count("seen", 99)
    await stage.until_count("dead_letter", 1)
    dead = await stage.rows("reader", "SELECT event_id, attempts, reason FROM dead_letter")
    assert dead[0]["event_id"] == events[37].id
    assert "cannot be kept" in dead[0]["reason"]
    # What follows the dead letter in its aggregate waits for a replay; nothing is skipped.
    await stage.publish([stage.counted(events[37].subject)])
    await stage.until_count("parked", 1)
    assert await stage.count("seen") == 99


async def test_an_event_without_its_fields_is_dead_lettered_at_once(stage: Stage) -> None:
    reading = await stage.runtime(stage.reading)
    stage.consume(reading)
    good, bad = stage.counted(uuid4()), stage.counted(uuid4())
    await stage.publish([good, msgspec.structs.replace(bad, data=msgspec.Raw(b"{}"))])
    await stage.until_count("dead_letter", 1)
    await stage.until_count("seen", 1)


async def test_a_handler_that_fails_once_gets_its_event_again_later(stage: Stage) -> None:
    reading = await stage.runtime(stage.reading)
    stage.consume(reading)
    shy, other = uuid4(), uuid4()
    # A batch that fails runs once more at once, without what the inbox holds.
    stage.reader.faults[shy] = 2
    await stage.publish([stage.counted(shy)])
    await stage.until_count("retry", 1)
    await stage.publish([stage.counted(other), stage.counted(shy)])
    await stage.until_count("seen", 3)
    assert await stage.seen() == {other: [1], shy: [1, 2]}
    assert await stage.count("retry") == await stage.count("parked") == await stage.count("dead_letter") == 0


async def test_a_newer_version_of_a_known_fact_parks(stage: Stage) -> None:
    reading = await stage.runtime(stage.reading)
    stage.consume(reading)
    counter_id = uuid4()
    newer = event_of(Counted(counter_id=counter_id, version=1, amount=1), type_name="counter.counted.v2")
    await stage.publish([newer])
    await stage.until_count("parked", 1)
    assert await stage.count("dead_letter") == await stage.count("seen") == 0


async def test_a_fact_nobody_here_handles_moves_the_cursor(stage: Stage) -> None:
    reading = await stage.runtime(stage.reading)
    stage.consume(reading)
    counter_id = uuid4()
    stage.counted(counter_id)
    ignored = event_of(Counted(counter_id=counter_id, version=1, amount=1), type_name="counter.renamed.v1")
    await stage.publish([ignored, stage.counted(counter_id)])
    await stage.until_count("seen", 1)
    assert await stage.seen() == {counter_id: [2]}


async def test_an_unreadable_envelope_is_rejected_and_hinders_nobody(stage: Stage) -> None:
    reading = await stage.runtime(stage.reading)
    stage.consume(reading)
    await stage.publish(b"no JSON at all", [stage.counted(uuid4())])
    await stage.until_count("seen", 1)
    assert await stage.wires.dead("reader") == [b"no JSON at all"]


async def test_a_relay_killed_between_publish_and_delete_doubles_but_loses_nothing(stage: Stage) -> None:
    reading = await stage.runtime(stage.reading)
    stage.consume(reading)
    counters = [uuid4() for _ in range(10)]
    stalled: list[Stalling] = []

    def around(bus: Bus) -> Bus:
        stalled.append(Stalling(bus))
        return stalled[0]

    counter = await stage.runtime(stage.counter, around=around)
    await remember(counter, counters, times=10)
    relays = stage.relay(counter)
    await stalled[0].published.wait()
    for relay in relays:
        relay.cancel()
    await asyncio.wait(relays)
    assert await kept(stage) == 100
    stage.relay(await stage.runtime(stage.counter))
    await stage.until_sent()
    await stage.until_received(reading, 200)
    assert await stage.seen() == expected(counters, times=10)
    assert reading.counts["duplicates"] == 100


async def test_what_is_not_confirmed_stays_in_the_outbox_and_its_neighbours_leave(stage: Stage) -> None:
    _, reading = await stage.run_all()
    async with reading.work() as work:
        work.send(Unheard(), saga=uuid4(), number=1)
    await order_additions(reading, [uuid4()], times=20)
    await stage.until_count("answer", 20)

    async def only_it_is_left() -> bool:
        left = await stage.rows("reader", "SELECT routing_key FROM outbox")
        return [row["routing_key"] for row in left] == ["reader.to.nobody"]

    await stage.until(only_it_is_left)


async def test_what_was_not_confirmed_goes_before_what_was_said_after_it(stage: Stage) -> None:
    buses: list[Failing] = []

    def around(bus: Bus) -> Bus:
        buses.append(Failing(bus))
        return buses[0]

    counter = await stage.runtime(stage.counter)
    reading = await stage.runtime(stage.reading, around=around)
    for each in (counter, reading):
        stage.consume(each)
        stage.relay(each)
    for number in (1, 2, 3):
        async with reading.work() as work:
            work.send(Add(counter_id=uuid4(), amount=1), saga=uuid4(), number=number)
        await buses[0].failed.wait()
    await stage.until_sent()
    sent = [event.sequence for envelope in buses[0].passed for event in read_batch(envelope.body)]
    assert sent == [1, 2, 3]


async def test_of_two_relays_one_sends_and_the_other_takes_over_when_the_lease_ends(stage: Stage) -> None:
    reading = await stage.runtime(stage.reading)
    stage.consume(reading)
    buses: list[Counting] = []

    def around(bus: Bus) -> Bus:
        buses.append(Counting(bus))
        return buses[-1]

    first = await stage.runtime(stage.counter, instance="a", around=around)
    second = await stage.runtime(stage.counter, instance="b", around=around)
    relays = stage.relay(first)
    await remember(first, [uuid4()], times=3)
    await stage.until_sent()
    stage.relay(second)
    for _ in range(10):
        await remember(second, [uuid4()], times=3)
        await stage.until_sent()
    assert buses[1].envelopes == 0
    for relay in relays:
        relay.cancel()
    await asyncio.wait(relays)
    await stage.rows("counter", "UPDATE relay_partition SET until = now() - interval '1 second'")
    await remember(first, [uuid4()], times=3)
    await stage.until_count("seen", 36)
    await stage.until_sent()
    assert buses[1].envelopes > 0


async def test_a_relay_that_overslept_its_lease_deletes_nothing_of_its_successor(stage: Stage) -> None:
    reading = await stage.runtime(stage.reading)
    stage.consume(reading)
    stalled: list[Stalling] = []

    def around(bus: Bus) -> Bus:
        stalled.append(Stalling(bus))
        return stalled[-1]

    first = await stage.runtime(stage.counter, instance="a", around=around)
    counters = [uuid4() for _ in range(5)]
    await remember(first, counters, times=4)
    stage.relay(first)
    await stalled[0].published.wait()
    await stage.rows("counter", "UPDATE relay_partition SET until = now() - interval '1 second'")
    second = await stage.runtime(stage.counter, instance="b", around=around)
    stage.relay(second)
    await stalled[1].published.wait()
    stalled[0].go_on.set()
    await asyncio.sleep(0.5)
    assert await kept(stage) == 20
    stalled[1].go_on.set()
    await stage.until_received(reading, 40)
    assert await stage.seen() == expected(counters, times=4)


async def test_connections_cut_in_the_middle_lose_and_double_nothing(stage: Stage) -> None:
    _, reading = await stage.run_all()
    counters = [uuid4() for _ in range(15)]
    await order_additions(reading, counters, times=20)
    for _ in range(8):
        await asyncio.sleep(0.08)
        for service in stage.databases:
            await cut_connections(stage, service)
    await stage.until_count("seen", 300)
    await stage.until_count("answer", 300)
    await stage.until_sent()
    assert await stage.seen() == expected(counters, times=20)
    assert await stage.count("retry") == await stage.count("dead_letter") == await stage.count("parked") == 0


async def test_two_processes_that_share_a_queue_apply_each_event_once_and_in_order(stage: Stage) -> None:
    readers = [await stage.runtime(stage.reading, instance=name) for name in ("a", "b")]
    for runtime in readers:
        stage.consume(runtime)
    counters = [uuid4() for _ in range(6)]
    facts = [stage.counted(counter_id) for _ in range(30) for counter_id in counters]
    # Many small envelopes, each of them twice and apart, so that both processes hold facts of every counter.
    publishing = []
    for envelope in [facts[start : start + 3] for start in range(0, 180, 3)] * 2:
        publishing.append(asyncio.create_task(stage.publish(envelope)))
        await asyncio.sleep(0.002)
    await asyncio.gather(*publishing)
    await stage.until_count("seen", 180)

    async def all_received() -> bool:
        return sum(runtime.counts["applied"] + runtime.counts["duplicates"] for runtime in readers) == 360

    await stage.until(all_received)
    assert all(runtime.counts["commits"] for runtime in readers)
    assert await stage.seen() == expected(counters, times=30)
    assert await stage.count("parked") == await stage.count("dead_letter") == await stage.count("retry") == 0


async def test_received_is_applied_duplicate_parked_waiting_for_retry_or_dead(stage: Stage) -> None:
    reading = await stage.runtime(stage.reading)
    stage.consume(reading)
    good = [stage.counted(uuid4()) for _ in range(40)]
    dead = stage.counted(uuid4(), amount=POISON)
    waiting = stage.counted(uuid4())
    # The bisection meets the fault several times before the event is alone.
    stage.reader.faults[waiting.subject] = 1_000
    early = uuid4()
    stage.counted(early)
    parked = [stage.counted(early), stage.counted(early)]
    sent = [*good[:20], dead, *good[20:], waiting, *parked, *good[:15]]
    await stage.publish(sent[:40], sent[40:])

    async def settled() -> bool:
        return sum((await parts()).values()) == len(sent)

    async def parts() -> dict[str, int]:
        found = {name: await stage.count(name) for name in ("seen", "parked", "retry", "dead_letter")}
        return {**found, "duplicate": reading.counts["duplicates"]}

    await stage.until(settled)
    assert await parts() == {"seen": 40, "parked": 2, "retry": 1, "dead_letter": 1, "duplicate": 15}
