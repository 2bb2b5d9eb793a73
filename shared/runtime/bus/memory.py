"""The bus inside one process: a product part, used by the embedded platform and the tests.

A confirm means that every destination's consumer has committed, so nothing depends on this memory: when the process
dies, the outboxes of the producers still hold whatever was not applied.
"""

import asyncio
import time
from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from shared.runtime.bus.base import Delivery, Envelope, Receiver, Wiring, command_queue, fact_queue, sender_of

QUEUE_ENVELOPES_MAX = 10_000


@dataclass(slots=True, eq=False)
class _Pending:
    """One published envelope and how many queues have still to commit it."""

    waiting: int
    done: asyncio.Future[bool]

    def settle(self) -> None:
        self.waiting -= 1
        if self.waiting == 0 and not self.done.done():
            self.done.set_result(True)

    def fail(self) -> None:
        if not self.done.done():
            self.done.set_result(False)


@dataclass(slots=True, eq=False)
class _MemoryQueue:
    """Deliveries in order, and a signal for the consumer."""

    ready: deque[Delivery] = field(default_factory=deque)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    def put(self, delivery: Delivery) -> None:
        self.ready.append(delivery)
        self.arrived.set()

    def put_back(self, deliveries: Sequence[Delivery]) -> None:
        self.ready.extendleft(reversed(deliveries))
        self.arrived.set()


class MemoryExchange:
    """Routes envelopes between the services of one process."""

    def __init__(self, wirings: Sequence[Wiring]) -> None:
        self.queues: dict[str, _MemoryQueue] = defaultdict(_MemoryQueue)
        self.unrouted: deque[Envelope] = deque(maxlen=1_000)
        self.dead: deque[bytes] = deque(maxlen=1_000)
        self._fact_queues: dict[str, list[str]] = defaultdict(list)
        self._services = {wiring.service for wiring in wirings}
        for wiring in wirings:
            for stream in wiring.streams:
                self._fact_queues[stream].append(fact_queue(wiring.service))

    def destinations(self, envelope: Envelope) -> list[str]:
        """The queues an envelope goes to."""
        head, _, tail = envelope.routing_key.rpartition(".")
        if head.endswith(".to"):
            return [command_queue(tail)] if tail in self._services else []
        return self._fact_queues.get(head, [])


class MemoryReceiver:
    """A consumer's side of one memory queue."""

    def __init__(self, exchange: MemoryExchange, queue: _MemoryQueue) -> None:
        self._exchange = exchange
        self._queue = queue
        self._open: dict[Delivery, None] = {}

    async def receive(self, *, bytes_max: int) -> Sequence[Delivery]:
        """Wait for at least one delivery, then take what is there; at most `bytes_max`, or one delivery."""
        while not self._queue.ready:
            self._queue.arrived.clear()
            await self._queue.arrived.wait()
        return self.take(bytes_max=bytes_max)

    def take(self, *, bytes_max: int) -> Sequence[Delivery]:
        """What is there by now, without waiting; at most `bytes_max`, or one delivery."""
        taken: list[Delivery] = []
        size_bytes = 0
        while self._queue.ready and size_bytes < bytes_max:
            delivery = self._queue.ready.popleft()
            taken.append(delivery)
            size_bytes += len(delivery.body)
        self._open.update(dict.fromkeys(taken))
        return taken

    async def prefer(self, *, preferred: bool) -> None:
        """Change nothing: whoever consumes here is of one process."""

    async def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        """Confirm to the producers that their envelopes are durable here."""
        for delivery in deliveries:
            self._open.pop(delivery, None)
            if isinstance(delivery.token, _Pending):
                delivery.token.settle()

    async def requeue(self, deliveries: Sequence[Delivery]) -> None:
        """Return deliveries to the head of the queue."""
        for delivery in deliveries:
            self._open.pop(delivery, None)
        self._queue.put_back(deliveries)

    async def reject(self, delivery: Delivery) -> None:
        """Keep an unreadable envelope aside; its producer must not send it for ever."""
        self._exchange.dead.append(delivery.body)
        await self.acknowledge([delivery])

    async def close(self) -> None:
        """Return what is open, so that the next consumer receives it."""
        self._queue.put_back(list(self._open))
        self._open.clear()


class MemoryBus:
    """One service's connection to the exchange of its process."""

    def __init__(self, exchange: MemoryExchange, *, confirm_timeout_s: float = 30.0) -> None:
        self._exchange = exchange
        self._confirm_timeout_s = confirm_timeout_s
        self._pending: set[_Pending] = set()

    async def open(self) -> None:
        """Nothing to connect."""

    async def close(self) -> None:
        """Fail what is unconfirmed; the outbox still holds it."""
        for pending in self._pending:
            pending.fail()

    async def publish(self, envelopes: Sequence[Envelope]) -> Sequence[bool]:
        """Hand each envelope to its queues and wait until their consumers committed, or the time-out."""
        waits = [self._route(envelope) for envelope in envelopes]
        deadline = time.monotonic() + self._confirm_timeout_s
        confirmed: list[bool] = []
        for pending in waits:
            if not pending.done.done():
                left_s = max(0.0, deadline - time.monotonic())
                await asyncio.wait([pending.done], timeout=left_s)
            self._pending.discard(pending)
            confirmed.append(pending.done.done() and pending.done.result())
        return confirmed

    def _route(self, envelope: Envelope) -> _Pending:
        done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        names = self._exchange.destinations(envelope)
        pending = _Pending(waiting=len(names), done=done)
        if not names:
            self._exchange.unrouted.append(envelope)
            done.set_result(not envelope.mandatory)
            return pending
        if any(len(self._exchange.queues[name].ready) >= QUEUE_ENVELOPES_MAX for name in names):
            pending.fail()
            return pending
        self._pending.add(pending)
        for name in names:
            self._exchange.queues[name].put(Delivery(envelope.body, sender_of(envelope.routing_key), pending))
        return pending

    async def listen(self, queue: str) -> Receiver:
        """Begin to receive from a queue."""
        return MemoryReceiver(self._exchange, self._exchange.queues[queue])

    def connected(self) -> bool:
        """Memory is always there."""
        return True
