"""What every backend of the bus promises. Where memory and RabbitMQ may differ, a test says so by its name."""

import asyncio
import time

import pytest

from shared.runtime.bus import memory
from shared.runtime.bus.base import ENVELOPE_BYTES_MAX, command_queue, fact_queue
from tests.contract.conftest import CONFIRM_TIMEOUT_S, Wire, Wires
from tests.contract.envelopes import (
    BYTES_MAX,
    WIRINGS,
    a_command,
    a_fact,
    none_arrives,
    publish_and_acknowledge,
    take,
)


async def test_envelopes_of_one_key_arrive_in_the_order_they_were_published(wire: Wire) -> None:
    wires: Wires = await wire(WIRINGS)
    sender, reader = await wires.bus("sender"), await wires.bus("reader")
    receiver = await reader.listen(command_queue("reader"))
    bodies = [str(number).encode() for number in range(700)]
    publishing = asyncio.create_task(sender.publish([a_command(body) for body in bodies]))
    received: list[bytes] = []
    async with asyncio.timeout(20):
        while len(received) < len(bodies):
            deliveries = await receiver.receive(bytes_max=1_000)
            received += [delivery.body for delivery in deliveries]
            await receiver.acknowledge(deliveries)
    assert await publishing == [True] * len(bodies)
    assert received == bodies


async def test_a_body_arrives_byte_for_byte_whatever_its_size(wire: Wire) -> None:
    wires: Wires = await wire(WIRINGS)
    sender, reader = await wires.bus("sender"), await wires.bus("reader")
    receiver = await reader.listen(command_queue("reader"))
    every_byte = bytes(range(256))
    sizes = (1, ENVELOPE_BYTES_MAX - 8, ENVELOPE_BYTES_MAX, ENVELOPE_BYTES_MAX + 1)
    bodies = [(every_byte * (size // 256 + 1))[:size] for size in sizes]
    assert await publish_and_acknowledge(sender, receiver, [a_command(body) for body in bodies]) == bodies


async def test_a_fact_reaches_every_subscriber_and_a_command_only_its_target(wire: Wire) -> None:
    wires: Wires = await wire(WIRINGS)
    sender, reader, auditor = [await wires.bus(name) for name in ("sender", "reader", "auditor")]
    receivers = [await reader.listen(fact_queue("reader")), await auditor.listen(fact_queue("auditor"))]
    commands = await auditor.listen(command_queue("auditor"))
    publishing = asyncio.create_task(sender.publish([a_fact(b"fact"), a_command(b"ask", target="auditor")]))
    for receiver in (*receivers, commands):
        await receiver.acknowledge(await take(receiver, 1))
    assert await publishing == [True, True]
    assert await none_arrives(receivers[0])


async def test_a_command_to_nobody_is_not_confirmed_and_hinders_no_neighbour(wire: Wire) -> None:
    wires: Wires = await wire(WIRINGS)
    sender, reader = await wires.bus("sender"), await wires.bus("reader")
    receiver = await reader.listen(command_queue("reader"))
    publishing = asyncio.create_task(
        sender.publish([a_command(b"one"), a_command(b"lost", target="nobody"), a_command(b"two")])
    )
    await receiver.acknowledge(await take(receiver, 2))
    assert await publishing == [True, False, True]


async def test_a_fact_without_subscriber_is_kept_aside(wire: Wire) -> None:
    wires: Wires = await wire(WIRINGS)
    sender = await wires.bus("sender")
    assert await sender.publish([a_fact(b"unheard", aggregate="other")]) == [True]
    assert await wires.unrouted() == [b"unheard"]


async def test_what_was_not_acknowledged_comes_again_after_the_consumer_closed(wire: Wire) -> None:
    wires: Wires = await wire(WIRINGS)
    sender, reader = await wires.bus("sender"), await wires.bus("reader")
    receiver = await reader.listen(command_queue("reader"))
    publishing = asyncio.create_task(sender.publish([a_command(b"first"), a_command(b"second")]))
    await take(receiver, 2)
    await receiver.close()
    again = await reader.listen(command_queue("reader"))
    deliveries = await take(again, 2)
    await again.acknowledge(deliveries)
    assert [delivery.body for delivery in deliveries] == [b"first", b"second"]
    assert await publishing == [True, True]


async def test_acknowledging_some_in_the_middle_leaves_the_others_open(wire: Wire) -> None:
    wires: Wires = await wire(WIRINGS)
    sender, reader = await wires.bus("sender"), await wires.bus("reader")
    receiver = await reader.listen(command_queue("reader"))
    bodies = [b"0", b"1", b"2", b"3", b"4", b"5"]
    publishing = asyncio.create_task(sender.publish([a_command(body) for body in bodies]))
    deliveries = await take(receiver, 6)
    await receiver.acknowledge([deliveries[0], deliveries[1], deliveries[3]])
    await receiver.close()
    again = await reader.listen(command_queue("reader"))
    left = await take(again, 3)
    assert [delivery.body for delivery in left] == [b"2", b"4", b"5"]
    await again.acknowledge(left)
    assert await publishing == [True] * 6
    assert await none_arrives(again)


async def test_what_was_given_back_comes_again(wire: Wire) -> None:
    wires: Wires = await wire(WIRINGS)
    sender, reader = await wires.bus("sender"), await wires.bus("reader")
    receiver = await reader.listen(command_queue("reader"))
    publishing = asyncio.create_task(sender.publish([a_command(b"first"), a_command(b"second")]))
    first, second = await take(receiver, 2)
    await receiver.requeue([first])
    await receiver.acknowledge([second])
    (returned,) = await take(receiver, 1)
    assert returned.body == b"first"
    await receiver.acknowledge([returned])
    assert await publishing == [True, True]


async def test_a_rejected_envelope_goes_to_the_dead_and_not_round_again(wire: Wire) -> None:
    wires: Wires = await wire(WIRINGS)
    sender, reader = await wires.bus("sender"), await wires.bus("reader")
    receiver = await reader.listen(command_queue("reader"))
    publishing = asyncio.create_task(sender.publish([a_command(b"broken")]))
    (delivery,) = await take(receiver, 1)
    await receiver.reject(delivery)
    assert await publishing == [True]
    assert await none_arrives(receiver)
    assert await wires.dead("reader") == [b"broken"]


async def test_acknowledging_on_a_closed_inlet_is_no_fault(wire: Wire) -> None:
    wires: Wires = await wire(WIRINGS)
    sender, reader = await wires.bus("sender"), await wires.bus("reader")
    receiver = await reader.listen(command_queue("reader"))
    publishing = asyncio.create_task(sender.publish([a_command(b"late")]))
    deliveries = await take(receiver, 1)
    await receiver.close()
    await receiver.acknowledge(deliveries)
    publishing.cancel()
    await asyncio.wait([publishing])


async def test_a_cancelled_receive_loses_nothing(wire: Wire) -> None:
    wires: Wires = await wire(WIRINGS)
    sender, reader = await wires.bus("sender"), await wires.bus("reader")
    receiver = await reader.listen(command_queue("reader"))
    waiting = asyncio.create_task(receiver.receive(bytes_max=BYTES_MAX))
    await asyncio.sleep(0.1)
    waiting.cancel()
    publishing = asyncio.create_task(sender.publish([a_command(b"kept")]))
    await asyncio.wait([waiting])
    await receiver.close()
    again = await reader.listen(command_queue("reader"))
    await again.acknowledge(await take(again, 1))
    assert await publishing == [True]


async def test_whoever_has_some_takes_more_without_waiting(wire: Wire) -> None:
    wires: Wires = await wire(WIRINGS)
    sender, reader = await wires.bus("sender"), await wires.bus("reader")
    receiver = await reader.listen(command_queue("reader"))
    assert receiver.take(bytes_max=BYTES_MAX) == []
    publishing = asyncio.create_task(sender.publish([a_command(b"%d" % number) for number in range(3)]))
    deliveries = await take(receiver, 1, bytes_max=1)
    async with asyncio.timeout(20):
        while len(deliveries) < 3:
            deliveries += receiver.take(bytes_max=1)
            await asyncio.sleep(0.01)
    assert [delivery.body for delivery in deliveries] == [b"0", b"1", b"2"]
    await receiver.acknowledge(deliveries)
    assert await publishing == [True] * 3


def memory_wires() -> Wires:
    """The memory backend alone."""
    return Wires("memory", WIRINGS, exchange=memory.MemoryExchange(WIRINGS))


async def test_memory_confirms_only_after_the_consumer_acknowledged() -> None:
    wires = memory_wires()
    sender, reader = await wires.bus("sender"), await wires.bus("reader")
    receiver = await reader.listen(command_queue("reader"))
    publishing = asyncio.create_task(sender.publish([a_command(b"ask")]))
    deliveries = await take(receiver, 1)
    await asyncio.sleep(0.05)
    assert not publishing.done()
    await receiver.acknowledge(deliveries)
    assert await publishing == [True]


async def test_memory_confirms_a_fact_only_after_every_subscriber_acknowledged() -> None:
    wires = memory_wires()
    sender, reader, auditor = [await wires.bus(name) for name in ("sender", "reader", "auditor")]
    publishing = asyncio.create_task(sender.publish([a_fact(b"told")]))
    first, second = await reader.listen(fact_queue("reader")), await auditor.listen(fact_queue("auditor"))
    await first.acknowledge(await take(first, 1))
    await asyncio.sleep(0.05)
    assert not publishing.done()
    await second.acknowledge(await take(second, 1))
    assert await publishing == [True]


@pytest.mark.alone
async def test_memory_does_not_confirm_what_nobody_consumes_in_time() -> None:
    wires = memory_wires()
    sender = await wires.bus("sender")
    started = time.monotonic()
    assert await sender.publish([a_command(b"ask")]) == [False]
    assert time.monotonic() - started == pytest.approx(CONFIRM_TIMEOUT_S, abs=0.5)


async def test_memory_refuses_what_does_not_fit_its_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "QUEUE_ENVELOPES_MAX", 3)
    wires = memory_wires()
    sender, reader = await wires.bus("sender"), await wires.bus("reader")
    publishing = asyncio.create_task(sender.publish([a_command(str(number).encode()) for number in range(5)]))
    await asyncio.sleep(0)
    receiver = await reader.listen(command_queue("reader"))
    await receiver.acknowledge(await take(receiver, 3))
    assert await publishing == [True, True, True, False, False]
