"""What is wrong with a request is said in Chinese, and where."""

import re
from enum import StrEnum
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
import pytest
from pydantic import BaseModel, Field, SecretStr, TypeAdapter, ValidationError

from shared.runtime.validation.wording import BY_TYPE, NAMES, malformed, malformed_struct, word_of


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
        (b"[]", "应为 JSON 对象，实际为列表", ""),
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


class Party(StrEnum):
    """Who deals."""

    ENTERPRISE = "enterprise"
    PROVIDER = "provider"
    NOBODY = "nobody"


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (Party, "必须是以下之一：enterprise、provider、nobody"),
        (Literal["a", "b"], "必须是以下之一：a、b"),
        (Literal["a"], "必须是以下之一：a"),
        (Literal[1, 2], "必须是以下之一：1、2"),
    ],
    ids=["enum", "two", "one", "numbers"],
)
def test_the_values_of_a_list_are_named_in_chinese(kind: Any, said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(kind).validate_python("x")
    assert word_of(caught.value.errors()[0]) == said


TELLING = dict.fromkeys(("min_length", "max_length", "gt", "ge", "lt", "le", "first", "last"), 1)
SPACED = re.compile(r"[\u4e00-\u9fff][A-Za-z0-9]|[A-Za-z0-9][\u4e00-\u9fff]")


@pytest.mark.parametrize("kind", sorted(BY_TYPE))
def test_every_sentence_is_chinese_and_spaced(kind: str) -> None:
    said = word_of({"type": kind, "ctx": {**TELLING, "expected": "'a', 'b' or 'c'"}})
    assert re.search(r"[\u4e00-\u9fff]", said)
    assert SPACED.search(said) is None, said
    assert not any(part in said for part in ("'", "{", " or "))


@pytest.mark.parametrize("given", sorted(NAMES))
@pytest.mark.parametrize("wanted", sorted(NAMES))
def test_every_sentence_about_kinds_is_chinese_and_spaced(wanted: str, given: str) -> None:
    for kinds in (wanted, f"{wanted} | null"):
        said = str(malformed_struct(f"Expected `{kinds}`, got `{given}` - at `$.a`").facts["reason"])
        assert said.startswith("应为")
        assert SPACED.search(said) is None, said


def test_an_error_nobody_foresaw_is_still_said_in_chinese() -> None:
    assert malformed([{"type": "frozen_instance", "loc": ("body", "x")}]).facts["reason"] == "格式不正确"
    assert malformed_struct("Something new").facts["reason"] == "格式不正确"
