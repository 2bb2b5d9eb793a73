"""Callers in this process that wait for news of an aggregate, and are told by its commits.

Another process names what it tells (`peers`); whoever waits for it here is looked up (`long_poll_lookup`).
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable
from uuid import UUID

WAITERS_MAX = 20_000
LOOK_MAX = 500


class Waiters:
    """Callers in this process that wait for something to become true of an aggregate."""

    def __init__(self) -> None:
        self._waiting: dict[UUID, list[asyncio.Future[object]]] = defaultdict(list)
        self._since_s: dict[UUID, float] = {}
        self._count = 0
        self.elsewhere: Callable[[UUID], object] | None = None
        """Called with what was told and nobody here waits for; None where there is nobody else."""
        self.wake = asyncio.Event()
        self._named: set[UUID] = set()

    def register(self, key: UUID) -> asyncio.Future[object] | None:
        """A future of the next value told about `key`, or None when too many wait already."""
        if self._count >= WAITERS_MAX:
            return None
        loop = asyncio.get_running_loop()
        future: asyncio.Future[object] = loop.create_future()
        self._waiting[key].append(future)
        self._since_s.setdefault(key, loop.time())
        self._count += 1
        return future

    async def wait(self, key: UUID, future: asyncio.Future[object], *, timeout_s: float) -> object | None:
        """The value of a registered future, or None after `timeout_s`."""
        # A timer of the loop costs a third of asyncio.timeout, and every purchase waits twice.
        alarm = future.get_loop().call_later(timeout_s, _give_up, future)
        try:
            return await future
        finally:
            alarm.cancel()
            self.forget(key, future)

    def forget(self, key: UUID, future: asyncio.Future[object]) -> None:
        """Nobody waits on this future any more."""
        self._count -= 1
        left = [other for other in self._waiting.pop(key, []) if other is not future]
        if left:
            self._waiting[key] = left
        else:
            self._since_s.pop(key, None)

    def tell(self, key: UUID, value: object) -> None:
        """Wake whoever waits for `key`, here or in another process; call it only after the commit."""
        if key in self._waiting:
            self.tell_here(key, value)
        elif self.elsewhere is not None:
            self.elsewhere(key)

    def tell_here(self, key: UUID, value: object) -> None:
        """Wake whoever waits for `key` in this process."""
        for future in self._waiting.get(key, ()):
            if not future.done():
                future.set_result(value)

    def name(self, keys: Iterable[UUID]) -> None:
        """Another process has told these: whoever waits for one of them here is looked up."""
        named = [key for key in keys if key in self._waiting]
        if named:
            self._named.update(named)
            self.wake.set()

    def take_named(self) -> list[UUID]:
        """What was named since the last call; at most LOOK_MAX."""
        self.wake.clear()
        taken = [key for key in self._named if key in self._waiting][:LOOK_MAX]
        self._named = self._named.difference(taken) if len(taken) == LOOK_MAX else set()
        if self._named:
            self.wake.set()
        return taken

    def waiting_since(self, before_s: float) -> list[UUID]:
        """What has been waited for since before a time of the loop's clock; the oldest, at most LOOK_MAX."""
        return [key for key, since_s in self._since_s.items() if since_s <= before_s][:LOOK_MAX]


def _give_up(future: asyncio.Future[object]) -> None:
    if not future.done():
        future.set_result(None)
