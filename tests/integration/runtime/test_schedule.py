"""Timers fire once, in business time, re-checked; the clock only moves forward; jobs run in one process at a time."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, Uuid

from shared.runtime.database.tables import attach
from shared.runtime.schedule import scheduler
from shared.runtime.schedule.scheduler import fire_timers, take_lease
from shared.runtime.service.runtime import Runtime
from shared.runtime.service.service import Job, Service
from shared.runtime.service.settings import ServiceSettings
from shared.runtime.unit_of_work.work import Work
from tests.factories.harness import open_platform

METADATA = MetaData()
attach(METADATA)
FIRED = Table("fired", METADATA, Column("id", Uuid, primary_key=True), Column("times", Integer, nullable=False))


async def note(work: Work, keys: Sequence[UUID]) -> None:
    """Count how often each timer fired."""
    await work.connection.execute(
        "INSERT INTO fired SELECT unnest($1::uuid[]), 1 ON CONFLICT (id) DO UPDATE SET times = fired.times + 1", keys
    )


SERVICE = Service(name="toy", metadata=METADATA, settings=ServiceSettings, timers={"note": note})


async def test_due_timers_fire_once_even_with_several_claimants_and_early_ones_wait(
    fresh_database: Callable[[], str],
) -> None:
    async with open_platform([SERVICE], fresh_database) as platform:
        runtime = platform.runtime("toy")
        start = runtime.clock.now()
        keys, dropped = [uuid4() for _ in range(250)], uuid4()
        async with runtime.work() as work:
            for number, key in enumerate(keys):
                work.set_timer("note", key=key, due_at=start + timedelta(days=1 + number % 3))
            work.set_timer("note", key=dropped, due_at=start + timedelta(days=1))
        async with runtime.work() as work:
            work.drop_timer("note", key=dropped)
        assert await fire_timers(runtime, SERVICE.timers) == 0
        async with runtime.pool.acquire() as connection:
            runtime.clock.take(await runtime.clock.move_to(connection, target=start + timedelta(days=5)))
        await asyncio.gather(*[fire_timers(runtime, SERVICE.timers) for _ in range(6)])
        await platform.settle()
        async with runtime.reading() as connection:
            rows = await connection.fetch("SELECT id, times FROM fired")
        assert {row["id"] for row in rows} == set(keys)
        assert {row["times"] for row in rows} == {1}


async def test_one_process_holds_a_lease_and_a_takeover_bumps_the_epoch(fresh_database: Callable[[], str]) -> None:
    async with open_platform([SERVICE], fresh_database) as first:
        other = {"toy": {"instance": "1"}}
        async with open_platform([SERVICE], fresh_database, databases=first.databases, settings=other) as second:
            mine, theirs = first.runtime("toy"), second.runtime("toy")
            assert await take_lease(mine, "x", seconds=0.3) == 1
            assert await take_lease(theirs, "x", seconds=0.3) is None
            assert await take_lease(mine, "x", seconds=0.3) == 1
            await asyncio.sleep(0.4)
            assert await take_lease(theirs, "x", seconds=30) == 2
            assert await take_lease(mine, "x", seconds=30) is None


async def test_a_job_runs_in_one_process_and_renews_its_lease_seldom(
    fresh_database: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: Counter[str] = Counter()

    async def nothing(work: Work) -> int:
        del work
        return 0

    async def ask(runtime: Runtime, name: str, *, seconds: float) -> int | None:
        asked[f"{runtime.owner} {name}"] += 1
        return await take_lease(runtime, name, seconds=seconds)

    monkeypatch.setattr(scheduler, "take_lease", ask)
    busy = replace(SERVICE, jobs=(Job(name="busy", every_s=0.01, handler=nothing),))
    async with open_platform([busy], fresh_database) as first:
        mine = first.runtime("toy")
        await ran(mine, 20)
        other = {"toy": {"instance": "1"}}
        async with open_platform([busy], fresh_database, databases=first.databases, settings=other) as second:
            theirs = second.runtime("toy")
            await ran(mine, 60)
            assert theirs.counts["commits"] == 0
            assert asked[f"{mine.owner} job:busy"] == 1
            assert asked[f"{theirs.owner} job:busy"] > 1, "whoever has no lease asks for it each time"
            async with mine.pool.acquire() as connection:
                await connection.execute("UPDATE lease SET until = clock_timestamp() WHERE name = 'job:busy'")
            await ran(theirs, 1)


async def ran(runtime: Runtime, commits: int) -> None:
    """Wait until a process has committed so often; a job commits each run."""
    for _ in range(2_000):
        if runtime.counts["commits"] >= commits:
            return
        await asyncio.sleep(0.01)
    pytest.fail(f"{runtime.counts['commits']} of {commits} commits after 20 s")


async def test_a_look_that_finds_no_timer_due_is_no_transaction(fresh_database: Callable[[], str]) -> None:
    async with open_platform([SERVICE], fresh_database) as platform:
        runtime = platform.runtime("toy")
        async with runtime.work() as work:
            work.set_timer("note", key=uuid4(), due_at=work.now + timedelta(days=1))
        # A job of the platform may commit just then, but not at every look.
        for _ in range(20):
            before = runtime.counts["commits"]
            assert await fire_timers(runtime, SERVICE.timers) == 0
            if runtime.counts["commits"] == before:
                return
        pytest.fail("every look for timers was a transaction")


async def test_a_timer_of_an_unknown_kind_is_a_fault_and_stays(fresh_database: Callable[[], str]) -> None:
    async with open_platform([SERVICE], fresh_database) as platform:
        runtime = platform.runtime("toy")
        async with runtime.work() as work:
            work.set_timer("nobody", key=uuid4(), due_at=work.now - timedelta(seconds=1))
        with pytest.raises(Exception, match="no handler for timer nobody"):
            await fire_some(runtime)
        async with runtime.reading() as connection:
            assert await connection.fetchval("SELECT count(*) FROM timer") == 1


async def fire_some(runtime: Runtime) -> None:
    """Fire what is due; the platform's own loop may hold it for a moment."""
    for _ in range(200):
        if await fire_timers(runtime, SERVICE.timers):
            return
        await asyncio.sleep(0.05)
