"""What RabbitMQ adds to the contract: it keeps, restarts, blocks, falls silent, and is declared by a job."""

import asyncio
import sys
import time
from collections.abc import Sequence
from types import SimpleNamespace

import pytest

from shared.runtime.bus import declare
from shared.runtime.bus.base import Envelope, command_key, command_queue, fact_queue
from shared.runtime.bus.rabbitmq import PREFETCH_ENVELOPES, RabbitBus
from shared.runtime.bus.rabbitmq_connection import CLOSE_TIMEOUT_S, BrokerConnection
from shared.runtime.bus.topology import topology
from tests.contract.conftest import Broker, Wires, clear, wire_rabbitmq
from tests.contract.envelopes import (
    BYTES_MAX,
    WIRINGS,
    a_command,
    a_fact,
    none_arrives,
    take,
    until,
)
from tests.contract.sample_services import Reader, toy_services


@pytest.mark.container
async def test_rabbitmq_keeps_what_is_published_while_the_consumer_is_away(rabbitmq_url: str) -> None:
    wires = await wire_rabbitmq(rabbitmq_url, WIRINGS)
    sender, reader = await wires.bus("sender"), await wires.bus("reader")
    assert await sender.publish([a_command(b"ask"), a_fact(b"told")]) == [True, True]
    for queue, body in ((command_queue("reader"), b"ask"), (fact_queue("reader"), b"told")):
        receiver = await reader.listen(queue)
        (delivery,) = await take(receiver, 1)
        assert delivery.body == body
        await receiver.acknowledge([delivery])
    await wires.close()


@pytest.mark.container
async def test_rabbitmq_hands_out_no_more_than_a_bounded_number_of_envelopes(rabbitmq_url: str) -> None:
    wires = await wire_rabbitmq(rabbitmq_url, WIRINGS)
    sender, reader = await wires.bus("sender"), await wires.bus("reader")
    await sender.publish([a_command(b"x")] * (PREFETCH_ENVELOPES + 20))
    receiver = await reader.listen(command_queue("reader"))
    first = await take(receiver, PREFETCH_ENVELOPES)
    assert await none_arrives(receiver)
    await receiver.acknowledge(first)
    await receiver.acknowledge(await take(receiver, 20))
    await wires.close()


@pytest.mark.container
async def test_rabbitmq_heals_after_a_restart_and_has_all_it_confirmed(broker: Broker) -> None:
    wires = await wire_rabbitmq(broker.url, WIRINGS)
    sender, reader = await wires.bus("sender"), await wires.bus("reader")
    receiver = await reader.listen(command_queue("reader"))
    held = asyncio.create_task(receiver.receive(bytes_max=BYTES_MAX))
    bodies = [str(number).encode() for number in range(120)]
    assert await sender.publish([a_command(body) for body in bodies]) == [True] * 120
    stale = list(await held)
    restarting = asyncio.create_task(broker.restart())
    confirmed: set[bytes] = set(bodies)
    number = 1_000
    async with asyncio.timeout(90):
        while not restarting.done() or number < 1_050:
            body = str(number).encode()
            started = time.monotonic()
            if (await sender.publish([a_command(body)])) == [True]:
                confirmed.add(body)
                number += 1
            else:
                await asyncio.sleep(0.1)
            assert time.monotonic() - started < 15, "a publish hung"
        await receiver.acknowledge(stale)
        received: set[bytes] = set()
        while not confirmed <= received:
            deliveries = await receiver.receive(bytes_max=BYTES_MAX)
            received |= {delivery.body for delivery in deliveries}
            await receiver.acknowledge(deliveries)
    assert {delivery.body for delivery in stale} <= received
    assert sender.connected()
    await wires.close()


@pytest.mark.container
async def test_rabbitmq_blocked_by_an_alarm_shows_and_consumers_go_on(broker: Broker) -> None:
    wires = await wire_rabbitmq(broker.url, WIRINGS)
    sender, reader = await wires.bus("sender"), await wires.bus("reader")
    receiver = await reader.listen(command_queue("reader"))
    assert await sender.publish([a_command(b"before")]) == [True]
    watermark = "set_vm_memory_high_watermark"
    await broker.control(watermark, "absolute", "1", undo=(watermark, "0.6"))
    publishing = asyncio.create_task(sender.publish([a_command(b"during")]))
    async with asyncio.timeout(10):
        await until(lambda: not sender.connected())
    started = time.monotonic()
    assert await sender.publish([a_command(b"refused")]) == [False]
    assert time.monotonic() - started < 1
    (delivery,) = await take(receiver, 1)
    await receiver.acknowledge([delivery])
    await broker.control(watermark, "0.6")
    async with asyncio.timeout(20):
        await publishing
        await until(sender.connected)
        assert await sender.publish([a_command(b"after")]) == [True]
        bodies = {delivery.body}
        while b"after" not in bodies:
            bodies |= {delivery.body for delivery in await receiver.receive(bytes_max=BYTES_MAX)}
    assert b"refused" not in bodies
    await wires.close()


@pytest.mark.container
async def test_rabbitmq_that_refuses_an_envelope_confirms_only_the_others(broker: Broker) -> None:
    wires = await wire_rabbitmq(broker.url, WIRINGS)
    sender, reader = await wires.bus("sender"), await wires.bus("reader")
    bound = '{"max-length": 1, "overflow": "reject-publish"}'
    policy = ("full", f"^{command_queue('reader')}$", bound, "--apply-to", "queues")
    await broker.control("set_policy", *policy, undo=("clear_policy", "full"))
    confirms: list[bool] = []
    async with asyncio.timeout(20):
        while all(confirms):
            confirms += await sender.publish([a_command(b"ask")] * 5)
    receiver = await reader.listen(command_queue("reader"))
    await receiver.acknowledge(await take(receiver, sum(confirms)))
    assert await none_arrives(receiver)
    assert await sender.publish([a_command(b"last"), a_fact(b"told")]) == [True, True], "the channel goes on"
    await wires.close()


@pytest.mark.container
async def test_rabbitmq_consumer_whose_queue_was_deleted_and_declared_again_receives_again(rabbitmq_url: str) -> None:
    wires = await wire_rabbitmq(rabbitmq_url, WIRINGS)
    sender, reader = await wires.bus("sender"), await wires.bus("reader")
    receiver = await reader.listen(command_queue("reader"))
    receiving = asyncio.create_task(take(receiver, 1))
    line = BrokerConnection(rabbitmq_url, name="test")
    await (await line.channel(publisher_confirms=False)).queue_delete(command_queue("reader"))
    await line.close()
    assert await sender.publish([a_command(b"lost")]) == [False]
    await declare.declare(rabbitmq_url, topology(WIRINGS))
    assert await sender.publish([a_command(b"ask")]) == [True]
    async with asyncio.timeout(20):
        (delivery,) = await receiving
    assert delivery.body == b"ask"
    await receiver.acknowledge([delivery])
    await wires.close()
    await clear(rabbitmq_url, WIRINGS)


@pytest.mark.container
async def test_rabbitmq_consumer_whose_connection_was_cut_receives_again(broker: Broker) -> None:
    wires = await wire_rabbitmq(broker.url, WIRINGS)
    sender, reader = await wires.bus("sender"), await wires.bus("reader")
    receiver = await reader.listen(command_queue("reader"))
    await sender.publish([a_command(b"open")])
    stale = await take(receiver, 1)
    receiving = asyncio.create_task(take(receiver, 1))
    await asyncio.sleep(0.1)
    await broker.control("close_all_connections", "test")
    (again,) = await receiving
    assert again.body == b"open"
    # The old number means the same envelope on the new channel, and must not settle it there.
    await receiver.acknowledge(stale)
    await receiver.close()
    receiver = await reader.listen(command_queue("reader"))
    await receiver.acknowledge(await take(receiver, 1))
    assert await none_arrives(receiver)
    await wires.close()


@pytest.mark.container
async def test_rabbitmq_that_falls_silent_does_not_hang_a_publish(broker: Broker) -> None:
    wires = await wire_rabbitmq(broker.url, WIRINGS)
    sender = RabbitBus(broker.url, service="sender", publish_timeout_s=1)
    await sender.open()
    wires.opened.append(sender)
    assert await sender.publish([a_command(b"before")]) == [True]
    await broker.fall_silent()
    started = time.monotonic()
    assert await sender.publish([a_command(b"during")] * 300) == [False] * 300
    assert time.monotonic() - started < 4
    assert not sender.connected()
    await broker.speak_again()
    async with asyncio.timeout(30):
        await until(sender.connected)
    assert await sender.publish([a_command(b"after")]) == [True]
    await wires.close()


@pytest.mark.container
async def test_rabbitmq_that_falls_silent_does_not_hang_a_close_and_leaves_nothing_running(broker: Broker) -> None:
    wires = await wire_rabbitmq(broker.url, WIRINGS)
    before = asyncio.all_tasks()
    bus = RabbitBus(broker.url, service="sender")
    await bus.open()
    assert await bus.publish([a_command(b"before")]) == [True]
    receiver = await bus.listen(fact_queue("sender"))
    await broker.fall_silent()
    started = time.monotonic()
    await receiver.close()
    await bus.close()
    assert time.monotonic() - started < 2 * (CLOSE_TIMEOUT_S + 1) + 1
    async with asyncio.timeout(5):
        await until(lambda: asyncio.all_tasks() <= before)
    await broker.speak_again()
    await wires.close()


@pytest.mark.container
def test_the_deploy_time_job_declares_what_the_services_need(
    rabbitmq_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    modules = []
    for service in toy_services(Reader()):
        modules.append(f"toy_{service.name}")
        monkeypatch.setitem(sys.modules, modules[-1], SimpleNamespace(SERVICE=service))
    monkeypatch.setattr(sys, "argv", ["declare", *modules, "--url", rabbitmq_url])
    assert declare.main() == 0
    # One queue for what nobody hears, and three of each service; declaring again is no fault.
    assert declare.main() == 0
    assert "declared 7 queues" in capsys.readouterr().err

    async def publish() -> Sequence[bool]:
        bus = RabbitBus(rabbitmq_url, service="reader")
        await bus.open()
        try:
            envelope = Envelope("reader", command_key("reader", "counter"), b"ask", mandatory=True)
            return await bus.publish([envelope])
        finally:
            await bus.close()
            await clear(rabbitmq_url, [service.wiring() for service in toy_services(Reader())])

    assert asyncio.run(publish()) == [True]


async def test_opening_without_a_broker_fails_within_its_bound() -> None:
    wires = Wires("rabbitmq", WIRINGS, url="amqp://test:test@127.0.0.1:1/")
    with pytest.raises(OSError, match=r"refused|Connect"):
        await wires.bus("sender")
