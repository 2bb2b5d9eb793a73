"""/health/ready says what is missing, by stable codes, and nothing of it is guessed."""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from services.catalog.service import SERVICE as CATALOG
from shared.runtime.auth.tokens import TokenVerifier
from shared.runtime.bus.memory import MemoryBus
from shared.runtime.deploy.migrate import upgrade
from shared.runtime.host import host as hosting
from shared.runtime.observability import readiness
from shared.runtime.observability.readiness import NOT_READY, revisions
from tests.factories.harness import Platform, open_platform


@pytest.fixture(autouse=True)
def _always_asked_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "KEEP_S", 0.0)


async def missing(platform: Platform) -> list[str]:
    """The codes of what catalog lacks."""
    answer = await platform.client.get("/health/ready")
    told = answer.json()
    assert answer.status_code == (200 if told["ready"] else 503)
    parts = told["missing"].get("catalog", [])
    assert all(part["text"] and part["text_en"] for part in parts)
    assert bool(parts) is not told["ready"]
    return [part["code"] for part in parts]


async def test_a_service_with_everything_is_ready(fresh_database: Callable[[], str]) -> None:
    async with open_platform([CATALOG], fresh_database) as platform:
        assert await missing(platform) == []
        assert (await platform.client.get("/health/live")).json() == {"live": True, "services": ["catalog"]}


async def test_each_missing_part_is_named_and_the_service_lives_on(
    fresh_database: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_platform([CATALOG], fresh_database) as platform:
        runtime = platform.runtime("catalog")
        monkeypatch.setattr(MemoryBus, "connected", lambda _: False)
        assert await missing(platform) == ["bus.not_connected"]
        monkeypatch.undo()
        monkeypatch.setattr(readiness, "KEEP_S", 0.0)
        async with runtime.pool.acquire() as connection:
            await connection.execute("DELETE FROM signing_key")
        runtime.ports.get(TokenVerifier).replace_keys({})
        assert await missing(platform) == ["keys.unknown"]
        assert (await platform.client.get("/health/live")).status_code == 200
        shown = (await platform.client.get("/metrics")).text
        assert 'yunquan_ready{service="catalog"} 0.0' in shown
        assert 'yunquan_not_ready{reason="keys.unknown",service="catalog"} 1.0' in shown


async def test_a_copy_that_is_not_applied_for_over_ten_seconds_makes_a_service_not_ready(
    fresh_database: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_platform([CATALOG], fresh_database) as platform:
        flow = platform.runtime("catalog").flow
        flow.take("catalog.facts")
        assert await missing(platform) == []
        monkeypatch.setattr(readiness, "COPY_LAG_S_MAX", 0.01)
        await asyncio.sleep(0.03)
        assert await missing(platform) == ["copy.lagging"]
        flow.settle("catalog.facts")
        assert await missing(platform) == []


async def test_a_schema_behind_this_code_is_missing_and_one_ahead_of_it_is_not(
    fresh_database: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    dsn = await asyncio.to_thread(fresh_database)
    await upgrade("catalog", dsn)
    known, newest = revisions("catalog")
    assert newest <= known
    assert len(newest) == 2, "its own branch and the runtime's"
    async with open_platform([CATALOG], fresh_database, databases={"catalog": dsn}) as platform:
        assert await missing(platform) == []
        monkeypatch.setattr(readiness, "revisions", lambda _: (known | {"9999"}, newest | {"9999"}))
        assert await missing(platform) == ["database.behind"]
        async with platform.runtime("catalog").pool.acquire() as connection:
            await connection.execute("DELETE FROM alembic_version WHERE version_num LIKE 'runtime%'")
            assert await missing(platform) == ["database.behind"], "a release before the runtime's branch"
            await connection.execute("UPDATE alembic_version SET version_num = 'from_a_later_release'")
        assert await missing(platform) == [], "a rolling update has the new schema first"


async def test_a_database_that_is_away_is_named_within_its_time(fresh_database: Callable[[], str]) -> None:
    async with open_platform([CATALOG], fresh_database) as platform:
        runtime = platform.runtime("catalog")
        held = [await runtime.pool.acquire() for _ in range(runtime.pool.get_max_size())]
        try:
            async with asyncio.timeout(readiness.DATABASE_S_MAX + 3):
                assert "database.unreachable" in await missing(platform)
        finally:
            for connection in held:
                await runtime.pool.release(connection)


async def test_a_pool_in_full_use_that_commits_is_ready(
    fresh_database: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readiness, "DATABASE_S_MAX", 0.2)
    async with open_platform([CATALOG], fresh_database) as platform:
        runtime = platform.runtime("catalog")
        held = [await runtime.pool.acquire() for _ in range(runtime.pool.get_max_size())]
        asking = asyncio.create_task(missing(platform))
        await asyncio.sleep(0.05)
        runtime.counts["commits"] += 1
        assert await asking == []
        for connection in held:
            await runtime.pool.release(connection)


async def test_a_process_that_is_told_to_end_says_so_and_goes_on_serving_for_a_while(
    fresh_database: Callable[[], str],
) -> None:
    drained: Mapping[str, Mapping[str, float]] = {"catalog": {"drain_s": 0.6}}
    async with open_platform([CATALOG], fresh_database, settings=drained) as platform:
        listener = hosting.listen("127.0.0.1", 0)
        stopping = asyncio.Event()
        serving = asyncio.create_task(hosting.serve(platform.host, listener, stopping=stopping))
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        async with httpx.AsyncClient(base_url=url) as client:
            assert (await client.get("/health/ready")).status_code == 200
            stopping.set()
            await asyncio.sleep(0.1)
            answer = await client.get("/health/ready")
            assert answer.status_code == 503
            assert [part["code"] for part in answer.json()["missing"]["catalog"]] == ["draining"]
            assert (await client.get("/api/catalog/v1/directory")).status_code == 200
        async with asyncio.timeout(15):
            await serving


def test_the_newest_revision_is_read_from_the_files_as_alembic_reads_them(tmp_path: Path) -> None:
    from alembic.script import ScriptDirectory  # noqa: PLC0415 - this test alone compares with it

    from shared.runtime.deploy.branches import migration_config  # noqa: PLC0415 - as above

    for service in ("identity", "catalog", "voucher", "order", "settlement"):
        scripts = ScriptDirectory.from_config(migration_config(service))
        known, newest = revisions(service)
        assert newest == set(scripts.get_heads())
        assert known == {script.revision for script in scripts.walk_revisions()}
    assert revisions(f"nobody_{uuid4().hex}") == (frozenset(), frozenset())


def test_every_reason_is_said_in_two_languages() -> None:
    assert all(reason.text and reason.text_en and code == reason.code for code, reason in NOT_READY.items())
