"""The port to a message bus. What is confirmed is durable at its destination; what is not is published again."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

COMMAND_PARTITION = 0
FACT_PARTITION = 1
ENVELOPE_EVENTS_MAX = 50
ENVELOPE_BYTES_MAX = 128 * 1024
CONTENT_TYPE = "application/cloudevents-batch+json"


def command_key(producer: str, target: str) -> str:
    """The routing key of commands and replies from one service to another."""
    return f"{producer}.to.{target}"


def fact_key(stream: str, partition: int = 0) -> str:
    """The routing key of facts: `<producer>.<aggregate type>.<partition>`."""
    return f"{stream}.{partition}"


def command_queue(service: str) -> str:
    """The queue a service reads commands and replies from."""
    return f"{service}.commands"


def fact_queue(service: str) -> str:
    """The queue a service reads the facts of its subscribed streams from."""
    return f"{service}.facts"


@dataclass(frozen=True, slots=True)
class Envelope:
    """Up to 50 events of one routing key as one CloudEvents JSON batch."""

    producer: str
    routing_key: str
    body: bytes
    mandatory: bool


def sender_of(routing_key: str) -> str:
    """The service that publishes under a routing key; the broker lets no other one do so."""
    return routing_key.partition(".")[0]


@dataclass(slots=True, eq=False)
class Delivery:
    """One envelope handed to a consumer, and who sent it as the bus vouches for it; `token` is the backend's own."""

    body: bytes
    sender: str
    token: object = field(repr=False, default=None)
    user: str = ""
    """The broker's user who published it, checked by the broker; empty where nobody was named.

    What a broker has given up comes under another routing key than it was sent under, and only this still tells.
    """


@dataclass(frozen=True, slots=True)
class Wiring:
    """What one service listens to; the topology and the rights of all services are derived from these declarations.

    `streams` are the facts it follows, `orchestrators` the services that send it commands and get its replies.
    """

    service: str
    streams: tuple[str, ...]
    orchestrators: tuple[str, ...] = ()


class Receiver(Protocol):
    """A consumer's side of one queue."""

    async def receive(self, *, bytes_max: int) -> Sequence[Delivery]:
        """Wait for at least one delivery, then take what is there; at most `bytes_max`, or one delivery."""
        ...

    def take(self, *, bytes_max: int) -> Sequence[Delivery]:
        """What is there by now, without waiting; at most `bytes_max`, or one delivery."""
        ...

    async def prefer(self, *, preferred: bool) -> None:
        """Say whether this consumer comes before others of its queue, which then get what it has no room for."""
        ...

    async def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        """Say that everything in these deliveries is durable here."""
        ...

    async def requeue(self, deliveries: Sequence[Delivery]) -> None:
        """Return deliveries that could not be settled now; they come again."""
        ...

    async def reject(self, delivery: Delivery) -> None:
        """Send an unreadable envelope to the dead-letter queue of the broker."""
        ...

    async def close(self) -> None:
        """Stop receiving; what is unacknowledged comes again to somebody."""
        ...


class Bus(Protocol):
    """One service's connection to the bus."""

    async def open(self) -> None:
        """Connect, bounded in time. Raises: OSError or TimeoutError when the broker does not answer."""
        ...

    async def close(self) -> None:
        """Disconnect; unconfirmed publishes are reported as unconfirmed."""
        ...

    async def publish(self, envelopes: Sequence[Envelope]) -> Sequence[bool]:
        """Publish pipelined and wait, bounded, for the confirms; True where an envelope is durable."""
        ...

    async def listen(self, queue: str) -> Receiver:
        """Begin to receive from a queue."""
        ...

    def connected(self) -> bool:
        """Whether publishing may succeed now."""
        ...
