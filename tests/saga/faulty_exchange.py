"""A memory exchange that repeats, delays, reorders, splits and refuses envelopes, all drawn from one seed."""

import asyncio
import random
from collections import defaultdict
from collections.abc import Sequence

import msgspec

from shared.runtime.bus.base import Delivery, Envelope, Wiring
from shared.runtime.bus.memory import MemoryExchange, _MemoryQueue, _Pending

DELAY_S_MAX = 0.03
LATE_S_MAX = 0.2
SHUFFLED = 0.5
SPLIT = 0.3
DELAYED = 0.3
REPEATED = 0.3
REFUSED = 0.03


class HostileQueue(_MemoryQueue):
    """A queue between a producer and a consumer that does whatever a broker is allowed to do, and some more."""

    __slots__ = ("_chance",)

    def __init__(self, chance: random.Random) -> None:
        super().__init__()
        self._chance = chance

    def put(self, delivery: Delivery) -> None:
        """Deliver the events of an envelope: shuffled, in parts, later, and more than once."""
        pending, chance = delivery.token, self._chance
        if isinstance(pending, _Pending) and chance.random() < REFUSED:
            # As if the confirm was lost: the producer publishes it again, although it may have been delivered.
            pending.fail()
        events = msgspec.json.decode(delivery.body, type=list[msgspec.Raw])
        if chance.random() < SHUFFLED:
            chance.shuffle(events)
        cut = chance.randrange(1, len(events)) if len(events) > 1 and chance.random() < SPLIT else len(events)
        parts = [part for part in (events[:cut], events[cut:]) if part]
        if isinstance(pending, _Pending):
            pending.waiting += len(parts) - 1
        for part in parts:
            body = _join(part)
            self._put_later(
                Delivery(body, delivery.sender, pending),
                chance.random() * DELAY_S_MAX if chance.random() < DELAYED else 0,
            )
            if chance.random() < REPEATED:
                self._put_later(Delivery(body, delivery.sender), chance.random() * LATE_S_MAX)

    def _put_later(self, delivery: Delivery, delay_s: float) -> None:
        if delay_s:
            asyncio.get_running_loop().call_later(delay_s, super().put, delivery)
        else:
            super().put(delivery)


def _join(events: Sequence[msgspec.Raw]) -> bytes:
    return b"[" + b",".join(bytes(event) for event in events) + b"]"


class FaultyExchange(MemoryExchange):
    """Routes envelopes through hostile queues; `seed` fixes what goes wrong."""

    def __init__(self, wirings: Sequence[Wiring], *, seed: int) -> None:
        super().__init__(wirings)
        self.chance = random.Random(seed)  # noqa: S311 - faults are to be repeatable, not secret
        self.queues = defaultdict(lambda: HostileQueue(self.chance))

    def destinations(self, envelope: Envelope) -> list[str]:
        """The queues an envelope goes to, in any order."""
        names = list(super().destinations(envelope))
        self.chance.shuffle(names)
        return names


class RecordingExchange(MemoryExchange):
    """An exchange that remembers every command and reply, so that a test can send them again."""

    def __init__(self, wirings: Sequence[Wiring]) -> None:
        super().__init__(wirings)
        self.recorded: list[Envelope] = []

    def destinations(self, envelope: Envelope) -> list[str]:
        """The queues an envelope goes to."""
        if ".to." in envelope.routing_key:
            self.recorded.append(envelope)
        return super().destinations(envelope)
