"""Processes of one service tell each other of what their callers wait; the looks that go on meanwhile are put off."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

import asyncpg
import pytest
from pydantic import SecretStr
from sqlalchemy import MetaData

from shared.runtime.bus.memory import MemoryBus, MemoryExchange
from shared.runtime.database.sql import Connection, create_pool, create_read_pool
from shared.runtime.service import long_poll_lookup, peers
from shared.runtime.service.long_poll_lookup import run_news
from shared.runtime.service.peers import Peers
from shared.runtime.service.runtime import Runtime
from shared.runtime.service.service import Service
from shared.runtime.service.settings import ServiceSettings

NEVER_S = 3_600.0


async def read_all(connection: Connection, keys: Sequence[UUID]) -> Mapping[UUID, object]:
    """There is news of everything."""
    found: Sequence[UUID] = await connection.fetchval("SELECT $1::uuid[]", keys)
    return dict.fromkeys(found, "read")


SERVICE = Service(name="waiting", metadata=MetaData(), settings=ServiceSettings, news=read_all)


@asynccontextmanager
async def process(dsn: str) -> AsyncIterator[Runtime]:
    """One process of the service, as far as its callers and its peers go."""
    pool = await create_pool(dsn, size_max=2, application="waiting")
    reads = await create_read_pool(dsn, size_max=2, reports_max=1, application="waiting")
    settings = ServiceSettings(database_url=SecretStr(dsn))
    runtime = Runtime(SERVICE, settings, pool=pool, reads=reads, bus=MemoryBus(MemoryExchange([])))
    tasks = [asyncio.create_task(work) for work in (Peers(runtime).run(), run_news(runtime))]
    try:
        yield runtime
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        pool.terminate()
        reads.pool.terminate()


async def until(true: Callable[[], bool]) -> None:
    """Wait for something to become true, within the time of the test."""
    while not true():  # noqa: ASYNC110 - what is waited for tells nobody
        await asyncio.sleep(0.01)


def know_each_other(*runtimes: Runtime) -> bool:
    """Whether each of them knows that it is not alone."""
    return all(runtime.waiters.elsewhere is not None for runtime in runtimes)


@pytest.fixture(autouse=True)
def _nobody_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what is named is looked up."""
    monkeypatch.setattr(long_poll_lookup, "LOOK_EACH_S", 0.01)
    monkeypatch.setattr(long_poll_lookup, "LOOK_EACH_S_NAMED", NEVER_S)


async def wait_here(runtime: Runtime, key: UUID) -> Awaitable[object | None]:
    """A caller that waits in one process."""
    future = runtime.waiters.register(key)
    assert future is not None
    return asyncio.create_task(runtime.waiters.wait(key, future, timeout_s=60))


async def test_a_caller_in_one_process_is_told_of_what_another_one_committed(
    fresh_database: Callable[[], str],
) -> None:
    dsn = fresh_database()
    async with process(dsn) as here, process(dsn) as there:
        await until(lambda: know_each_other(here, there))
        # The last look of a process without others falls before this.
        await asyncio.sleep(0.05)
        keys = [uuid4() for _ in range(peers.NAMES_MAX + 10)]
        waiting = [await wait_here(here, key) for key in keys]
        for key in keys:
            there.waiters.tell(key, "told")
        assert await asyncio.gather(*waiting) == ["read"] * len(keys)


async def test_a_caller_of_this_process_is_told_at_once_and_nobody_else_is_asked(
    fresh_database: Callable[[], str],
) -> None:
    dsn = fresh_database()
    async with process(dsn) as here, process(dsn) as there:
        await until(lambda: know_each_other(here, there))
        named: list[UUID] = []
        here.waiters.elsewhere = named.append
        key = uuid4()
        waiting = await wait_here(here, key)
        await asyncio.sleep(0)
        here.waiters.tell(key, "told")
        assert (await waiting, named) == ("told", [])


async def test_a_process_alone_names_nothing_and_looks_itself(fresh_database: Callable[[], str]) -> None:
    async with process(fresh_database()) as here:
        assert here.waiters.elsewhere is None
        assert await (await wait_here(here, uuid4())) == "read"


async def test_who_has_gone_is_forgotten(fresh_database: Callable[[], str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "GREET_S", 0.05)
    monkeypatch.setattr(peers, "GONE_S", 0.5)
    dsn = fresh_database()
    async with process(dsn) as here:
        async with process(dsn) as there:
            await until(lambda: know_each_other(here, there))
        await until(lambda: here.waiters.elsewhere is None)


async def test_processes_find_each_other_again_after_their_connections_were_cut(
    fresh_database: Callable[[], str],
) -> None:
    dsn = fresh_database()
    async with process(dsn) as here, process(dsn) as there:
        await until(lambda: know_each_other(here, there))
        connection = await asyncpg.connect(dsn)
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name = 'waiting news'"
        )
        await connection.close()
        await until(lambda: not know_each_other(here) and not know_each_other(there))
        await until(lambda: know_each_other(here, there))
        await asyncio.sleep(0.05)
        key = uuid4()
        waiting = await wait_here(here, key)
        there.waiters.tell(key, "told")
        assert await waiting == "read"
