"""What the client sends again, how long it waits, what it keeps, and what it makes of answers; without a network."""

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx2
import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from yunquan_client import (
    AsyncYunquan,
    Call,
    ClientKey,
    NotReached,
    NotSignedIn,
    RuleRefused,
    TooManyRequests,
    Unavailable,
    Yunquan,
)
from yunquan_client.calls import ATTEMPTS_MAX, PAUSE_S_MAX, NoReply, Reply, pause_before_next

ISSUER = "https://yunquan.example.org"
KEY = ClientKey.generate()
COMMAND = Call(method="POST", service="order", path="/orders/1/confirm", body={}, if_match=2)
READ = Call(method="GET", service="order", path="/orders/1")
Answer = Callable[[httpx2.Request], httpx2.Response]


class Platform:
    """Gives tokens, and answers the calls as a test says."""

    def __init__(self, *answers: httpx2.Response | Exception) -> None:
        self.answers: Iterator[httpx2.Response | Exception] = iter(answers)
        self.calls: list[httpx2.Request] = []
        self.tokens: list[dict[str, Any]] = []
        self.skew = timedelta()

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        """One request."""
        if request.url.path.startswith("/.well-known"):
            return httpx2.Response(200, json={"issuer": ISSUER, "token_endpoint": f"{ISSUER}/token"})
        if request.url.path == "/token":
            return self._token(request)
        self.calls.append(request)
        answer = next(self.answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _token(self, request: httpx2.Request) -> httpx2.Response:
        form = dict(httpx2.QueryParams(request.content.decode()))
        claims = jwt.decode(form["client_assertion"], options={"verify_signature": False, "verify_exp": False})
        now = datetime.now(UTC) + self.skew
        dated = {"date": format_datetime(now, usegmt=True)}
        if not claims["iat"] - 5 <= now.timestamp() < claims["exp"]:
            return httpx2.Response(401, json={"error": "invalid_client"}, headers=dated)
        self.tokens.append(claims)
        return httpx2.Response(200, json={"access_token": f"t{len(self.tokens)}", "expires_in": 300}, headers=dated)

    def client(self) -> Yunquan:
        """A client of it."""
        return Yunquan(ISSUER, "yqc_1", KEY, transport=httpx2.MockTransport(self))


def problem(status: int, code: str = "x.y", **extra: Any) -> httpx2.Response:
    headers = {"retry-after": str(extra.pop("retry_after"))} if "retry_after" in extra else {}
    return httpx2.Response(status, json={"code": code, "detail": "不可以", **extra}, headers=headers)


def ok() -> httpx2.Response:
    return httpx2.Response(200, json={"id": "1", "state": "confirmed", "version": 3}, headers={"etag": '"3"'})


@pytest.fixture(autouse=True)
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    found: list[float] = []
    monkeypatch.setattr(time, "sleep", found.append)
    return found


@pytest.mark.parametrize(
    "failure",
    [
        httpx2.ConnectError("refused"),
        httpx2.ReadTimeout("late"),
        httpx2.RemoteProtocolError("cut"),
        problem(503),
        problem(500),
        problem(429, retry_after=3),
        problem(409, retryable=True, retry_after=1),
        httpx2.Response(502, text="<html>bad gateway</html>"),
    ],
    ids=str,
)
def test_what_passes_is_sent_again_under_the_same_key(failure: httpx2.Response | Exception, slept: list[float]) -> None:
    platform = Platform(failure, failure, ok())
    with platform.client() as client:
        assert client.call(COMMAND).etag == 3
    keys = {request.headers["idempotency-key"] for request in platform.calls}
    assert (len(platform.calls), len(keys), len(slept)) == (3, 1, 2)
    assert {request.headers["if-match"] for request in platform.calls} == {'"2"'}


@pytest.mark.parametrize("status", [400, 403, 404, 409, 412, 422, 428])
def test_what_stays_is_not_sent_again(status: int, slept: list[float]) -> None:
    platform = Platform(problem(status, "order.some_rule", request_id="r1"))
    with platform.client() as client, pytest.raises(Exception, match=r"order\.some_rule.*不可以.*r1"):
        client.call(COMMAND)
    assert (len(platform.calls), slept) == (1, [])


def test_after_so_many_attempts_the_last_answer_is_told(slept: list[float]) -> None:
    platform = Platform(*(problem(503) for _ in range(20)))
    with platform.client() as client, pytest.raises(Unavailable):
        client.call(READ)
    assert (len(platform.calls), len(slept)) == (ATTEMPTS_MAX, ATTEMPTS_MAX - 1)
    platform = Platform(*[httpx2.ConnectError("no route")] * 20)
    with platform.client() as client, pytest.raises(NotReached, match="no route") as never:
        client.call(COMMAND)
    assert never.value.idempotency_key == platform.calls[0].headers["idempotency-key"]
    assert "idempotency-key" not in Platform(ok()).client().call(READ).headers


def test_whoever_is_told_to_wait_for_long_is_told_so_at_once(slept: list[float]) -> None:
    platform = Platform(problem(429, retry_after=3_600))
    with platform.client() as client, pytest.raises(TooManyRequests):
        client.call(READ)
    assert slept == []


@given(attempt=st.integers(1, ATTEMPTS_MAX), spread=st.floats(0, 1), asked_s=st.one_of(st.none(), st.integers(0, 120)))
def test_a_pause_is_bounded_and_never_shorter_than_what_was_asked_for(
    attempt: int, spread: float, asked_s: int | None
) -> None:
    headers = {} if asked_s is None else {"retry-after": str(asked_s)}
    pause_s = pause_before_next(Reply(503, headers, b""), attempt=attempt, spread=spread)
    assert pause_s is not None
    assert (asked_s or 0) <= pause_s <= max(asked_s or 0, PAUSE_S_MAX)
    assert pause_before_next(NoReply("x"), attempt=attempt, spread=spread) is not None


def test_a_date_in_retry_after_is_read_by_the_clock_of_the_answer() -> None:
    date = datetime(2020, 1, 1, tzinfo=UTC)
    headers = {
        "date": format_datetime(date, usegmt=True),
        "retry-after": format_datetime(date + timedelta(seconds=30), usegmt=True),
    }
    assert pause_before_next(Reply(503, headers, b""), attempt=1, spread=0.0) == 30.0


def test_a_platform_that_is_not_there_yet_is_asked_again_by_the_next_call(slept: list[float]) -> None:
    platform, answers = Platform(ok()), [problem(503)] * ATTEMPTS_MAX + [httpx2.Response(200, json={"x": 1})]

    def answer(request: httpx2.Request) -> httpx2.Response:
        return answers.pop(0) if answers and request.url.path.startswith("/.well-known") else platform(request)

    with Yunquan(ISSUER, "yqc_1", KEY, transport=httpx2.MockTransport(answer)) as client:
        for _ in range(2):
            with pytest.raises(Unavailable):
                client.call(READ)
        assert client.call(READ).status == 200
    assert len(slept) == ATTEMPTS_MAX - 1


def test_a_token_is_got_once_for_many_calls_and_anew_when_it_is_refused() -> None:
    platform = Platform(ok(), ok(), problem(401), ok())
    with platform.client() as client:
        for _ in range(3):
            client.call(READ)
    assert [request.headers["authorization"] for request in platform.calls] == ["Bearer t1"] * 3 + ["Bearer t2"]
    assert len({claims["jti"] for claims in platform.tokens}) == 2
    assert {(claims["aud"], claims["iss"], claims["sub"]) for claims in platform.tokens} == {(ISSUER, "yqc_1", "yqc_1")}


def test_a_token_that_is_refused_again_is_the_callers_matter() -> None:
    platform = Platform(problem(401), problem(401), ok())
    with platform.client() as client, pytest.raises(NotSignedIn):
        client.call(READ)
    assert len(platform.calls) == 2


@pytest.mark.parametrize("hours", [-30, 3])
def test_a_clock_that_is_wrong_is_set_by_the_platforms_date(hours: int) -> None:
    platform = Platform(ok())
    platform.skew = timedelta(hours=hours)
    with platform.client() as client:
        assert client.call(READ).status == 200
    assert len(platform.tokens) == 1


def test_a_list_is_read_page_by_page_as_it_is_taken() -> None:
    def page(number: int, *, more: bool) -> httpx2.Response:
        row = {"id": str(number), "state": "confirmed", "version": 1}
        return httpx2.Response(
            200, json={"data": [row], "has_more": more, "next_cursor": f"c{number}" if more else None}
        )

    platform = Platform(page(1, more=True), page(2, more=True), page(3, more=False))
    with platform.client() as client:
        orders = client.orders(state="confirmed")
        assert next(orders).id == "1"
        assert len(platform.calls) == 1
        assert [order.id for order in orders] == ["2", "3"]
    assert [dict(request.url.params).get("cursor") for request in platform.calls] == [None, "c1", "c2"]
    assert {request.url.params["state"] for request in platform.calls} == {"confirmed"}


def test_the_cursor_of_an_event_never_passes_by_one_that_was_not_dealt_with() -> None:
    def event(number: int) -> dict[str, Any]:
        stamp = "2026-12-01T09:30:00+00:00"
        return {"id": f"e{number}", "type": "order.placed", "timestamp": stamp, "sequence": 1, "data": {}}

    pages = [
        httpx2.Response(200, json={"data": [event(1), event(2)], "has_more": True, "next_cursor": "c2"}),
        httpx2.Response(200, json={"data": [event(3)], "has_more": False, "next_cursor": "c3"}),
    ]
    with Platform(*pages).client() as client:
        found = [(each.id, each.cursor) for each in client.events(cursor="c0", follow=False)]
    assert found == [("e1", "c0"), ("e2", "c2"), ("e3", "c3")]
    first = Platform(httpx2.Response(200, json={"data": [event(1), event(2)], "has_more": False, "next_cursor": "c2"}))
    with first.client() as client:
        assert next(client.events(cursor="", follow=False)).cursor == ""
    assert "cursor" not in dict(first.calls[0].url.params)


async def test_many_tasks_get_one_token() -> None:
    platform = Platform(*(ok() for _ in range(20)))
    async with AsyncYunquan(ISSUER, "yqc_1", KEY, transport=httpx2.MockTransport(platform)) as client:
        await asyncio.gather(*(client.call(READ) for _ in range(20)))
    assert (len(platform.tokens), len(platform.calls)) == (1, 20)


def test_a_refusal_says_what_one_can_do() -> None:
    errors = [{"pointer": "/lines/0", "detail": "数量"}]
    refused = problem(422, "order.cap", title="超限", request_id="r", errors=errors)
    with Platform(refused).client() as client, pytest.raises(RuleRefused) as found:
        client.call(COMMAND)
    error = found.value
    assert (error.code, error.title, error.detail, error.errors) == ("order.cap", "超限", "不可以", errors)
    assert json.loads(json.dumps(error.problem))["request_id"] == "r"
