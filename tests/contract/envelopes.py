"""What the tests of the bus publish, and how they receive it."""

import asyncio
from collections.abc import Callable, Sequence

from shared.runtime.bus.base import Bus, Delivery, Envelope, Receiver, Wiring, command_key, fact_key

WIRINGS = (
    Wiring("sender", ()),
    Wiring("reader", ("sender.thing",), ("sender",)),
    Wiring("auditor", ("sender.thing",), ("sender",)),
)
BYTES_MAX = 2 * 1024 * 1024


def a_command(body: bytes, *, target: str = "reader") -> Envelope:
    """A command of the sender."""
    return Envelope("sender", command_key("sender", target), body, mandatory=True)


def a_fact(body: bytes, *, aggregate: str = "thing") -> Envelope:
    """A fact of the sender."""
    return Envelope("sender", fact_key(f"sender.{aggregate}"), body, mandatory=False)


async def take(receiver: Receiver, count: int, *, bytes_max: int = BYTES_MAX) -> list[Delivery]:
    """The next deliveries of a receiver, unacknowledged."""
    found: list[Delivery] = []
    async with asyncio.timeout(20):
        while len(found) < count:
            found += await receiver.receive(bytes_max=bytes_max)
    assert len(found) == count
    return found


async def none_arrives(receiver: Receiver) -> bool:
    """Whether nothing comes for a while."""
    try:
        async with asyncio.timeout(0.4):
            await receiver.receive(bytes_max=BYTES_MAX)
    except TimeoutError:
        return True
    return False


async def until(true: Callable[[], bool]) -> None:
    """Wait for a state that a backend shows without telling anybody."""
    while not true():  # noqa: ASYNC110 - nobody sets an event here
        await asyncio.sleep(0.02)


async def publish_and_acknowledge(bus: Bus, receiver: Receiver, envelopes: Sequence[Envelope]) -> list[bytes]:
    """Publish, receive all, acknowledge all; the bodies as they came."""
    publishing = asyncio.create_task(bus.publish(envelopes))
    deliveries = await take(receiver, len(envelopes))
    await receiver.acknowledge(deliveries)
    assert await publishing == [True] * len(envelopes)
    return [delivery.body for delivery in deliveries]
