"""What is wrong with a request is said in Chinese, and where."""

import re
from enum import StrEnum
from typing import Any, Literal

import pytest
from pydantic import BaseModel, Field, SecretStr, TypeAdapter, ValidationError

from shared.runtime.validation.wording import BY_TYPE, malformed, word_of


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


def test_an_error_nobody_foresaw_is_still_said_in_chinese() -> None:
    assert malformed([{"type": "frozen_instance", "loc": ("body", "x")}]).facts["reason"] == "格式不正确"
