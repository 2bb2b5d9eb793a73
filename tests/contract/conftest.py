"""Both backends of the bus behind one set of tests: the memory exchange, and a RabbitMQ with the real topology."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from shared.runtime.bus.base import Bus, Wiring
from shared.runtime.bus.declare import declare
from shared.runtime.bus.memory import MemoryBus, MemoryExchange
from shared.runtime.bus.rabbitmq import RabbitBus
from shared.runtime.bus.rabbitmq_connection import BrokerConnection
from shared.runtime.bus.topology import UNROUTED, dead_queue, topology
from tests.containers import image, require_engine

CONFIRM_TIMEOUT_S = 1.0
_BROKER_PORT = 5672
_BOOT_S = 60


@dataclass
class Wires:
    """A bus of one backend with its services wired, and what its broker put aside."""

    backend: str
    wirings: Sequence[Wiring]
    url: str = ""
    exchange: MemoryExchange = field(default_factory=lambda: MemoryExchange([]))
    opened: list[Bus] = field(default_factory=list)

    async def bus(self, service: str, *, confirm_timeout_s: float = CONFIRM_TIMEOUT_S) -> Bus:
        """A new open connection of a service."""
        bus: Bus
        if self.backend == "memory":
            bus = MemoryBus(self.exchange, confirm_timeout_s=confirm_timeout_s)
        else:
            bus = RabbitBus(self.url, service=service)
        await bus.open()
        self.opened.append(bus)
        return bus

    async def unrouted(self) -> list[bytes]:
        """The bodies of facts that nobody subscribed to."""
        if self.backend == "memory":
            return [envelope.body for envelope in self.exchange.unrouted]
        return await self._drain(UNROUTED)

    async def dead(self, service: str) -> list[bytes]:
        """The bodies of envelopes that a service rejected."""
        if self.backend == "memory":
            return list(self.exchange.dead)
        return await self._drain(dead_queue(service))

    async def _drain(self, queue: str) -> list[bytes]:
        line = BrokerConnection(self.url, name="test")
        try:
            channel = await line.channel(publisher_confirms=False)
            there = await channel.get_queue(queue, ensure=False)
            bodies: list[bytes] = []
            # Dead-lettering and routing to the alternate exchange take the broker a moment.
            for _ in range(20):
                while message := await there.get(no_ack=True, fail=False):
                    bodies.append(message.body)
                if bodies:
                    return bodies
                await asyncio.sleep(0.1)
            return bodies
        finally:
            await line.close()

    async def close(self) -> None:
        """Close every connection."""
        for bus in self.opened:
            await bus.close()


Wire = Callable[[Sequence[Wiring]], Any]


async def wire_rabbitmq(url: str, wirings: Sequence[Wiring]) -> Wires:
    """Declare the services of a test on a broker, with nothing left of an earlier one."""
    await clear(url, wirings)
    await declare(url, topology(wirings))
    return Wires("rabbitmq", wirings, url=url)


async def clear(url: str, wirings: Sequence[Wiring]) -> None:
    """Delete everything that a topology declares."""
    found = topology(wirings)
    line = BrokerConnection(url, name="test")
    try:
        channel = await line.channel(publisher_confirms=False)
        for queue in found.queues:
            await channel.queue_delete(queue.name)
        for exchange in found.exchanges:
            await channel.exchange_delete(exchange.name)
    finally:
        await line.close()


@pytest.fixture(params=["memory", pytest.param("rabbitmq", marks=pytest.mark.container)])
async def wire(request: pytest.FixtureRequest) -> AsyncIterator[Wire]:
    """A function that wires services on the backend of this run."""
    made: list[Wires] = []

    async def make(wirings: Sequence[Wiring]) -> Wires:
        if request.param == "memory":
            wires = Wires("memory", wirings, exchange=MemoryExchange(wirings))
        else:
            wires = await wire_rabbitmq(request.getfixturevalue("rabbitmq_url"), wirings)
        made.append(wires)
        return wires

    if request.param == "rabbitmq":
        request.getfixturevalue("rabbitmq_url")
    yield make
    for wires in made:
        await wires.close()
        if wires.url:
            await clear(wires.url, wires.wirings)


@dataclass(frozen=True)
class Broker:
    """A RabbitMQ that tests disturb one after the other: they restart, silence and throttle it."""

    url: str
    container: Any
    undo: list[Sequence[str]] = field(default_factory=list)
    """What its control program is told when the test has ended."""

    async def restart(self) -> None:
        """Stop the broker and start it again on the same port."""
        await asyncio.to_thread(self.container.restart)

    async def fall_silent(self) -> None:
        """Stop answering without closing anything, as behind a cut network."""
        await asyncio.to_thread(self.container.pause)

    async def speak_again(self) -> None:
        """Go on where it fell silent."""
        await asyncio.to_thread(self.container.unpause)

    async def control(self, *words: str, undo: Sequence[str] = ()) -> None:
        """Run the broker's own control program; `undo` is what takes it back."""
        if undo:
            self.undo.append(undo)
        await asyncio.to_thread(self._control, words)

    def mend(self) -> None:
        """Let it be again as it was, however the test has ended."""
        self.container.reload()
        if self.container.status == "paused":
            self.container.unpause()
        while self.undo:
            self._control(self.undo.pop())

    def _control(self, words: Sequence[str]) -> None:
        code, output = self.container.exec_run(["rabbitmqctl", "-q", *words])
        assert code == 0, output.decode()


@pytest.fixture
def broker(disturbed_broker: Broker) -> Iterator[Broker]:
    """A broker that this test may disturb; it declares what it needs anew (`wire_rabbitmq`)."""
    yield disturbed_broker
    disturbed_broker.mend()


@pytest.fixture(scope="module")
def disturbed_broker(container_labels: dict[str, str]) -> Iterator[Broker]:
    """Apart from the broker of tests that disturb nothing; on a port that stays the same over restarts."""
    require_engine()
    # Imported here, because importing testcontainers takes a while and most runs need no container.
    from testcontainers.core.container import DockerContainer  # noqa: PLC0415
    from testcontainers.core.wait_strategies import LogMessageWaitStrategy  # noqa: PLC0415

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    container = (
        DockerContainer(image("BROKER_IMAGE", public="yunquan/broker:4"))
        .with_env("RABBITMQ_DEFAULT_USER", "test")
        .with_env("RABBITMQ_DEFAULT_PASS", "test")
        .with_bind_ports(_BROKER_PORT, port)
        .with_kwargs(labels=container_labels)
        .waiting_for(LogMessageWaitStrategy("Server startup complete").with_startup_timeout(_BOOT_S))
    )
    with container:
        yield Broker(f"amqp://test:test@127.0.0.1:{port}/", container.get_wrapped_container())
