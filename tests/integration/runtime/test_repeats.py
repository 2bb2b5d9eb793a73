"""The table of Idempotency-Key, row by row, on a hot and on a cold route; and what a repeated request is told."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

import httpx
import pytest
import pytest_asyncio
from asyncpg.transaction import Transaction

from shared.contracts.permissions import Role
from shared.kernel.refusals import Refusal
from shared.runtime.http.idempotency import SHOWN_ONCE
from shared.runtime.validation.refusals import NotFound, VersionMismatch
from tests.factories.databases import DatabasePool, fresh
from tests.factories.harness import Platform, open_platform
from tests.integration.runtime.sample_service import GATE, SAYS, SERVICE, CopyLags

pytestmark = pytest.mark.asyncio(loop_scope="module")

HOT, COLD = "/api/toy/v1/things", "/api/toy/v1/cold-things"
BOTH = pytest.mark.parametrize("path", [HOT, COLD])
JSON = {"Content-Type": "application/json"}
SOMEBODY, SOMEBODY_ELSE = UUID(int=1), UUID(int=2)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(database_pool: DatabasePool) -> AsyncIterator[Platform]:
    with fresh(database_pool) as make:
        async with open_platform([SERVICE], make) as platform:
            yield platform


@pytest_asyncio.fixture(loop_scope="module")
async def platform(running: Platform) -> AsyncIterator[Platform]:
    async with running.runtime("toy").pool.acquire() as connection:
        await connection.execute("TRUNCATE thing, idempotency")
    yield running
    SAYS.clear()
    GATE.clear()


async def post(
    platform: Platform,
    path: str,
    name: str = "a",
    *,
    key: str = "k1",
    account_id: UUID = SOMEBODY,
    role: Role = Role.ENTERPRISE,
    **extra: str,
) -> httpx.Response:
    headers = {**platform.headers(role, account_id=account_id, key=key), **extra}
    return await platform.client.post(path, json={"name": name}, headers=headers)


async def count(platform: Platform, table: str) -> int:
    async with platform.runtime("toy").reading() as connection:
        return int(await connection.fetchval(f"SELECT count(*) FROM {table}"))  # noqa: S608 - a name of the test


@BOTH
async def test_a_replay_has_the_status_location_and_etag_of_the_first_answer(platform: Platform, path: str) -> None:
    first, again = await post(platform, path), await post(platform, path)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.headers
    for name in ("ETag", "Location", "Content-Type"):
        assert first.headers[name] == again.headers[name], name
    assert (first.status_code, first.json()) == (again.status_code, again.json())
    assert first.headers["ETag"] == '"1"'


@pytest.mark.parametrize("wait", ["wait=5", "wait=0"])
async def test_a_replay_of_a_hot_route_tells_how_the_resource_stands_and_nothing_older(
    platform: Platform, wait: str
) -> None:
    first = await post(platform, HOT, "news", Prefer="wait=5")
    assert (first.json()["version"], first.headers["ETag"]) == (2, '"2"')
    again = await post(platform, HOT, "news", Prefer=wait)
    assert (again.json(), again.headers["ETag"]) == (first.json(), '"2"')
    async with platform.runtime("toy").pool.acquire() as connection:
        await connection.execute("UPDATE thing SET version = 7")
    later = await post(platform, HOT, "news")
    assert (later.status_code, later.json()["version"], later.headers["ETag"]) == (201, 7, '"7"')
    assert later.headers["Location"] == first.headers["Location"]
    assert await count(platform, "thing") == 1


@BOTH
async def test_an_equal_key_of_another_client_is_unrelated(platform: Platform, path: str) -> None:
    mine = await post(platform, path)
    theirs = await post(platform, path, account_id=SOMEBODY_ELSE)
    other_body = await post(platform, path, "b", account_id=UUID(int=3))
    assert {mine.status_code, theirs.status_code, other_body.status_code} == {201}
    assert len({answer.json()["id"] for answer in (mine, theirs, other_body)}) == 3
    assert await count(platform, "thing") == 3


async def test_an_equal_key_on_another_route_is_unrelated(platform: Platform) -> None:
    assert (await post(platform, HOT)).status_code == (await post(platform, COLD)).status_code == 201
    assert await count(platform, "thing") == 2


async def test_an_equal_key_on_another_path_of_the_same_route_is_another_request(platform: Platform) -> None:
    things = [(await post(platform, COLD, name, key=name)).json()["id"] for name in "ab"]
    first, other = [await post(platform, f"{COLD}/{thing}/renaming") for thing in things]
    assert (first.status_code, other.status_code, other.json()["code"]) == (200, 422, "idempotency.key_reused")


async def test_another_query_is_another_request(platform: Platform) -> None:
    first = await post(platform, f"{COLD}?a=1")
    other = await post(platform, f"{COLD}?a=2")
    assert (first.status_code, other.status_code) == (201, 422)


@BOTH
async def test_another_spelling_of_the_same_json_is_the_same_request(platform: Platform, path: str) -> None:
    headers = {**platform.headers(Role.ENTERPRISE, key="k1"), **JSON}
    spellings = (b'{"name":"a","size":2}', b' { "size" : 2 , "name" : "\\u0061" } ')
    answers = [await platform.client.post(path, content=spelling, headers=headers) for spelling in spellings]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[1].headers["Idempotent-Replayed"] == "true"
    other = await platform.client.post(path, content=b'{"name":"a","size":3}', headers=headers)
    assert other.json()["code"] == "idempotency.key_reused"


@BOTH
async def test_headers_are_no_part_of_the_request(platform: Platform, path: str) -> None:
    await post(platform, path, Accept="application/json")
    again = await post(platform, path, Accept="text/plain", traceparent="x")
    assert again.headers["Idempotent-Replayed"] == "true"


@BOTH
@pytest.mark.parametrize("key", ["k1", '"k1"'])
async def test_a_bare_and_a_quoted_key_are_equal(platform: Platform, path: str, key: str) -> None:
    await post(platform, path, key="k1")
    assert (await post(platform, path, key=key)).headers["Idempotent-Replayed"] == "true"


@BOTH
async def test_a_reused_key_names_the_first_resource_and_shows_nothing_of_its_answer(
    platform: Platform, path: str
) -> None:
    first = await post(platform, path, "confidential")
    other = await post(platform, path, "b")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency.key_reused")
    assert other.json()["facts"] == {"resource": first.headers["Location"]}
    assert "confidential" not in other.text
    assert "Idempotent-Replayed" not in other.headers


async def test_a_reused_key_of_unknown_callers_names_nothing(platform: Platform) -> None:
    """Whoever shares a network shares its keys."""
    headers = {"Idempotency-Key": "k1"}
    first = await platform.client.post("/api/toy/v1/open-things", json={"name": "a"}, headers=headers)
    other = await platform.client.post("/api/toy/v1/open-things", json={"name": "b"}, headers=headers)
    assert (first.status_code, other.status_code) == (201, 422)
    assert first.json()["id"] not in other.text


async def test_a_repeat_while_the_first_still_runs_is_told_to_come_again_and_nothing_is_stored(
    platform: Platform,
) -> None:
    first = asyncio.create_task(post(platform, COLD, "slow"))
    await asyncio.sleep(0.2)
    repeat = await asyncio.wait_for(post(platform, COLD, "slow"), 10)
    assert (repeat.status_code, repeat.json()["code"]) == (409, "idempotency.key_in_use")
    assert (repeat.headers["Retry-After"], repeat.json()["retryable"]) == ("1", True)
    assert await count(platform, "idempotency") == 0
    GATE.set()
    assert (await first).status_code == 201
    again = await post(platform, COLD, "slow")
    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (201, "true")
    assert await count(platform, "thing") == 1


@asynccontextmanager
async def another_process(platform: Platform, *, account_id: UUID, key: str) -> AsyncIterator[Transaction]:
    """A transaction of another process of the service that has done what was asked under a key and not committed."""
    async with platform.runtime("toy").pool.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute(
            "INSERT INTO idempotency (scope, key, request_hash, status, body) VALUES ($1, $2, $3, 201, $4)",
            f"{account_id}:POST:{HOT}",
            key,
            hashlib.sha256(f"{HOT}?\n".encode() + b'{"name":"a","size":1}').digest(),
            b'{"id":"01900000-0000-7000-8000-000000000001","name":"a","version":1}',
        )
        yield transaction


async def test_a_hot_repeat_of_what_still_runs_in_another_process_is_told_to_come_again_and_stops_no_other_call(
    platform: Platform,
) -> None:
    async with another_process(platform, account_id=SOMEBODY, key="k1") as first:
        calls = [
            post(platform, HOT),
            post(platform, HOT),
            *(post(platform, HOT, f"b{n}", key=f"o{n}") for n in range(5)),
        ]
        repeat, second, *others = await asyncio.wait_for(asyncio.gather(*calls), 30)
        for answer in (repeat, second):
            assert (answer.status_code, answer.json()["code"]) == (409, "idempotency.key_in_use"), answer.text
            assert (answer.headers["Retry-After"], answer.json()["retryable"]) == ("1", True)
        assert {answer.status_code for answer in others} == {201}
        assert (await count(platform, "thing"), await count(platform, "idempotency")) == (5, 5)
        await first.rollback()
    again = await post(platform, HOT)
    assert (again.status_code, "Idempotent-Replayed" in again.headers) == (201, False)
    assert await count(platform, "thing") == 6


async def test_a_hot_repeat_replays_what_another_process_commits_meanwhile(platform: Platform) -> None:
    async with another_process(platform, account_id=SOMEBODY, key="k1") as first:
        repeat = asyncio.create_task(post(platform, HOT, Prefer="wait=0"))
        await asyncio.sleep(0.2)
        await first.commit()
        assert (await asyncio.wait_for(repeat, 30)).headers["Idempotent-Replayed"] == "true"
    assert await count(platform, "thing") == 0


@BOTH
async def test_what_is_refused_before_it_runs_leaves_the_key_free(platform: Platform, path: str) -> None:
    malformed = await platform.client.post(
        path, json={"name": 1}, headers=platform.headers(Role.ENTERPRISE, account_id=SOMEBODY, key="k1")
    )
    forbidden = await post(platform, path, role=Role.PROVIDER)
    nobody = await platform.client.post(path, json={"name": "a"}, headers={"Idempotency-Key": "k1"})
    assert [answer.status_code for answer in (malformed, forbidden, nobody)] == [400, 403, 401]
    assert await count(platform, "idempotency") == 0
    assert (await post(platform, path)).status_code == 201


@BOTH
@pytest.mark.parametrize("refusal", [NotFound(), VersionMismatch(version=3), CopyLags()], ids=lambda one: one.code)
async def test_what_depends_on_the_moment_is_not_kept_and_says_that_it_is_retryable(
    platform: Platform, path: str, refusal: Refusal
) -> None:
    SAYS["a"] = refusal
    first, repeat = await post(platform, path), await post(platform, path)
    assert (first.json()["code"], first.json()["retryable"]) == (refusal.code, True)
    assert "Idempotent-Replayed" not in repeat.headers
    assert await count(platform, "idempotency") == 0
    del SAYS["a"]
    after = await post(platform, path)
    assert (after.status_code, await count(platform, "thing")) == (201, 1)


@BOTH
@pytest.mark.parametrize("refusal", [NotFound(), VersionMismatch(version=3), CopyLags()], ids=lambda one: one.code)
async def test_what_was_done_is_told_again_though_it_would_be_refused_for_the_moment_now(
    platform: Platform, path: str, refusal: Refusal
) -> None:
    first = await post(platform, path)
    # Its own act has changed the version that it names, or ended what it is about.
    SAYS["a"] = refusal
    again, *others = await asyncio.gather(
        post(platform, path), post(platform, path, key="k2"), post(platform, path, "b", key="k3")
    )
    assert (again.status_code, again.json()["id"]) == (201, first.json()["id"])
    assert again.headers["Idempotent-Replayed"] == "true"
    assert [other.json().get("code") for other in others] == [refusal.code, None]
    reused = await post(platform, path, "c")
    assert (reused.status_code, reused.json()["code"]) == (422, "idempotency.key_reused")


async def test_parallel_calls_that_are_refused_for_the_moment_all_hear_so(platform: Platform) -> None:
    SAYS["a"] = CopyLags()
    answers = await asyncio.gather(*[post(platform, HOT) for _ in range(20)], post(platform, HOT, "b"))
    assert {answer.json()["code"] for answer in answers[:20]} <= {"toy.copy_lags", "idempotency.key_reused"}
    assert all("Idempotent-Replayed" not in answer.headers for answer in answers)


@BOTH
async def test_a_decided_refusal_is_kept_and_says_that_it_is_not_retryable(platform: Platform, path: str) -> None:
    first, again = await post(platform, path, "taken"), await post(platform, path, "taken")
    assert [answer.json().get("retryable", False) for answer in (first, again)] == [False, False]
    assert "Retry-After" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"


@BOTH
async def test_every_problem_names_the_present_request_a_replayed_one_too(platform: Platform, path: str) -> None:
    SAYS["gone"] = NotFound()
    answers = [
        await post(platform, path, name, key=key)
        for name, key in (("taken", "1"), ("taken", "1"), ("other", "1"), ("gone", "2"), ("fault", "3"))
    ]
    answers.append(await platform.client.post(path, json={"name": "a"}))
    async with platform.runtime("toy").pool.acquire() as connection:
        await connection.execute("UPDATE idempotency SET body = NULL")
    answers.append(await post(platform, path, "taken", key="1"))
    assert [answer.status_code for answer in answers] == [422, 422, 422, 404, 500, 401, 409]
    for answer in answers:
        assert answer.json()["instance"] == path
        assert answer.json()["request_id"] == answer.headers["Request-Id"]
    assert len({answer.json()["request_id"] for answer in answers}) == len(answers)


@BOTH
@pytest.mark.parametrize(("name", "says"), [("a", "请读取 /things/"), ("taken", "早已被拒绝")])
async def test_after_its_body_is_gone_a_repeat_is_told_what_became_of_it(
    platform: Platform, path: str, name: str, says: str
) -> None:
    first = await post(platform, path, name)
    async with platform.runtime("toy").pool.acquire() as connection:
        await connection.execute("UPDATE idempotency SET body = NULL")
    late = await post(platform, path, name)
    assert (late.status_code, late.json()["code"]) == (409, "idempotency.body_expired")
    assert says in late.json()["detail"]
    assert late.headers.get("Location") == first.headers.get("Location")
    assert late.headers["Idempotent-Replayed"] == "true"


async def test_a_secret_is_shown_once_never_stored_and_masked_in_the_replay(platform: Platform) -> None:
    first, again = [await post(platform, "/api/toy/v1/secrets") for _ in range(2)]
    assert (first.json()["token"], again.json()["token"]) == ("secret of a", SHOWN_ONCE)
    assert again.json()["id"] == first.json()["id"]
    async with platform.runtime("toy").reading() as connection:
        kept = await connection.fetchval("SELECT body FROM idempotency")
    assert b"secret of a" not in kept


async def test_a_refused_version_leaves_the_key_free_for_the_version_that_was_read_again(platform: Platform) -> None:
    thing = (await post(platform, COLD, key=uuid4().hex)).json()["id"]
    path = f"{COLD}/{thing}/renaming"
    stale = await post(platform, path, **{"If-Match": '"9"'})
    fresh = await post(platform, path, **{"If-Match": '"1"'})
    assert (stale.status_code, stale.json()["retryable"], fresh.status_code) == (412, True, 200)
    assert fresh.headers["ETag"] == '"2"'
