"""Every caller has a share and is told of it; every denial is counted and told to the log, sparingly and of nobody."""

from collections.abc import AsyncIterator, Callable, MutableMapping
from typing import Any
from uuid import UUID

import httpx
import pytest

from shared.contracts.permissions import Role
from shared.runtime.http import denials, edge
from tests.factories.harness import Platform, open_platform
from tests.integration.runtime.sample_service import SERVICE

HOT, COLD, OPEN = "/api/toy/v1/things", "/api/toy/v1/cold-things", "/api/toy/v1/clock"
ANN, BEN = UUID(int=11), UUID(int=12)
SHARES = {"rate_account_per_s": 0.01, "rate_account_burst": 5, "rate_network_per_s": 0.01, "rate_network_burst": 3,
          "forwarded_hops": 1}  # fmt: skip


@pytest.fixture
async def platform(fresh_database: Callable[[], str]) -> AsyncIterator[Platform]:
    async with open_platform([SERVICE], fresh_database, settings={"toy": SHARES}) as running:
        yield running


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the edge tells the log."""
    said: list[dict[str, Any]] = []

    class Log:
        def warning(self, event: str, **facts: object) -> None:
            said.append({"event": event, **facts})

        error = warning

        def info(self, event: str, **facts: object) -> None:
            """What is logged of every refused request; these tests are about faults and denials."""

    for module in (denials, edge):
        monkeypatch.setattr(module, "log", Log())
    return said


async def post(platform: Platform, path: str, account_id: UUID, role: Role = Role.ENTERPRISE) -> httpx.Response:
    headers = platform.headers(role, account_id=account_id)
    return await platform.client.post(path, json={"name": "a"}, headers=headers)


async def test_an_account_that_asked_its_share_is_told_to_wait_on_hot_and_cold_routes_alike(platform: Platform) -> None:
    paths = [HOT, COLD, HOT, COLD, HOT, COLD, HOT]
    answers = [await post(platform, path, ANN) for path in paths]
    assert [answer.status_code for answer in answers] == [201] * 5 + [429] * 2
    for left, answer in zip((4, 3, 2, 1, 0, 0, 0), answers, strict=True):
        assert answer.headers["RateLimit"].startswith(f'"account";r={left};t=')
        assert answer.headers["RateLimit-Policy"] == '"account";q=5;w=500'
    refused = answers[-1]
    assert (refused.json()["code"], refused.json()["retryable"]) == ("request.rate_exceeded", True)
    assert refused.headers["Retry-After"] == "100"
    assert (await post(platform, HOT, BEN)).status_code == 201, "another account has a share of its own"


async def test_strangers_are_counted_by_their_network_whatever_they_write(platform: Platform) -> None:
    told: list[int] = []
    for number in range(5):
        headers = [("x-forwarded-for", f"198.51.100.{number}"), ("x-forwarded-for", f"203.0.113.{number}")]
        told.append((await platform.client.get(OPEN, headers=headers)).status_code)
    assert told == [200, 200, 200, 429, 429]
    other = await platform.client.get(OPEN, headers={"x-forwarded-for": "192.0.2.9"})
    assert (other.status_code, other.headers["RateLimit-Policy"]) == (200, '"network";q=3;w=300')


@pytest.mark.parametrize("path", [HOT, COLD, "/api/toy/v1/no-such-address"])
async def test_tokens_that_are_none_use_up_the_share_of_their_network(platform: Platform, path: str) -> None:
    told = [await platform.client.post(path, headers={"authorization": "Bearer forged"}) for _ in range(5)]
    assert [answer.status_code for answer in told][3:] == [429, 429]
    known = await post(platform, HOT, ANN)
    assert known.status_code == 201, "who is known is not counted with strangers"


async def test_whoever_watches_is_not_counted(platform: Platform) -> None:
    told = [await platform.client.get(path) for path in ("/health/live", "/health/ready", "/metrics") * 5]
    assert all(answer.status_code in {200, 503} and "RateLimit" not in answer.headers for answer in told)


async def test_a_denial_is_counted_and_logged_with_account_permission_and_route_and_nothing_personal(
    platform: Platform,
    events: list[dict[str, Any]],
) -> None:
    wrong = await post(platform, HOT, ANN, Role.AUDITOR)
    cold = await post(platform, COLD, BEN, Role.AUDITOR)
    nobody = await platform.client.post(COLD, json={}, headers={"x-forwarded-for": "203.0.113.77"})
    denied = [event for event in events if event["event"] == "request.denied"]
    assert [(event["status"], event["code"], event["account_id"], event["route"]) for event in denied] == [
        (403, "auth.permission_missing", str(ANN), HOT),
        (403, "auth.permission_missing", str(BEN), COLD),
        (401, "auth.token_invalid", "", COLD),
    ]
    assert [event["permission"] for event in denied] == ["order:order:place", "order:order:place", ""]
    assert [event["request_id"] for event in denied] == [
        answer.headers["Request-Id"] for answer in (wrong, cold, nobody)
    ]
    known = {"event", "status", "code", "permission", "method", "route", "account_id", "request_id"}
    assert all(set(event) <= {*known, "left_out"} for event in denied)
    assert not any("203.0.113" in str(event) for event in events)
    metrics = (await platform.client.get("/metrics")).text
    of = 'service="toy"'
    assert (
        f'yunquan_http_denials_total{{code="auth.permission_missing",permission="order:order:place",{of}}} 2.0'
        in metrics
    )
    assert f'yunquan_http_denials_total{{code="auth.token_invalid",permission="",{of}}} 1.0' in metrics


async def test_a_flood_of_denials_is_counted_whole_and_logged_in_part(
    platform: Platform, events: list[dict[str, Any]]
) -> None:
    for number in range(200):
        await platform.client.post(HOT, headers={"x-forwarded-for": f"203.0.{number}.1"})
    logged = [event for event in events if event["event"] == "request.denied"]
    assert 50 <= len(logged) < 100
    assert sum(platform.runtime("toy").denied.values()) == 200


async def test_a_body_that_goes_away_is_no_fault_to_be_logged(platform: Platform, events: list[dict[str, Any]]) -> None:
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.disconnect"}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    headers = [(name.lower().encode(), value.encode()) for name, value in platform.headers(Role.ENTERPRISE).items()]
    for path in (HOT, COLD):
        scope = {"type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "query_string": b"",
                     "root_path": "", "headers": headers, "client": None, "http_version": "1.1"}  # fmt: skip
        await platform.host.app(scope, receive, send)
    assert [message["status"] for message in sent if "status" in message] == [400, 400]
    assert events == []
