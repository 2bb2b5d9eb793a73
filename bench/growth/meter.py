"""Counts what PostgreSQL reads for one act: pages of the five databases, found in its cache or not, planning included.

The act is the service's own function and not a copy of its SQL, so the server's counters are read before and after it,
and each connection is asked to hand in what it has counted. Nothing else may run at the same time.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self, TypeAlias

import asyncpg

from shared.runtime.host.host import Host

Act: TypeAlias = Callable[[], Awaitable[object]]

QUIET_S = 30.0
POLL_S = 0.02
TIMES = 3
_HAND_IN = "SELECT pg_stat_force_next_flush()"
_READ = "SELECT sum(blks_hit + blks_read)::bigint FROM pg_stat_database WHERE datname = ANY($1::text[])"
_OTHERS = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = ANY($1::text[]) AND backend_type = 'client backend' AND application_name = 'operations'
"""


@dataclass(frozen=True, slots=True)
class Reading:
    """What one act took."""

    buffers: int
    seconds: float


class Meter:
    """Measures acts of services that run in this process."""

    def __init__(self, host: Host, admin: asyncpg.Connection) -> None:
        self._pools = {runtime.service.name: (runtime.pool, runtime.reads.pool) for runtime in host.runtimes}
        self._admin = admin
        self._kept: list[tuple[asyncpg.Pool, Any]] = []

    @classmethod
    async def open(cls, host: Host, admin_dsn: str) -> Self:
        """With a connection of its own, to a database that is not counted."""
        found = cls(host, await asyncpg.connect(admin_dsn))
        # One connection is left to each pool: it is warm after the first time, and hands in all there is.
        for pool in (pool for pools in found._pools.values() for pool in pools):
            found._kept += [(pool, await pool.acquire()) for _ in range(pool.get_max_size() - 1)]
        return found

    async def close(self) -> None:
        """Let the connections go."""
        for pool, connection in self._kept:
            await pool.release(connection)
        await self._admin.close()

    async def measure(self, act: Act, *, services: tuple[str, ...], warm: bool = True) -> Reading:
        """One act of these services; `warm` does it once before, so that no catalog is read for the first time.

        A warm act is measured several times and the least counts: whatever else is read meanwhile only adds to it.
        """
        if not warm:
            return await self._once(act, services)
        await act()
        return min([await self._once(act, services) for _ in range(TIMES)], key=lambda reading: reading.buffers)

    async def _once(self, act: Act, services: tuple[str, ...]) -> Reading:
        await self._hand_in(services)
        before = await self._count(services)
        began = time.perf_counter()
        await act()
        seconds = time.perf_counter() - began
        await self._hand_in(services)
        return Reading(await self._count(services) - before, seconds)

    async def _hand_in(self, services: tuple[str, ...]) -> None:
        for pool in (pool for name in services for pool in self._pools[name]):
            async with asyncio.timeout(QUIET_S), pool.acquire() as connection:
                await connection.execute(_HAND_IN)
        # Connections of a command hand in when they end, which is a moment after it has.
        deadline = time.monotonic() + QUIET_S
        while await self._admin.fetchval(_OTHERS, [*self._pools]):
            if time.monotonic() > deadline:
                raise TimeoutError("a command's connections do not end")
            await asyncio.sleep(POLL_S)

    async def _count(self, services: tuple[str, ...]) -> int:
        await self._admin.execute("SELECT pg_stat_clear_snapshot()")
        return int(await self._admin.fetchval(_READ, list(services)))


async def bytes_of(databases: Mapping[str, str]) -> Mapping[str, int]:
    """How large each database is, indexes and all."""
    found = {}
    for name, dsn in databases.items():
        connection = await asyncpg.connect(dsn)
        try:
            found[name] = await connection.fetchval("SELECT pg_database_size(current_database())")
        finally:
            await connection.close()
    return found
