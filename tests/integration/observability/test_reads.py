"""No reader stops a purchase: views and reports have connections of their own, and a bound on waiting for them."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from uuid import uuid4

import asyncpg
import httpx
import pytest
from pydantic import ValidationError

from services.settlement.settings import SettlementSettings
from shared.contracts.permissions import Role
from shared.runtime.database import reads
from shared.runtime.database.reads import ReportsBusy, ViewsBusy
from shared.runtime.service.settings import ServiceSettings
from tests.factories.world import World, open_world


@asynccontextmanager
async def locked(world: World, service: str, *tables: str) -> AsyncIterator[None]:
    """Whoever reads these tables hangs until the end of the block."""
    connection = await asyncpg.connect(world.platform.databases[service])
    try:
        async with connection.transaction():
            for table in tables:
                await connection.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
            yield
    finally:
        await connection.close()


def asking(world: World, service: str, path: str, role: Role) -> "asyncio.Task[httpx.Response]":
    """A request that is under way."""
    headers = world.platform.headers(role, service=service)
    return asyncio.create_task(world.platform.client.get(f"/api/{service}/v1{path}", headers=headers))


async def until_used(world: World, service: str, connections: int) -> None:
    """Wait until so many connections of the readers' pool are in use."""
    pool = world.platform.runtime(service).reads.pool
    async with asyncio.timeout(10):
        while pool.get_size() - pool.get_idle_size() < connections:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)


async def test_eight_readers_that_hang_stop_no_purchase_and_the_service_is_ready(
    databases: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reads, "VIEW_WAIT_S", 0.2)
    async with open_world(databases) as world:
        await world.begin_year()
        pool = world.platform.runtime("voucher").reads.pool
        async with locked(world, "voucher", "proof", "revocation_case"):
            hanging = [asking(world, "voucher", path, Role.AUDITOR) for path in ("/proof", "/revocations") * 4]
            await until_used(world, "voucher", pool.get_max_size())
            await world.confirmed(1_000)
            ready = await world.platform.client.get("/health/ready")
            assert (ready.status_code, ready.json()["missing"]) == (200, {})
            done, waiting = await asyncio.wait(hanging, timeout=2)
            assert (len(done), len(waiting)) == (8 - pool.get_max_size(), pool.get_max_size())
            for task in done:
                answer = task.result()
                assert (answer.status_code, answer.json()["code"]) == (503, "reads.busy")
                assert int(answer.headers["Retry-After"]) > 0
        assert {(await task).status_code for task in waiting} == {200}


async def test_reports_that_hang_leave_views_a_connection_and_more_of_them_are_refused_at_once(
    databases: Mapping[str, str],
) -> None:
    async with open_world(databases) as world:
        await world.begin_year()
        order_id = await world.confirmed(1_000)
        runtime = world.platform.runtime("settlement")
        async with locked(world, "settlement", "appropriation"):
            hanging = [asking(world, "settlement", "/exports/payments?year=2027", Role.FINANCE) for _ in range(8)]
            done, waiting = await asyncio.wait(hanging, timeout=2)
            assert len(waiting) == runtime.settings.reports_at_once_max
            for task in done:
                answer = task.result()
                assert (answer.status_code, answer.json()["code"]) == (503, "reads.reports_busy")
                assert int(answer.headers["Retry-After"]) > 0
            view = await asking(world, "settlement", "/evidence-reads", Role.AUDITOR)
            assert view.status_code == 200
            await world.confirmed(1_000)
        assert {(await task).status_code for task in waiting} == {200}
        assert order_id is not None


async def test_nothing_is_written_through_the_connections_of_readers(databases: Mapping[str, str]) -> None:
    async with open_world(databases) as world:
        runtime = world.platform.runtime("order")
        for opening in (runtime.viewing(), runtime.reads.report(), runtime.reads.audit()):
            async with opening as connection:
                with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
                    await connection.execute("INSERT INTO timer (kind, key, due_at) VALUES ('x', $1, now())", uuid4())
        assert runtime.reads.reports == 0
        async with runtime.viewing() as connection:
            assert await connection.fetchval("SHOW statement_timeout") == "15s"
        async with runtime.reads.report() as connection:
            assert await connection.fetchval("SHOW statement_timeout") == "1min"


async def test_a_place_that_was_given_back_is_taken_again_also_after_a_fault(databases: Mapping[str, str]) -> None:
    async with open_world(databases) as world:
        pool = world.platform.runtime("catalog").reads
        for _ in range(10):
            with pytest.raises(asyncpg.DivisionByZeroError):
                async with pool.report() as connection:
                    await connection.fetchval("SELECT 1 / 0")
        async with pool.report(), pool.report():
            with pytest.raises(ReportsBusy):
                async with pool.report():
                    raise AssertionError
        async with pool.report(), pool.report(), pool.view() as connection:
            assert await connection.fetchval("SELECT 1") == 1


async def test_as_many_views_wait_as_may_and_one_more_is_refused(
    databases: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reads, "VIEWS_WAITING_MAX", 0)
    async with open_world(databases) as world:
        with pytest.raises(ViewsBusy):
            async with world.platform.runtime("catalog").viewing():
                raise AssertionError


def test_reports_never_have_every_connection() -> None:
    assert ServiceSettings.model_fields["reports_at_once_max"].default < (
        ServiceSettings.model_fields["read_pool_size_max"].default
    )
    with pytest.raises(ValidationError, match="reports_at_once_max"):
        SettlementSettings.model_validate(
            {"database_url": "x", "read_pool_size_max": 2, "reports_at_once_max": 2, "documents_folder": "/x"}
            | {"encryption_key": "x"}
        )
