"""What is refused before a handler runs: the same on hot and cold routes, a 400 with a reason and never a fault."""

from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from shared.contracts.permissions import Role
from tests.factories.databases import DatabasePool, fresh
from tests.factories.harness import Platform, open_platform
from tests.integration.runtime.sample_service import SERVICE

pytestmark = pytest.mark.asyncio(loop_scope="module")

HOT, COLD, READ = "/api/toy/v1/things", "/api/toy/v1/cold-things", "/api/toy/v1/notices"
BOTH = pytest.mark.parametrize("path", [HOT, COLD])
JSON = {"Content-Type": "application/json"}
SUPERSCRIPTS = ("²", "٣", "１", "-1", "1.5", "1_0", "", "x")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def platform(database_pool: DatabasePool) -> AsyncIterator[Platform]:
    with fresh(database_pool) as make:
        async with open_platform([SERVICE], make) as running:
            yield running


def as_sent(value: str) -> bytes:
    """A header's bytes: a superscript two is one byte, and what a header cannot hold is sent as UTF-8."""
    try:
        return value.encode("latin-1")
    except UnicodeEncodeError:
        return value.encode()


async def post(platform: Platform, path: str, content: bytes = b'{"name":"a"}', **extra: str) -> httpx.Response:
    headers = {**platform.headers(Role.ENTERPRISE), **JSON, **extra}
    sent = [(name, as_sent(value)) for name, value in headers.items()]
    return await platform.client.post(path, content=content, headers=sent)


def check_malformed(answer: httpx.Response, said: object) -> None:
    assert (answer.status_code, answer.json()["code"]) == (400, "request.malformed"), (said, answer.text)


@pytest.mark.parametrize("method_path", [("POST", HOT), ("POST", COLD), ("GET", READ)])
async def test_an_unknown_query_parameter_is_refused_by_name(platform: Platform, method_path: tuple[str, str]) -> None:
    method, path = method_path
    for query in ("size=1", "a=1&size", "limit=1&size=2"):
        answer = await platform.client.request(
            method, f"{path}?{query}", json={"name": "a"}, headers=platform.headers(Role.ENTERPRISE)
        )
        check_malformed(answer, query)
        assert any(name in answer.json()["detail"] for name in ("size", "limit", "a"))


@BOTH
async def test_who_calls_is_asked_before_anything_is_said_of_the_request(platform: Platform, path: str) -> None:
    nobody = await platform.client.post(f"{path}?b=1", content=b'{"name":"a"}', headers=JSON)
    headers = platform.headers(Role.PROVIDER) | {"Idempotency-Key": ""}
    wrong = await platform.client.post(f"{path}?b=1", json={"name": "a"}, headers=headers)
    assert (nobody.status_code, wrong.status_code) == (401, 403)


@pytest.mark.parametrize("seconds", SUPERSCRIPTS)
async def test_a_wait_that_is_no_number_is_refused(platform: Platform, seconds: str) -> None:
    check_malformed(await post(platform, HOT, Prefer=f"wait={seconds}"), seconds)


async def test_other_preferences_and_long_waits_are_taken(platform: Platform) -> None:
    for prefer in ("respond-async", "wait=999999999999;x=1", "Wait=0, handling=lenient", 'return="minimal"'):
        answer = await post(platform, HOT, b'{"name":"news"}', Prefer=prefer)
        assert answer.status_code == 201, (prefer, answer.text)


@pytest.mark.parametrize("version", [*(f'"{text}"' for text in SUPERSCRIPTS), "*", '"1", "2"', '"' + "9" * 400 + '"'])
async def test_a_version_that_is_no_etag_is_refused(platform: Platform, version: str) -> None:
    check_malformed(await post(platform, HOT, **{"If-Match": version}), version)
    thing = (await post(platform, COLD)).json()["id"]
    check_malformed(await post(platform, f"{COLD}/{thing}/renaming", b"", **{"If-Match": version}), version)


@BOTH
@pytest.mark.parametrize("depth", [100, 500, 950, 5_000])
async def test_json_of_any_depth_is_refused_and_no_fault(platform: Platform, path: str, depth: int) -> None:
    for whole in (
        b'{"name":' + b"[" * depth + b"]" * depth + b"}",
        b'{"other":' + b'{"a":' * depth + b"1" + b"}" * depth + b"}",
        b"[" * depth + b"]" * depth,
    ):
        answer = await post(platform, path, whole)
        assert answer.status_code == 400, (depth, answer.text)


MOMENTS = (
    '"2026-01-05T09:00:00+08:00"',
    '"2026-01-05T01:00:00Z"',
    '"2026-01-05t01:00:00.123456789z"',
)
NO_MOMENTS = (
    "0", "1767574800", "1767574800.5", '"1767574800"', "true", '""', '"2026-01-05"', '"2026-01-05T09:00:00"',
    '"2026-01-05 09:00:00+08:00"', '"2026-01-05T09:00+08:00"', '"20260105T090000Z"', '"2026-W02-1T09:00:00Z"',
    '"9999-12-31T23:59:59Z"', '"9999-12-31T23:59:59-23:59"', '"0001-01-01T00:00:00+23:59"', '"1899-12-31T00:00:00Z"',
    '"2026-02-30T00:00:00Z"', '"２026-01-05T09:00:00Z"', '"2026-01-05T09:00:00+99:00"', "[]", "{}",
)  # fmt: skip
DAYS = ('"2026-01-05"', '"2024-02-29"')
NO_DAYS = (
    "0", "20458", "1767574800", '"1767571200"', "true", '""', '"2026-1-5"', '"20260105"', '"2026-01-05T00:00:00Z"',
    '"2026-02-30"', '"9999-12-31"', '"0001-01-01"', '"２026-01-05"', '"-001-01-05"', "1e400", "[]",
)  # fmt: skip
NO_NUMBERS = ("true", '"1"', "1.0", "1.5", "1e0", "1e400", '"²"', "[1]", "1" + "0" * 5_000)
NO_BOOLEANS = ("1", "0", '"true"', '"yes"', '"on"', "1.0", "[]")


@pytest.mark.parametrize(
    ("field", "good", "bad"),
    [
        ("due_at", MOMENTS, NO_MOMENTS),
        ("due_on", DAYS, NO_DAYS),
        ("size", ("1",), NO_NUMBERS),
        ("sure", ("true",), NO_BOOLEANS),
    ],
)
async def test_a_field_of_a_body_is_taken_in_its_one_form(
    platform: Platform, field: str, good: tuple[str, ...], bad: tuple[str, ...]
) -> None:
    for text in good:
        answer = await post(platform, COLD, f'{{"name":"a","{field}":{text}}}'.encode())
        assert answer.status_code == 201, (field, text, answer.text)
    for text in bad:
        check_malformed(await post(platform, COLD, f'{{"name":"a","{field}":{text}}}'.encode()), (field, text))


@pytest.mark.parametrize("text", NO_NUMBERS)
async def test_a_number_of_a_hot_body_is_as_strict(platform: Platform, text: str) -> None:
    check_malformed(await post(platform, HOT, f'{{"name":"a","size":{text}}}'.encode()), text)


@pytest.mark.parametrize("text", [text.strip('"') for text in NO_MOMENTS if text.startswith('"')] + ["0", "1767574800"])
async def test_a_moment_of_a_query_is_taken_in_its_one_form(platform: Platform, text: str) -> None:
    path = "/api/toy/v1/moments"
    good = await platform.client.get(path, params={"at": "2026-01-05T09:00:00+08:00", "on": "2026-01-05"})
    assert good.status_code == 200
    check_malformed(await platform.client.get(path, params={"at": text, "on": "2026-01-05"}), text)
    check_malformed(await platform.client.get(path, params={"at": "2026-01-05T09:00:00Z", "on": text + "T"}), text)
