"""One running service: its pool, clock, bus, ports, and the transactions it opens."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import asyncpg

from shared.runtime.bus.base import COMMAND_PARTITION, FACT_PARTITION, Bus
from shared.runtime.clock import BusinessClock
from shared.runtime.ports import Ports
from shared.runtime.service import Service
from shared.runtime.settings import ServiceSettings
from shared.runtime.work import Work

WAITERS_MAX = 20_000

# The arrays of a transaction have ever other lengths, so the planner would find a plan of its own a hair better and
# plan each statement anew, at a quarter of the database's work. The driver forgets a statement after five minutes, and
# ANALYZE makes plans anew, so one that was made on an empty table does not stay. Views keep the default.
_BEGIN = "BEGIN; SET LOCAL plan_cache_mode = force_generic_plan"


class Waiters:
    """Callers in this process that wait for something to become true of an aggregate."""

    def __init__(self) -> None:
        self._waiting: dict[UUID, list[asyncio.Future[object]]] = defaultdict(list)
        self._count = 0

    def register(self, key: UUID) -> asyncio.Future[object] | None:
        """A future of the next value told about `key`, or None when too many wait already."""
        if self._count >= WAITERS_MAX:
            return None
        future: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        self._waiting[key].append(future)
        self._count += 1
        return future

    async def wait(self, key: UUID, future: asyncio.Future[object], *, timeout_s: float) -> object | None:
        """The value of a registered future, or None after `timeout_s`."""
        try:
            async with asyncio.timeout(timeout_s):
                return await future
        except TimeoutError:
            return None
        finally:
            self._count -= 1
            left = [other for other in self._waiting.pop(key, []) if other is not future]
            if left:
                self._waiting[key] = left

    def tell(self, key: UUID, value: object) -> None:
        """Wake whoever waits for `key`; call it only after the commit."""
        for future in self._waiting.get(key, ()):
            if not future.done():
                future.set_result(value)


class Runtime:
    """The parts of one running service. The host builds it; handlers see only their Work."""

    def __init__(self, service: Service, settings: ServiceSettings, *, pool: asyncpg.Pool, bus: Bus) -> None:
        self.service = service
        self.settings = settings
        self.pool = pool
        self.bus = bus
        self.clock = BusinessClock()
        self.ports = Ports()
        self.waiters = Waiters()
        self.ports.add(Waiters, self.waiters)
        self.wake = {COMMAND_PARTITION: asyncio.Event(), FACT_PARTITION: asyncio.Event()}
        self.timers_changed = asyncio.Event()
        self.counts: dict[str, int] = defaultdict(int)

    @property
    def owner(self) -> str:
        """The stable name of this process, used for leases."""
        return f"{self.service.name}-{self.settings.instance}"

    @asynccontextmanager
    async def work(self, *, traceparent: str = "") -> AsyncIterator[Work]:
        """Open one transaction; commit it at the end of the block, or roll back on any exception."""
        async with self.pool.acquire() as connection:
            await connection.execute(_BEGIN)
            work = Work(
                connection,
                service=self.service.name,
                now=self.clock.now(),
                ports=self.ports,
                traceparent=traceparent,
            )
            try:
                yield work
                await work.flush()
            except BaseException:
                if not connection.is_closed():
                    await connection.execute("ROLLBACK")
                raise
            await connection.execute("COMMIT")
        self.counts["commits"] += 1
        for partition in work.partitions:
            self.wake[partition].set()
        for call in work.after_commit:
            call()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[asyncpg.Connection]:
        """A connection for views; nothing is written through it."""
        async with self.pool.acquire() as connection:
            yield connection
