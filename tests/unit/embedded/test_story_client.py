"""The story's client against a small server of its own: keys, tokens, refusals, waits."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from embedded.demonstration import client as story_client
from embedded.demonstration.client import Act, Api, File, Login, StoryFailed, together

CLERK = Login("clerk", "secret words")
ACT = Act(who=CLERK, method="POST", path="/api/voucher/v1/plans", body={"year": 2018})


@dataclass
class Door:
    """A platform of two routes: sessions, and one that answers from a list."""

    answers: list[Response] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    sessions: int = 0

    async def sign_in(self, request: Request) -> Response:
        """A new session; only the newest one's token is good."""
        await request.json()
        self.sessions += 1
        tokens = {"voucher": f"token-{self.sessions}"}
        return JSONResponse({"access_tokens": tokens, "expires_in_s": 300, "roles": ["operator_clerk"]}, 201)

    async def answer(self, request: Request) -> Response:
        """The next answer of the list."""
        self.keys.append(request.headers["idempotency-key"])
        if request.headers["authorization"] != f"Bearer token-{self.sessions}":
            return JSONResponse({"code": "auth.token_invalid"}, 401)
        return self.answers.pop(0)


@pytest.fixture
def door() -> Door:
    return Door()


@pytest.fixture
async def api(door: Door, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Api]:
    monkeypatch.setattr(story_client, "PAUSE_S", 0.001)
    app = Starlette(
        routes=[
            Route("/api/identity/v1/sessions", door.sign_in, methods=["POST"]),
            Route("/api/voucher/v1/plans", door.answer, methods=["POST"]),
        ]
    )
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://platform") as http:
        yield Api(http)


def test_the_same_act_has_the_same_key_and_another_act_another() -> None:
    others = [
        replace(ACT, turn=2),
        replace(ACT, body={"year": 2019}),
        replace(ACT, body=File(content=b"paper")),
        replace(ACT, path="/api/voucher/v1/applications"),
        replace(ACT, who=Login("lead", "secret words")),
        replace(ACT, query={"amount_fen": 1}),
    ]
    assert replace(ACT).key == ACT.key
    assert len({ACT.key, *(other.key for other in others)}) == len(others) + 1


def test_a_password_is_not_part_of_the_key() -> None:
    assert replace(ACT, who=Login("clerk", "other words")).key == ACT.key
    assert "secret words" not in repr(CLERK)


async def test_one_session_serves_many_acts(api: Api, door: Door) -> None:
    door.answers = [JSONResponse({"id": number}, 201) for number in range(3)]
    answers = await together(*(api.do(replace(ACT, turn=turn)) for turn in range(3)))
    assert sorted(answer["id"] for answer in answers) == [0, 1, 2]
    assert door.sessions == 1


async def test_a_token_that_is_not_taken_is_renewed_and_the_act_keeps_its_key(api: Api, door: Door) -> None:
    door.answers = [JSONResponse({"id": 1}, 201), JSONResponse({"id": 2}, 201)]
    await api.do(ACT)
    door.sessions += 1
    assert (await api.do(replace(ACT, turn=2)))["id"] == 2
    assert door.keys[1:] == [replace(ACT, turn=2).key] * 2


async def test_a_busy_service_is_asked_again_with_the_same_key(api: Api, door: Door) -> None:
    door.answers = [JSONResponse({"code": "service.unavailable"}, 503), JSONResponse({"id": 1}, 201)]
    assert (await api.do(ACT))["id"] == 1
    assert door.keys == [ACT.key] * 2


async def test_a_service_that_stays_busy_ends_the_story(api: Api, door: Door) -> None:
    door.answers = [JSONResponse({"code": "service.unavailable"}, 503) for _ in range(20)]
    with pytest.raises(StoryFailed, match=r"503 service\.unavailable"):
        await api.do(ACT)
    assert len(door.keys) == story_client.TRIES_MAX


async def test_a_refusal_ends_the_story_with_code_detail_and_article(api: Api, door: Door) -> None:
    problem = {"code": "voucher.same_person", "detail": "经办与审批不能为同一人", "article": "A15"}
    door.answers = [JSONResponse(problem, 422)]
    with pytest.raises(StoryFailed) as failed:
        await api.do(ACT)
    text = "POST /api/voucher/v1/plans by clerk: 422 voucher.same_person · 经办与审批不能为同一人 · A15"
    assert str(failed.value) == text


async def test_a_refusal_that_the_story_expects_is_an_answer(api: Api, door: Door) -> None:
    door.answers = [JSONResponse({"code": "voucher.above_cap"}, 422)]
    assert (await api.do(replace(ACT, refused="voucher.above_cap")))["code"] == "voucher.above_cap"


@pytest.mark.parametrize("answer", [JSONResponse({"id": 1}, 201), JSONResponse({"code": "voucher.other"}, 422)])
async def test_a_refusal_that_does_not_come_ends_the_story(api: Api, door: Door, answer: Response) -> None:
    door.answers = [answer]
    with pytest.raises(StoryFailed, match=r"expected voucher\.above_cap"):
        await api.do(replace(ACT, refused="voucher.above_cap"))


async def test_a_wait_in_vain_says_what_it_waited_for(api: Api) -> None:
    async def never() -> bool:
        return False

    with pytest.raises(StoryFailed, match="waited 0 s in vain for: the year end of 2018"):
        await api.wait_for("the year end of 2018", never, seconds=0.05)


async def test_the_first_failure_ends_acts_that_run_beside_it() -> None:
    ended = asyncio.Event()

    async def slow() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    async def failing() -> None:
        await asyncio.sleep(0)
        raise StoryFailed("first")

    with pytest.raises(StoryFailed, match="first"):
        await together(slow(), failing())
    assert ended.is_set()
