"""Buses that do something to what passes through them: double it, hold it up, count it."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from shared.runtime.bus.base import Bus, Envelope, Receiver


@dataclass
class Around:
    """A bus that passes everything on; the ones below do something in between."""

    bus: Bus

    async def open(self) -> None:
        """Open the bus within."""
        await self.bus.open()

    async def close(self) -> None:
        """Close the bus within."""
        await self.bus.close()

    async def listen(self, queue: str) -> Receiver:
        """Listen on the bus within."""
        return await self.bus.listen(queue)

    def connected(self) -> bool:
        """Ask the bus within."""
        return self.bus.connected()

    async def publish(self, envelopes: Sequence[Envelope]) -> Sequence[bool]:
        """Publish on the bus within."""
        return await self.bus.publish(envelopes)


@dataclass
class Twice(Around):
    """Publishes every envelope twice."""

    async def publish(self, envelopes: Sequence[Envelope]) -> Sequence[bool]:
        """Publish, and publish again."""
        first = await self.bus.publish(envelopes)
        second = await self.bus.publish(envelopes)
        return [one and other for one, other in zip(first, second, strict=True)]


@dataclass
class Stalling(Around):
    """Publishes, and keeps the confirms to itself until it is told to go on."""

    published: asyncio.Event = field(default_factory=asyncio.Event)
    go_on: asyncio.Event = field(default_factory=asyncio.Event)

    async def publish(self, envelopes: Sequence[Envelope]) -> Sequence[bool]:
        """Publish, then wait."""
        confirms = await self.bus.publish(envelopes)
        self.published.set()
        await self.go_on.wait()
        return confirms


@dataclass
class Counting(Around):
    """Counts what goes through."""

    envelopes: int = 0

    async def publish(self, envelopes: Sequence[Envelope]) -> Sequence[bool]:
        """Count and publish."""
        self.envelopes += len(envelopes)
        return await self.bus.publish(envelopes)


@dataclass
class Failing(Around):
    """Confirms nothing the first time, and keeps what went through after that."""

    failed: asyncio.Event = field(default_factory=asyncio.Event)
    passed: list[Envelope] = field(default_factory=list)

    async def publish(self, envelopes: Sequence[Envelope]) -> Sequence[bool]:
        """Fail once; then note and publish."""
        if not self.failed.is_set():
            self.failed.set()
            return [False] * len(envelopes)
        self.passed += envelopes
        return await self.bus.publish(envelopes)


@dataclass
class Noting(Around):
    """Keeps what goes through."""

    passed: list[Envelope] = field(default_factory=list)

    async def publish(self, envelopes: Sequence[Envelope]) -> Sequence[bool]:
        """Note and publish."""
        self.passed += envelopes
        return await self.bus.publish(envelopes)
