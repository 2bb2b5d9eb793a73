"""Callers that wait for news of an aggregate: told by this process's commits, or found in the database.

With several replicas the reply that a caller waits for may be applied by another one, which names the aggregate to the
others (`peers`). Whoever waits for what was named is looked up at once, all of them with one statement. A name may be
lost with a connection, so whoever has waited a moment is looked up as well; a lone process tells its callers itself and
seldom looks.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING
from uuid import UUID

import structlog

if TYPE_CHECKING:
    from shared.runtime.service.runtime import Runtime

log = structlog.get_logger()

WAITERS_MAX = 20_000
LOOK_EACH_S = 0.1
LOOK_EACH_S_NAMED = 0.5
"""The same where other processes name what they tell, and a look only finds what was lost."""
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


async def run_news(runtime: "Runtime") -> None:
    """Look up what others named, and what was waited for longer than a commit here would take; until cancelled."""
    read, waiters, loop = runtime.service.news, runtime.waiters, asyncio.get_running_loop()
    if read is None:
        return
    look_at = 0.0
    while True:
        each_s = LOOK_EACH_S if waiters.elsewhere is None else LOOK_EACH_S_NAMED
        await _wait(waiters.wake, seconds=min(each_s, look_at - loop.time()))
        keys, now = waiters.take_named(), loop.time()
        if now >= look_at:
            look_at = now + each_s
            keys = list({*keys, *waiters.waiting_since(now - each_s)})
        if not keys:
            continue
        try:
            async with runtime.reading() as connection:
                news = await read(connection, keys)
        except Exception as error:  # noqa: BLE001 - the callers wait on, and are answered at the latest when their time ends
            log.warning("news.failed", service=runtime.service.name, error=type(error).__name__)
            await asyncio.sleep(1.0)
            continue
        for key, value in news.items():
            waiters.tell_here(key, value)


async def _wait(event: asyncio.Event, *, seconds: float) -> None:
    """Wait, at most `seconds`, for an event."""
    try:
        async with asyncio.timeout(max(0.0, seconds)):
            await event.wait()
    except TimeoutError:
        return
