"""Callers that wait for the next event of their provider with `Prefer: wait`.

They are looked up together, with one statement each time the feed has grown, so that any number of them costs the
database what one does, and whichever process wrote the event.
"""

import asyncio
from collections.abc import Callable
from uuid import UUID

import structlog

from services.order.views import events as views
from shared.runtime.service import Runtime

log = structlog.get_logger()

WAITERS_MAX = 2_000
LOOK_EACH_S = 0.1
FAULT_PAUSE_S = 1.0


class FeedNews:
    """Whoever in this process wants to know that the feed has grown."""

    def __init__(self) -> None:
        self.listeners: list[Callable[[], object]] = []

    def tell(self) -> None:
        """Call them; only after the commit."""
        for listener in self.listeners:
            listener()


class FeedWaiters:
    """Callers in this process, each with its provider and the last event that it knows."""

    def __init__(self) -> None:
        self._waiting: dict[asyncio.Future[None], tuple[UUID, int]] = {}
        self.some = asyncio.Event()

    async def wait(self, provider_id: UUID, *, after: int, timeout_s: float) -> bool:
        """Whether an event beyond `after` came in time; False at once when too many wait already."""
        if len(self._waiting) >= WAITERS_MAX:
            return False
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[future] = (provider_id, after)
        self.some.set()
        try:
            async with asyncio.timeout(timeout_s):
                await future
        except TimeoutError:
            return False
        finally:
            del self._waiting[future]
            if not self._waiting:
                self.some.clear()
        return True

    def places(self) -> dict[UUID, int]:
        """The providers that are waited for, each with the earliest place that somebody waits behind."""
        places: dict[UUID, int] = {}
        for provider_id, after in self._waiting.values():
            places[provider_id] = min(after, places.get(provider_id, after))
        return places

    def tell(self, last: dict[UUID, int]) -> None:
        """Wake whoever waits behind the last event of its provider."""
        for future, (provider_id, after) in self._waiting.items():
            if not future.done() and last.get(provider_id, 0) > after:
                future.set_result(None)


async def run_feed_waiters(runtime: Runtime) -> None:
    """Look up the callers that wait, until cancelled; while nobody waits nothing is asked."""
    waiters = runtime.ports.get(FeedWaiters)
    while True:
        await waiters.some.wait()
        try:
            places = waiters.places()
            async with runtime.reading() as connection:
                last = await views.last_events(connection, places)
        except Exception as error:  # noqa: BLE001 - the callers wait on, and are answered when their time ends
            log.warning("events.waiting_failed", error=type(error).__name__)
            await asyncio.sleep(FAULT_PAUSE_S)
            continue
        waiters.tell(last)
        await asyncio.sleep(LOOK_EACH_S)
