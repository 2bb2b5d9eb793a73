"""What is wrong with a request is said in Chinese, and where."""

from typing import Annotated
from uuid import UUID

import msgspec
import pytest
from pydantic import BaseModel, Field, SecretStr, ValidationError

from shared.runtime.wording import malformed, malformed_struct, word_of


class Line(msgspec.Struct, forbid_unknown_fields=True):
    """A part of a hot body."""

    product_id: UUID
    quantity: Annotated[int, msgspec.Meta(ge=1, le=9)]
    name: Annotated[str, msgspec.Meta(max_length=3)] = ""


class Order(msgspec.Struct, forbid_unknown_fields=True):
    """A hot body."""

    lines: Annotated[list[Line], msgspec.Meta(min_length=1)]


ID = "01948b85-f840-753f-8a16-5a86a081e110"


@pytest.mark.parametrize(
    ("body", "reason", "pointer"),
    [
        (b'{"lines":', "不是有效的 JSON", ""),
        (b"[]", "应为JSON 对象，实际为列表", ""),
        (b"{}", "缺少必填项 lines", ""),
        (b'{"lines":[],"x":1}', "至少 1 项", "/lines"),
        (b'{"lines":[{"product_id":"x","quantity":1}]}', "不是有效的标识（UUID）", "/lines/0/product_id"),
        (f'{{"lines":[{{"product_id":"{ID}","quantity":0}}]}}'.encode(), "不得小于 1", "/lines/0/quantity"),
        (f'{{"lines":[{{"product_id":"{ID}","quantity":10}}]}}'.encode(), "不得大于 9", "/lines/0/quantity"),
        (f'{{"lines":[{{"product_id":"{ID}","quantity":1.5}}]}}'.encode(), "应为整数，实际为数字", "/lines/0/quantity"),
        (
            f'{{"lines":[{{"product_id":"{ID}","quantity":1,"name":"abcd"}}]}}'.encode(),
            "至多 3 个字符",
            "/lines/0/name",
        ),
        (f'{{"lines":[{{"product_id":"{ID}","quantity":1,"y":1}}]}}'.encode(), "不支持的字段 y", "/lines/0"),
    ],
)
def test_a_hot_body_is_explained_where_it_is_wrong(body: bytes, reason: str, pointer: str) -> None:
    with pytest.raises(msgspec.DecodeError) as caught:
        msgspec.json.decode(body, type=Order)
    refusal = malformed_struct(str(caught.value))
    assert (refusal.facts["reason"], refusal.facts["pointer"]) == (reason, pointer)


class Cold(BaseModel):
    """A cold body."""

    model_config = {"extra": "forbid"}

    name: str = Field(min_length=2)
    amount_fen: int = Field(ge=1, strict=True)


def test_every_mistake_of_a_cold_body_is_listed() -> None:
    with pytest.raises(ValidationError) as caught:
        Cold.model_validate({"name": "a", "amount_fen": 0, "more": 1})
    errors = [{**error, "loc": ("body", *error["loc"])} for error in caught.value.errors()]
    refusal = malformed(errors)
    assert refusal.facts["errors"] == [
        {"pointer": "/name", "detail": "至少 2 个字符"},
        {"pointer": "/amount_fen", "detail": "不得小于 1"},
        {"pointer": "/more", "detail": "不支持的字段"},
    ]
    assert refusal.detail == "请求内容不符合要求：至少 2 个字符"


class Secrets(BaseModel):
    """Texts that are not shown, and a list."""

    password: SecretStr = Field(min_length=1, max_length=3)
    codes: list[str] = Field(min_length=1)


@pytest.mark.parametrize(("password", "said"), [("", "至少 1 个字符"), ("four", "至多 3 个字符")])
def test_a_secret_text_is_counted_in_characters_and_a_list_in_items(password: str, said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Secrets.model_validate({"password": password, "codes": []})
    assert [word_of(error) for error in caught.value.errors()] == [said, "至少 1 项"]


def test_an_error_nobody_foresaw_is_still_said_in_chinese() -> None:
    assert malformed([{"type": "frozen_instance", "loc": ("body", "x")}]).facts["reason"] == "格式不正确"
    assert malformed_struct("Something new").facts["reason"] == "格式不正确"
