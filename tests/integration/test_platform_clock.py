"""One call of one person with the right moves the business clock of every service, within bounds, for good."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
import pytest_asyncio

from embedded.platform import SERVICES
from shared.contracts.permissions import Role
from tests.factories.databases import DatabasePool, fresh
from tests.factories.harness import Platform, open_platform

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATH = "/api/identity/v1/test-clock"
IDENTITY = {"first_admin_name": "platform-admin", "first_admin_password": "the first one of all 9"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def platform(database_pool: DatabasePool) -> AsyncIterator[Platform]:
    with fresh(database_pool) as make:
        async with open_platform(SERVICES, make, settings={"identity": IDENTITY}) as running:
            await running.settle()
            yield running


async def put(platform: Platform, now: object, *, role: Role = Role.PLATFORM_ADMIN) -> httpx.Response:
    headers = platform.headers(role, service="identity")
    return await platform.client.put(PATH, json={"now": now}, headers=headers)


async def offsets_s(platform: Platform) -> set[float]:
    """Where the clocks of all services stand, as far as they differ."""
    await platform.settle()
    readings = [await platform.client.get(f"/api/{service.name}/v1/clock") for service in SERVICES]
    return {reading.json()["offset_s"] for reading in readings}


BAD = (
    *("2026-01-05T09:00:00", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"),
    *("2026-01-05", 0, 1767574800, "1767574800", True, "", "now", [], {}),
)


async def test_a_moment_that_cannot_be_is_refused_and_nothing_is_kept(platform: Platform) -> None:
    before = await offsets_s(platform)
    for now in BAD:
        answer = await put(platform, now)
        assert (answer.status_code, answer.json()["code"]) == (400, "request.malformed"), now
    for days in (-4_000, 4_000, 300_000):
        answer = await put(platform, (datetime.now(UTC) + timedelta(days=days)).isoformat())
        assert (answer.status_code, answer.json()["code"]) == (422, "clock.out_of_range"), days
    assert await offsets_s(platform) == before
    for service in SERVICES:
        async with platform.runtime(service.name).reading() as connection:
            assert await connection.fetchval("SELECT count(*) FROM clock") == 0, service.name


async def test_nobody_moves_the_clock_without_the_right(platform: Platform) -> None:
    ahead = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    anonymous = await platform.client.put(PATH, json={"now": ahead})
    assert (anonymous.status_code, anonymous.json()["code"]) == (401, "auth.token_invalid")
    for role in set(Role) - {Role.PLATFORM_ADMIN}:
        assert (await put(platform, ahead, role=role)).status_code == 403, role
    for service in SERVICES[1:]:
        other = await platform.client.put(f"/api/{service.name}/v1/test-clock", json={"now": ahead})
        assert other.status_code == 404


async def test_one_call_moves_every_service_forward_and_in_the_end_back_to_real_time(platform: Platform) -> None:
    past = datetime.now(UTC) - timedelta(days=400)
    first = await put(platform, past.isoformat())
    assert first.status_code == 200, "the first setting chooses where the story begins"
    assert await offsets_s(platform) == {first.json()["offset_s"]}
    earlier = await put(platform, (past - timedelta(days=1)).isoformat())
    assert (earlier.status_code, earlier.json()["code"]) == (409, "clock.backwards")
    assert await offsets_s(platform) == {first.json()["offset_s"]}
    today = await put(platform, None)
    assert (today.status_code, await offsets_s(platform)) == (200, {0.0})
    ahead = datetime.now(UTC) + timedelta(days=30)
    moved = await put(platform, ahead.isoformat())
    assert datetime.fromisoformat(moved.json()["now"]) >= ahead
    assert await offsets_s(platform) == {moved.json()["offset_s"]}
    back = await put(platform, None)
    assert (back.status_code, back.json()["code"]) == (409, "clock.backwards")
    async with platform.runtime("identity").reading() as connection:
        acts = await connection.fetch("SELECT act, role FROM decision WHERE subject_type = 'clock'")
    assert [(row["act"], row["role"]) for row in acts] == [("clock.move", "platform_admin")] * 3
    assert await platform.dead_letters() == []


async def test_a_moved_clock_is_kept_over_a_start_and_real_time_ignores_what_it_hears(
    database_pool: DatabasePool,
) -> None:
    with fresh(database_pool) as make:
        settings = {"identity": IDENTITY, "order": {"movable_clock": False}}
        async with open_platform(SERVICES, make, settings=settings) as running:
            await running.settle()
            ahead = datetime.now(UTC) + timedelta(days=30)
            assert (await put(running, ahead.isoformat())).status_code == 200
            await running.settle()
            assert running.runtime("voucher").clock.now() >= ahead
            assert running.runtime("order").clock.offset == timedelta()
            kept = running.databases
        fixed = {"identity": {**IDENTITY, "movable_clock": False}}
        async with open_platform(SERVICES, make, databases=kept, settings=fixed) as running:
            assert running.runtime("voucher").clock.now() >= ahead
            refused = await put(running, (ahead + timedelta(days=1)).isoformat())
            assert (refused.status_code, refused.json()["code"]) == (403, "clock.not_movable")


async def test_another_process_of_a_service_hears_of_a_moved_clock(platform: Platform) -> None:
    clock = platform.runtime("catalog").clock
    standing = clock.offset + timedelta(days=1)
    async with platform.runtime("catalog").pool.acquire() as connection:
        assert await clock.follow(connection, offset=standing) == standing
        assert await clock.follow(connection, offset=standing - timedelta(hours=1)) == standing, "forward only"
        await clock.look(connection)
    assert clock.offset == standing
