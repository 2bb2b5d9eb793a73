"""The bus on RabbitMQ: confirmed publishes, hand-made acknowledgements, and connections that come back.

One connection publishes and another consumes: a broker short of memory or disk stops reading from connections that
publish, and acknowledgements must still reach it then. The protocol client is used without a layer of recovery above
it. What such a layer repeats after a break is unknown here; the outbox repeats what was not confirmed, and the inbox
absorbs what was delivered twice, so a broken channel is simply forgotten and a new one opened.
"""

import asyncio
import contextlib
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import unquote, urlencode, urlsplit

import aiormq
import structlog
from aiormq import spec
from aiormq.abc import AbstractChannel, AbstractConnection, DeliveredMessage
from aiormq.exceptions import ConnectionClosed

from shared.runtime.bus.base import CONTENT_TYPE, Delivery, Envelope, Inlet, sender_of
from shared.runtime.bus.topology import exchange_of

log = structlog.get_logger()

CONNECT_TIMEOUT_S = 10.0
PUBLISH_TIMEOUT_S = 10.0
SETTLE_TIMEOUT_S = 5.0
CLOSE_TIMEOUT_S = 3.0
HEARTBEAT_S = 10
WATCH_S = 0.25
RECONNECT_S_MAX = 5.0
WINDOW_ENVELOPES_MAX = 500
PREFETCH_ENVELOPES = 50
PERSISTENT = 2

BROKER_FAULTS = (aiormq.AMQPError, RuntimeError, OSError, TimeoutError)
"""What a broker that is away, restarting or refusing may raise; the client says RuntimeError of a closed channel."""


@contextlib.contextmanager
def _lost_connection_told() -> Iterator[None]:
    """Raise ConnectionError where the client cancels, or fails without saying why, whoever waits for the broker."""
    try:
        yield
    except asyncio.CancelledError as error:
        caller = asyncio.current_task()
        if caller is not None and caller.cancelling():
            raise
        raise ConnectionError("the connection was lost before the broker answered") from error
    except Exception as error:
        if type(error) is Exception:
            raise ConnectionError("the connection was closed before the broker answered") from error
        raise


class Line:
    """One connection to the broker that is opened again when it is needed and gone."""

    def __init__(self, url: str, *, name: str) -> None:
        parts = urlsplit(url)
        query = f"{parts.query}&" if parts.query else ""
        self._url = parts._replace(query=query + urlencode({"heartbeat": HEARTBEAT_S, "name": name})).geturl()
        self.user = unquote(parts.username or "guest")
        self._connection: AbstractConnection | None = None
        self._opening = asyncio.Lock()
        self._closing: set[asyncio.Task[None]] = set()

    async def connection(self) -> AbstractConnection:
        """The open connection. Raises: one of BROKER_FAULTS, within CONNECT_TIMEOUT_S."""
        async with asyncio.timeout(CONNECT_TIMEOUT_S), self._opening:
            if self._connection is None or not self._connection.is_opened:
                self.drop()
                with _lost_connection_told():
                    self._connection = await aiormq.connect(self._url)
            return self._connection

    async def channel(self, *, publisher_confirms: bool) -> AbstractChannel:
        """A new channel. Raises: one of BROKER_FAULTS."""
        connection = await self.connection()
        # A returned message raises; by default it would only be handed back and count as published.
        with _lost_connection_told():
            return await connection.channel(
                publisher_confirms=publisher_confirms, on_return_raises=True, timeout=CONNECT_TIMEOUT_S
            )

    def drop(self) -> None:
        """Forget the connection; the next use opens another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            closing = asyncio.create_task(_close_quietly(connection))
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)

    async def close(self) -> None:
        """Disconnect, bounded in time."""
        self.drop()
        if self._closing:
            await asyncio.wait(self._closing, timeout=CLOSE_TIMEOUT_S + 1)

    def is_open(self) -> bool:
        """Whether the connection stands."""
        return self._connection is not None and self._connection.is_opened

    def is_blocked(self) -> bool:
        """Whether the broker has told this connection to wait (memory or disk alarm)."""
        if self._connection is None:
            return False
        # `ready` waits while the connection is blocked; one step shows whether it would.
        waiting = self._connection.ready()
        try:
            waiting.send(None)
        except StopIteration:
            return False
        finally:
            waiting.close()
        return True


async def _close_quietly(part: AbstractConnection | AbstractChannel) -> None:
    """Close, bounded in time, what may be broken already."""
    with contextlib.suppress(*BROKER_FAULTS):
        async with asyncio.timeout(CLOSE_TIMEOUT_S):
            with _lost_connection_told():
                await part.close(ConnectionClosed(0, "closed on this side"))


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
        self._publishing = Line(url, name=f"{service}.publish")
        self._consuming = Line(url, name=f"{service}.consume")
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

    async def listen(self, queue: str) -> Inlet:
        """Begin to receive from a queue. Raises: one of BROKER_FAULTS, bounded in time."""
        inlet = RabbitInlet(self._consuming, queue, prefetch_envelopes=self._prefetch_envelopes)
        await inlet.subscribe()
        return inlet

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
        confirmed = [isinstance(outcome, spec.Basic.Ack) for outcome in outcomes]
        if not all(confirmed):
            self._explain(outcomes)
        return confirmed

    async def _publish_one(self, channel: AbstractChannel, envelope: Envelope) -> object:
        return await channel.basic_publish(
            envelope.body,
            exchange=exchange_of(envelope.producer, envelope.routing_key),
            routing_key=envelope.routing_key,
            mandatory=envelope.mandatory,
            properties=spec.Basic.Properties(
                content_type=CONTENT_TYPE, delivery_mode=PERSISTENT, user_id=self._publishing.user
            ),
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
            if self._channel is None or self._channel.is_closed or not self._channel.connection.is_opened:
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


class RabbitInlet:
    """A consumer's side of one queue, on a channel of its own."""

    def __init__(self, line: Line, queue: str, *, prefetch_envelopes: int) -> None:
        self._line = line
        self._queue = queue
        self._prefetch_envelopes = prefetch_envelopes
        self._channel: AbstractChannel | None = None
        self._ready: deque[Delivery] = deque()
        self._open: dict[int, Delivery] = {}
        self._lost = False
        self._changed = asyncio.Event()

    async def subscribe(self) -> None:
        """Open a channel and begin to consume. Raises: one of BROKER_FAULTS."""
        await self.close()
        channel = await self._line.channel(publisher_confirms=False)
        self._channel = channel
        channel.closing.add_done_callback(lambda _: self._lose(channel))
        channel.on_consumer_cancel_callbacks.add(lambda _: self._lose(channel))
        with _lost_connection_told():
            await channel.basic_qos(prefetch_count=self._prefetch_envelopes, timeout=CONNECT_TIMEOUT_S)
            await channel.basic_consume(self._queue, self._arrive, timeout=CONNECT_TIMEOUT_S)

    def _lose(self, channel: AbstractChannel) -> None:
        """The channel or its consumer is gone: whoever waits for deliveries must subscribe again."""
        if channel is self._channel:
            self._lost = True
            self._changed.set()

    async def _arrive(self, message: DeliveredMessage) -> None:
        deliver = message.delivery
        if message.channel is not self._channel or not isinstance(deliver, spec.Basic.Deliver):
            return
        number = deliver.delivery_tag or 0
        sender, token = sender_of(deliver.routing_key or ""), _Tag(message.channel, number)
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
        numbers = self._own(deliveries)
        last = self._run_end(numbers)
        frames: list[_Settlement] = [] if last is None else [spec.Basic.Ack(last, multiple=True)]
        frames += [spec.Basic.Ack(number) for number in numbers if last is None or number > last]
        await self._settle(numbers, frames)

    def _run_end(self, numbers: Sequence[int]) -> int | None:
        """The last number of the longest run at the head of what is open: one frame settles all of it."""
        end: int | None = None
        for number, oldest in zip(numbers, self._open, strict=False):
            if number != oldest:
                break
            end = number
        return end

    async def give_back(self, deliveries: Sequence[Delivery]) -> None:
        """Return deliveries that could not be settled now; they come again."""
        numbers = self._own(deliveries)
        # The newest goes back first, because each is put at the head of the queue.
        await self._settle(numbers, [spec.Basic.Nack(number, requeue=True) for number in reversed(numbers)])

    async def reject(self, delivery: Delivery) -> None:
        """Send an unreadable envelope to the dead-letter queue of the broker."""
        numbers = self._own([delivery])
        await self._settle(numbers, [spec.Basic.Nack(number, requeue=False) for number in numbers])

    def _own(self, deliveries: Sequence[Delivery]) -> list[int]:
        """The numbers of those that this channel delivered; the others come again by themselves."""
        tags = [delivery.token for delivery in deliveries]
        return sorted(
            tag.number
            for tag in tags
            if isinstance(tag, _Tag) and tag.channel is self._channel and tag.number in self._open
        )

    async def _settle(self, numbers: Sequence[int], frames: Sequence["_Settlement"]) -> None:
        """Send the frames. What is lost with its channel is no fault: it comes again and is found applied."""
        for number in numbers:
            self._open.pop(number, None)
        if self._channel is None:
            return
        try:
            async with asyncio.timeout(SETTLE_TIMEOUT_S):
                for frame in frames:
                    await _send(self._channel, frame)
        except BROKER_FAULTS as error:
            log.warning("inlet.settlement_lost", queue=self._queue, error=type(error).__name__)

    async def close(self) -> None:
        """Stop receiving; what is unacknowledged comes again to somebody."""
        channel, self._channel = self._channel, None
        self._lost = False
        self._ready.clear()
        self._open.clear()
        if channel is not None and not channel.is_closed:
            await _close_quietly(channel)


_Settlement: TypeAlias = spec.Basic.Ack | spec.Basic.Nack


async def _send(channel: AbstractChannel, frame: _Settlement) -> None:
    number = frame.delivery_tag or 0
    match frame:
        case spec.Basic.Ack():
            await channel.basic_ack(number, multiple=frame.multiple, wait=False)
        case spec.Basic.Nack():
            await channel.basic_nack(number, requeue=frame.requeue, wait=False)
