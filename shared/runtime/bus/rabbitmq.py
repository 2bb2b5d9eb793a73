"""The bus on RabbitMQ: confirmed publishes, hand-made acknowledgements, and connections that come back.

One connection publishes and another consumes: a broker short of memory or disk stops reading from connections that
publish, and acknowledgements must still reach it then. aio-pika's plain connection carries both, not its robust one:
what that repeats after a break is unknown here. The outbox repeats what was not confirmed, and the inbox absorbs what
was delivered twice, so a broken channel is simply forgotten and a new one opened. Envelopes pass through aio-pika's
underlay channel: to make its own message of one costs a fifth of publishing or consuming it.
"""

import asyncio
import contextlib
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import structlog
from aio_pika import Message
from aio_pika.abc import AbstractChannel

from shared.runtime.bus.base import CONTENT_TYPE, Delivery, Envelope, Receiver, sender_of
from shared.runtime.bus.rabbitmq_connection import (
    BROKER_FAULTS,
    CONNECT_TIMEOUT_S,
    WATCH_S,
    BrokerConnection,
    close_quietly,
    lost_connection_told,
)
from shared.runtime.bus.topology import exchange_of

log = structlog.get_logger()

PUBLISH_TIMEOUT_S = 10.0
SETTLE_TIMEOUT_S = 5.0
RECONNECT_S_MAX = 2.0
WINDOW_ENVELOPES_MAX = 500
PREFETCH_ENVELOPES = 50
PERSISTENT = 2
PREFERRED = 10
"""The priority of the consumer that is given deliveries before others; theirs is 0."""
Properties = type(Message(b"").properties)
"""What the protocol itself says of a message."""


class RabbitBus:
    """One service's connection to the broker. Exchanges and queues are there already (see `declare`)."""

    def __init__(
        self,
        url: str,
        *,
        service: str,
        publish_timeout_s: float = PUBLISH_TIMEOUT_S,
        prefetch_envelopes: int = PREFETCH_ENVELOPES,
    ) -> None:
        self._publishing = BrokerConnection(url, name=f"{service}.publish")
        self._consuming = BrokerConnection(url, name=f"{service}.consume")
        self._publish_timeout_s = publish_timeout_s
        self._prefetch_envelopes = prefetch_envelopes
        self._channel: AbstractChannel | None = None
        self._opening = asyncio.Lock()
        self._watch: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Connect, bounded in time. Raises: OSError or TimeoutError when the broker does not answer."""
        await self._publishing.connection()
        self._watch = asyncio.create_task(self._reconnect())

    async def close(self) -> None:
        """Disconnect; unconfirmed publishes are reported as unconfirmed."""
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.wait([self._watch])
            self._watch = None
        await self._publishing.close()
        await self._consuming.close()

    def connected(self) -> bool:
        """Whether publishing may succeed now: the connection stands and the broker does not block it."""
        return self._publishing.is_open() and not self._publishing.is_blocked()

    async def publish(self, envelopes: Sequence[Envelope]) -> Sequence[bool]:
        """Publish pipelined and wait, bounded, for the confirms; True where an envelope is durable."""
        confirmed: list[bool] = []
        for start in range(0, len(envelopes), WINDOW_ENVELOPES_MAX):
            confirmed += await self._publish_window(envelopes[start : start + WINDOW_ENVELOPES_MAX])
        return confirmed

    async def listen(self, queue: str) -> Receiver:
        """Begin to receive from a queue. Raises: one of BROKER_FAULTS, bounded in time."""
        receiver = RabbitReceiver(self._consuming, queue, prefetch_envelopes=self._prefetch_envelopes)
        await receiver.subscribe()
        return receiver

    async def _publish_window(self, envelopes: Sequence[Envelope]) -> list[bool]:
        if not self.connected():
            # Nothing is sent to a broker that is away or blocked: it would pile up in the socket's buffer.
            return [False] * len(envelopes)
        try:
            channel = await self._publisher()
        except BROKER_FAULTS as error:
            log.warning("publish.no_channel", error=type(error).__name__, reason=str(error)[:200])
            return [False] * len(envelopes)
        outcomes = await asyncio.gather(
            *(self._publish_one(channel, envelope) for envelope in envelopes), return_exceptions=True
        )
        # A nack and a returned message raise, so whatever else came back is the broker's confirm.
        confirmed = [not isinstance(outcome, BaseException) for outcome in outcomes]
        if not all(confirmed):
            self._explain(outcomes)
        return confirmed

    async def _publish_one(self, channel: AbstractChannel, envelope: Envelope) -> object:
        underlay = await channel.get_underlay_channel()
        return await underlay.basic_publish(
            envelope.body,
            exchange=exchange_of(envelope.producer, envelope.routing_key),
            routing_key=envelope.routing_key,
            mandatory=envelope.mandatory,
            properties=Properties(content_type=CONTENT_TYPE, delivery_mode=PERSISTENT, user_id=self._publishing.user),
            timeout=self._publish_timeout_s,
        )

    def _explain(self, outcomes: Sequence[object]) -> None:
        faults = Counter(type(outcome).__name__ for outcome in outcomes if isinstance(outcome, BaseException))
        log.warning("publish.unconfirmed", faults=dict(faults), envelopes=len(outcomes))
        late = any(isinstance(outcome, TimeoutError) for outcome in outcomes)
        if late and not self._publishing.is_blocked():
            # A silent connection is dead until proven otherwise; another node may answer a new one.
            self._publishing.drop()
            self._channel = None

    async def _publisher(self) -> AbstractChannel:
        async with self._opening:
            if self._channel is None or self._channel.is_closed or not self._publishing.is_open():
                self._channel = await self._publishing.channel(publisher_confirms=True)
            return self._channel

    async def _reconnect(self) -> None:
        """Keep the publishing connection open, so that readiness tells the truth without anything being published."""
        pause_s = WATCH_S
        while True:
            await asyncio.sleep(pause_s)
            if self._publishing.is_open():
                continue
            try:
                await self._publishing.connection()
                pause_s = WATCH_S
                log.info("bus.reconnected")
            except BROKER_FAULTS as error:
                pause_s = min(pause_s * 2, RECONNECT_S_MAX)
                log.warning("bus.not_reconnected", error=type(error).__name__, reason=str(error)[:200])


@dataclass(frozen=True, slots=True, eq=False)
class _Tag:
    """Which channel delivered an envelope, and under which number; a number means nothing on another channel."""

    channel: AbstractChannel
    number: int


class RabbitReceiver:
    """A consumer's side of one queue, on a channel of its own."""

    def __init__(self, broker: BrokerConnection, queue: str, *, prefetch_envelopes: int) -> None:
        self._broker = broker
        self._queue = queue
        self._prefetch_envelopes = prefetch_envelopes
        self._channel: AbstractChannel | None = None
        self._ready: deque[Delivery] = deque()
        self._open: dict[int, Delivery] = {}
        self._lost = False
        self._changed = asyncio.Event()
        self._priority = 0
        self._consumer = ""

    async def subscribe(self) -> None:
        """Open a channel and begin to consume. Raises: one of BROKER_FAULTS."""
        await self.close()
        channel = await self._broker.channel(publisher_confirms=False)
        self._channel = channel
        channel.close_callbacks.add(lambda *_: self._lose(channel))
        with lost_connection_told():
            await channel.set_qos(prefetch_count=self._prefetch_envelopes, timeout=CONNECT_TIMEOUT_S)
            underlay = await channel.get_underlay_channel()
            # A consumer is cancelled when its queue is deleted.
            underlay.on_consumer_cancel_callbacks.add(lambda _: self._lose(channel))
            await self._consume(channel)

    async def _consume(self, channel: AbstractChannel) -> None:
        underlay = await channel.get_underlay_channel()
        begun = await underlay.basic_consume(
            self._queue,
            partial(self._arrive, channel),
            arguments={"x-priority": self._priority},
            timeout=CONNECT_TIMEOUT_S,
        )
        self._consumer = begun.consumer_tag or ""

    async def prefer(self, *, preferred: bool) -> None:
        """Come before other consumers of the queue, or not any more. A lost channel takes it up when it comes back."""
        priority = PREFERRED if preferred else 0
        channel, old = self._channel, self._consumer
        if priority == self._priority or channel is None:
            self._priority = priority
            return
        self._priority = priority
        with contextlib.suppress(*BROKER_FAULTS), lost_connection_told():
            # On the same channel, so that what is open stays so; a moment of both is a moment of more room.
            await self._consume(channel)
            underlay = await channel.get_underlay_channel()
            await underlay.basic_cancel(old, timeout=CONNECT_TIMEOUT_S)

    def _lose(self, channel: AbstractChannel) -> None:
        """The channel or its consumer is gone: whoever waits for deliveries must subscribe again."""
        if channel is self._channel:
            self._lost = True
            self._changed.set()

    async def _arrive(self, channel: AbstractChannel, message: Any) -> None:  # noqa: ANN401 - of the channel underneath
        if channel is not self._channel:
            return
        number = message.delivery_tag or 0
        sender, token = sender_of(message.routing_key or ""), _Tag(channel, number)
        delivery = Delivery(message.body, sender, token, user=message.header.properties.user_id or "")
        self._open[number] = delivery
        self._ready.append(delivery)
        self._changed.set()

    async def receive(self, *, bytes_max: int) -> Sequence[Delivery]:
        """Wait for at least one delivery, then take what is there; at most `bytes_max`, or one delivery."""
        await self._wait()
        return self.take(bytes_max=bytes_max)

    def take(self, *, bytes_max: int) -> Sequence[Delivery]:
        """What is there by now, without waiting; at most `bytes_max`, or one delivery."""
        taken: list[Delivery] = []
        size_bytes = 0
        while self._ready and size_bytes < bytes_max:
            delivery = self._ready.popleft()
            taken.append(delivery)
            size_bytes += len(delivery.body)
        return taken

    async def _wait(self) -> None:
        pause_s = WATCH_S
        while not self._ready or self._lost:
            if self._lost:
                try:
                    await self.subscribe()
                except BROKER_FAULTS as error:
                    log.warning("inlet.not_open", queue=self._queue, error=type(error).__name__)
                    self._lost = True
                    await asyncio.sleep(pause_s)
                    pause_s = min(pause_s * 2, RECONNECT_S_MAX)
            else:
                self._changed.clear()
                await self._changed.wait()

    async def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        """Say that everything in these deliveries is durable here."""
        await self._settle(self._own(deliveries))

    async def requeue(self, deliveries: Sequence[Delivery]) -> None:
        """Return deliveries that could not be settled now; they come again."""
        await self._settle(self._own(deliveries), requeue=True)

    async def reject(self, delivery: Delivery) -> None:
        """Send an unreadable envelope to the dead-letter queue of the broker."""
        await self._settle(self._own([delivery]), requeue=False)

    def _own(self, deliveries: Sequence[Delivery]) -> list[int]:
        """The numbers of those that this channel delivered; the others come again by themselves."""
        tags = [delivery.token for delivery in deliveries]
        return sorted(
            tag.number
            for tag in tags
            if isinstance(tag, _Tag) and tag.channel is self._channel and tag.number in self._open
        )

    def _run_length(self, numbers: Sequence[int]) -> int:
        """How many of these are the oldest of what is open, without a gap: one frame settles all of them."""
        length = 0
        for number, oldest in zip(numbers, self._open, strict=False):
            if number != oldest:
                break
            length += 1
        return length

    async def _settle(self, numbers: Sequence[int], *, requeue: bool | None = None) -> None:
        """Acknowledge, or say what becomes of it. What is lost with its channel comes again and is found applied."""
        run = self._run_length(numbers)
        for number in numbers:
            self._open.pop(number, None)
        if self._channel is None:
            return
        try:
            async with asyncio.timeout(SETTLE_TIMEOUT_S):
                underlay = await self._channel.get_underlay_channel()
                if requeue is None:
                    for number in numbers[:run][-1:]:
                        await underlay.basic_ack(number, multiple=True, wait=False)
                    for number in numbers[run:]:
                        await underlay.basic_ack(number, wait=False)
                    return
                # The newest goes back first, because each is put at the head of the queue.
                for number in reversed(numbers):
                    await underlay.basic_nack(number, requeue=requeue, wait=False)
        except BROKER_FAULTS as error:
            log.warning("inlet.settlement_lost", queue=self._queue, error=type(error).__name__)

    async def close(self) -> None:
        """Stop receiving; what is unacknowledged comes again to somebody."""
        channel, self._channel = self._channel, None
        self._lost = False
        self._ready.clear()
        self._open.clear()
        if channel is not None and not channel.is_closed:
            await close_quietly(channel)
