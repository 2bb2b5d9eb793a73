"""Conventions of every command over HTTP: keys, problems, bounds; the hot and the cold way keep the same ones."""

import asyncio
from collections.abc import AsyncIterator, Callable

import asyncpg
import httpx
import pytest
from sqlalchemy import make_url

from shared.contracts.permissions import Role
from shared.runtime.http.edge import BODY_BYTES_MAX
from tests.factories.harness import Platform, open_platform
from tests.integration.runtime.sample_service import SERVICE

HOT, COLD = "/api/toy/v1/things", "/api/toy/v1/cold-things"
BOTH = pytest.mark.parametrize("path", [HOT, COLD])


@pytest.fixture
async def platform(fresh_database: Callable[[], str]) -> AsyncIterator[Platform]:
    async with open_platform([SERVICE], fresh_database) as running:
        yield running


async def post(platform: Platform, path: str, body: object, **extra: str) -> httpx.Response:
    headers = {**platform.headers(Role.ENTERPRISE), **extra}
    return await platform.client.post(path, json=body, headers=headers)


async def things(platform: Platform) -> int:
    async with platform.runtime("toy").reading() as connection:
        return int(await connection.fetchval("SELECT count(*) FROM thing"))


@BOTH
async def test_the_same_key_and_body_run_once_and_answer_the_same(platform: Platform, path: str) -> None:
    headers = platform.headers(Role.ENTERPRISE, key="k1")
    first = await platform.client.post(path, json={"name": "a"}, headers=headers)
    again = await platform.client.post(path, json={"name": "a"}, headers=headers | {"Idempotency-Key": '"k1"'})
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert again.headers["Idempotent-Replayed"] == "true"
    assert first.headers["Location"] == again.headers["Location"]
    assert await things(platform) == 1


@BOTH
async def test_the_same_key_with_another_body_is_refused_and_names_the_first_resource(
    platform: Platform, path: str
) -> None:
    headers = platform.headers(Role.ENTERPRISE, key="k1")
    first = await platform.client.post(path, json={"name": "a"}, headers=headers)
    other = await platform.client.post(path, json={"name": "b"}, headers=headers)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency.key_reused")
    assert first.headers["Location"] in other.json()["detail"]
    assert await things(platform) == 1


async def test_a_hundred_parallel_repeats_of_one_key_run_once(platform: Platform) -> None:
    headers = platform.headers(Role.ENTERPRISE, key="k1")
    answers = await asyncio.gather(
        *[platform.client.post(HOT, json={"name": "a"}, headers=headers) for _ in range(100)],
        *[platform.client.post(COLD, json={"name": "a"}, headers=headers) for _ in range(20)],
    )
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers[:100]}) == 1
    assert len({answer.json()["id"] for answer in answers[100:]}) == 1
    assert await things(platform) == 2


@BOTH
@pytest.mark.parametrize("key", ["", "a b", "x" * 256, "a\x7fb"])
async def test_a_command_without_a_usable_key_is_refused(platform: Platform, path: str, key: str) -> None:
    headers = {**platform.headers(Role.ENTERPRISE), "Idempotency-Key": key}
    answer = await platform.client.post(path, json={"name": "a"}, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency.key_missing")


@BOTH
async def test_a_rule_refusal_is_a_problem_with_code_article_and_chinese_and_is_replayed(
    platform: Platform, path: str
) -> None:
    headers = platform.headers(Role.ENTERPRISE, key="k1")
    first = await platform.client.post(path, json={"name": "taken"}, headers=headers)
    again = await platform.client.post(path, json={"name": "taken"}, headers=headers)
    assert first.status_code == again.status_code == 422
    assert first.headers["content-type"] == "application/problem+json"
    problem = first.json()
    assert (problem["code"], problem["article"]) == ("toy.name_taken", "A1")
    assert problem["detail"] == "名称 taken 已被使用"
    assert again.headers["Idempotent-Replayed"] == "true"
    assert await things(platform) == 0


@BOTH
@pytest.mark.parametrize(
    ("body", "pointer"), [({"name": 1}, "/name"), ({"name": "a", "state": "done"}, None), ({}, None), ([], None)]
)
async def test_a_body_of_another_form_is_refused_where_it_is_wrong(
    platform: Platform, path: str, body: object, pointer: str | None
) -> None:
    answer = await post(platform, path, body)
    assert (answer.status_code, answer.json()["code"]) == (400, "request.malformed")
    if pointer:
        assert answer.json()["errors"][0]["pointer"] == pointer
    assert await things(platform) == 0


@BOTH
async def test_broken_json_and_a_huge_body_are_refused(platform: Platform, path: str) -> None:
    headers = {**platform.headers(Role.ENTERPRISE), "Content-Type": "application/json"}
    broken = await platform.client.post(path, content=b'{"name": ', headers=headers)
    huge = await platform.client.post(path, content=b"[" * (BODY_BYTES_MAX + 1), headers=headers)
    assert (broken.status_code, broken.json()["code"]) == (400, "request.malformed")
    assert (huge.status_code, huge.json()["code"]) == (413, "request.too_large")


@BOTH
async def test_nobody_and_the_wrong_role_are_refused_before_anything_is_stored(platform: Platform, path: str) -> None:
    nobody = await platform.client.post(path, json={"name": "a"}, headers={"Idempotency-Key": "k"})
    wrong = await platform.client.post(path, json={"name": "a"}, headers=platform.headers(Role.PROVIDER))
    other = await platform.client.post(
        path, json={"name": "a"}, headers=platform.headers(Role.ENTERPRISE, service="order")
    )
    assert (nobody.status_code, nobody.json()["code"]) == (401, "auth.token_invalid")
    assert nobody.headers["WWW-Authenticate"] == "Bearer"
    assert (wrong.status_code, wrong.json()["code"]) == (403, "auth.permission_missing")
    assert (other.status_code, other.json()["code"]) == (401, "auth.token_for_other")
    assert await things(platform) == 0


@BOTH
async def test_a_fault_is_a_silent_problem_and_the_key_stays_free(platform: Platform, path: str) -> None:
    headers = platform.headers(Role.ENTERPRISE, key="k1")
    fault = await platform.client.post(path, json={"name": "fault"}, headers=headers)
    assert (fault.status_code, fault.json()["code"]) == (500, "service.fault")
    assert "Traceback" not in fault.text
    assert "Fault" not in fault.text
    after = await platform.client.post(path, json={"name": "a"}, headers=headers)
    assert after.status_code == 201


async def test_one_fault_among_a_hundred_calls_fails_alone(platform: Platform) -> None:
    names = [f"n{number}" for number in range(98)] + ["fault", "taken"]
    answers = await asyncio.gather(*[post(platform, HOT, {"name": name}) for name in names])
    assert [answer.status_code for answer in answers] == [201] * 98 + [500, 422]
    assert await things(platform) == 98


async def test_with_prefer_wait_the_answer_carries_the_next_state(platform: Platform) -> None:
    told = await post(platform, HOT, {"name": "news"}, Prefer="wait=5")
    plain = await post(platform, HOT, {"name": "news2"})
    silent = await post(platform, HOT, {"name": "quiet"}, Prefer="wait=0")
    assert (told.json()["version"], told.headers["ETag"]) == (2, '"2"')
    assert plain.json()["version"] == silent.json()["version"] == 1


@BOTH
async def test_a_key_older_than_its_body_points_at_the_resource_and_never_runs_again(
    platform: Platform, path: str
) -> None:
    headers = platform.headers(Role.ENTERPRISE, key="k1")
    first = await platform.client.post(path, json={"name": "a"}, headers=headers)
    async with platform.runtime("toy").pool.acquire() as connection:
        await connection.execute("UPDATE idempotency SET body = NULL")
    late = await platform.client.post(path, json={"name": "a"}, headers=headers)
    assert (late.status_code, late.json()["code"]) == (409, "idempotency.body_expired")
    assert first.headers["Location"] in late.json()["detail"]
    assert await things(platform) == 1


@BOTH
async def test_a_database_that_is_away_is_503_and_comes_back_without_a_restart(platform: Platform, path: str) -> None:
    name = platform.databases["toy"].rpartition("/")[2]
    admin = await asyncpg.connect(platform.databases["toy"].replace(name, "postgres"))
    await admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
    await admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name)
    headers = platform.headers(Role.ENTERPRISE, key="k1")
    away = await platform.client.post(path, json={"name": "a"}, headers=headers)
    assert (away.status_code, away.json()["code"], away.json()["retryable"]) == (503, "service.unavailable", True)
    await admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
    await admin.close()
    back = await platform.client.post(path, json={"name": "a"}, headers=headers)
    assert back.status_code == 201
    assert await things(platform) == 1


@BOTH
@pytest.mark.parametrize("part", ["username", "database"])
async def test_a_server_that_does_not_know_the_service_is_503_too(platform: Platform, path: str, part: str) -> None:
    """After an outage of several servers another service's may have the address for a moment."""
    pool, known = platform.runtime("toy").pool, platform.databases["toy"]
    headers = platform.headers(Role.ENTERPRISE, key="k1")
    stranger = make_url(known).set(**{part: "nobody"}).render_as_string(hide_password=False)
    pool.set_connect_args(stranger)
    await pool.expire_connections()
    away = await platform.client.post(path, json={"name": "a"}, headers=headers)
    assert (away.status_code, away.json()["code"], away.json()["retryable"]) == (503, "service.unavailable", True)
    pool.set_connect_args(known)
    back = await platform.client.post(path, json={"name": "a"}, headers=headers)
    assert back.status_code == 201
    assert await things(platform) == 1


async def test_unknown_paths_and_methods_are_problems(platform: Platform) -> None:
    unknown = await platform.client.get("/api/toy/v1/nothing")
    method = await platform.client.delete(COLD)
    assert (unknown.status_code, unknown.json()["code"]) == (404, "resource.not_found")
    assert (method.status_code, method.json()["code"]) == (405, "request.method_not_allowed")
    for path in ("/api/toy/v1/notices/", "/api/toy/v1/static-offline-docs/nothing.js"):
        other = await platform.client.get(path)
        assert (other.status_code, other.json()["code"]) == (404, "resource.not_found")


@pytest.mark.parametrize(
    ("path", "methods"),
    [(HOT, "POST"), (COLD, "POST"), ("/api/toy/v1/notices", "GET, HEAD"), ("/health/live", "GET, HEAD")],
)
async def test_a_refused_method_is_told_which_ones_the_address_takes(
    platform: Platform, path: str, methods: str
) -> None:
    answer = await platform.client.patch(path)
    assert (answer.status_code, answer.headers["Allow"]) == (405, methods)


@pytest.mark.parametrize("path", ["/api/toy/v1/notices", "/health/live", "/api/toy/v1/nothing"])
async def test_head_is_answered_as_get_without_the_body(platform: Platform, path: str) -> None:
    headers = platform.headers(Role.ENTERPRISE)
    whole = await platform.client.get(path, headers=headers)
    head = await platform.client.head(path, headers=headers)
    assert (head.status_code, head.headers["Content-Length"], head.content) == (
        whole.status_code,
        whole.headers["Content-Length"],
        b"",
    )


async def test_the_documents_describe_hot_and_cold_routes(platform: Platform) -> None:
    document = (await platform.client.get("/api/toy/v1/openapi.json")).json()
    assert set(document["paths"]) >= {"/things", "/cold-things", "/notices", "/clock"}
    parameters = document["paths"]["/things"]["post"]["parameters"]
    assert {parameter["name"] for parameter in parameters} == {"Idempotency-Key", "If-Match", "Prefer"}
