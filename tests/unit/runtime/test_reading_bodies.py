"""The body of a hot route is taken and refused as that of a plain one: same bounds, same pointers, same sentences."""

import json
from types import SimpleNamespace
from typing import Any, Literal
from uuid import UUID

import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient, Response
from pydantic import Field
from starlette.types import Receive, Scope, Send

from shared.runtime.host.host import ERROR_HANDLERS
from shared.runtime.http.batching.bodies import read_body
from shared.runtime.http.commands import Body
from shared.runtime.http.gates import Gates
from shared.runtime.validation.body_bounds import USUAL
from shared.runtime.validation.problems import problem_of
from shared.runtime.validation.refusals import BadRequest

ID = "01948b85-f840-753f-8a16-5a86a081e110"
JSON = "application/json"


class Line(Body):
    """A part of a body."""

    product_id: UUID
    quantity: int = Field(ge=1, le=9)
    name: str = Field(default="", max_length=3)


class Whole(Body):
    """A body."""

    lines: list[Line] = Field(min_length=1)
    wish: Literal["max", "none"] | None = None


ROUTE: Any = SimpleNamespace(body=Whole, bounds=USUAL)


def line(**changes: object) -> bytes:
    return json.dumps({"lines": [{"product_id": ID, "quantity": 1, **changes}]}).encode()


WRONG = {
    "no JSON": (b'{"lines":', "不是有效的 JSON", ""),
    "nothing": (b"", "缺少必填项", "/lines"),
    "a list": (b"[]", "必须是 JSON 对象", ""),
    "no fields": (b"{}", "缺少必填项", "/lines"),
    "too few": (b'{"lines":[]}', "至少 1 项", "/lines"),
    "no id": (line(product_id="x"), "不是有效的标识（UUID）", "/lines/0/product_id"),
    "too small": (line(quantity=0), "不得小于 1", "/lines/0/quantity"),
    "too large": (line(quantity=10), "不得大于 9", "/lines/0/quantity"),
    "a fraction": (line(quantity=1.5), "必须是整数", "/lines/0/quantity"),
    "a whole number as a fraction": (line(quantity=1.0), "必须是整数", "/lines/0/quantity"),
    "a text for a number": (line(quantity="1"), "必须是整数", "/lines/0/quantity"),
    "a truth for a number": (line(quantity=True), "必须是整数", "/lines/0/quantity"),
    "thousands of digits": (line().replace(b": 1}", b": 1" + b"0" * 5_000 + b"}"), None, None),
    "too long": (line(name="abcd"), "至多 3 个字符", "/lines/0/name"),
    "unknown": (line(y=1), "不支持的字段", "/lines/0/y"),
    "control characters": (line(name="a\x00"), "文字中不得含有控制字符", "/lines/0/name"),
    "half a character": (line(name="a").replace(b'"a"', b'"\\ud800"'), None, None),
    "a wish of another kind": (
        b'{"lines":[{"product_id":"%s","quantity":1}],"wish":"all"}' % ID.encode(),
        None,
        "/wish",
    ),
    "a name twice": (line().replace(b'"quantity"', b'"quantity": 1, "quantity"'), "字段重复：quantity", "/quantity"),
    "no number": (line().replace(b": 1}", b": NaN}"), "JSON 中没有 NaN 这样的数", ""),
    "a mark": (b"\xef\xbb\xbf" + line(), "不是有效的 JSON（须为 UTF-8，无字节顺序标记）", ""),
    "Latin-1": (line(name="a").replace(b'"a"', b'"\xe9"'), "不是有效的 JSON（须为 UTF-8，无字节顺序标记）", ""),
}


plain_app = FastAPI()
for refused, handler in ERROR_HANDLERS.items():
    plain_app.add_exception_handler(refused, handler)


@plain_app.post("/")
async def plain(body: Whole) -> Whole:
    return body


async def asked_of_plain(raw: bytes) -> Response:
    """What a plain route with the same body answers."""
    gates = Gates(plain_app, SimpleNamespace(stranger=lambda _: None))  # type: ignore[arg-type] # nobody is known here

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await gates({**scope, "yunquan.request_id": "1"}, receive, send)

    async with AsyncClient(transport=ASGITransport(app), base_url="http://test") as client:
        return await client.post("/", content=raw, headers={"content-type": JSON})


def refused_by_hot(raw: bytes) -> dict[str, Any]:
    with pytest.raises(BadRequest) as caught:
        read_body(ROUTE, raw, JSON)
    problem = problem_of(caught.value)
    return {"code": problem.code, "detail": problem.detail, "errors": list(problem.errors)}


@pytest.mark.parametrize("name", sorted(WRONG))
async def test_a_hot_body_is_explained_where_it_is_wrong_and_as_a_plain_one_is(name: str) -> None:
    raw, reason, pointer = WRONG[name]
    hot = refused_by_hot(raw)
    if reason is not None:
        assert hot["detail"] == f"请求内容不符合要求：{reason}"
    if pointer:
        assert hot["errors"][0]["pointer"] == pointer
    plain = await asked_of_plain(raw)
    assert plain.status_code == 400
    if name == "thousands of digits":
        assert plain.json()["code"] == hot["code"]
    elif name != "nothing":
        assert {part: plain.json().get(part, []) for part in hot} == hot


async def test_what_is_right_is_taken_by_both_and_trimmed() -> None:
    raw = line(name=" ab ")
    taken = read_body(ROUTE, raw, JSON)
    assert isinstance(taken, Whole)
    assert taken.lines[0].name == "ab"
    assert (await asked_of_plain(raw)).json() == taken.model_dump(mode="json")
