"""The guide to a fresh platform, compared with what the services accept: each call, its body and its key."""

import importlib
import json
import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from jsonschema import Draft202012Validator

from shared.contracts.permissions import Role
from tests.guides import fenced, fill

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "operations" / "first-steps.md"
BLANKS = {
    "ADDRESS": "http://127.0.0.1:8080",
    "NEWPASSWORD": "correct horse 8 battery",
    "PASSWORD": "correct horse 7 battery",
    "PROPOSAL": "01900000-0000-7000-8000-000000000001",
    "PLAN": "01900000-0000-7000-8000-000000000002",
    "DOCUMENT": "黔工信函〔2026〕1号",
    "NAME": "苏青",
    "CODE": "123456",
    "YEAR": "2026",
}


@dataclass(frozen=True, slots=True)
class Call:
    """One `curl` of the guide."""

    method: str
    service: str
    path: str
    headers: dict[str, str]
    body: Any


def calls() -> list[Call]:
    """Every `curl`, in the order of the guide."""
    lines = [line for block in fenced(GUIDE) for line in block.text.replace("\\\n", " ").splitlines()]
    return [call_of(shlex.split(fill(line, BLANKS))) for line in lines if line.startswith("curl ")]


def call_of(words: list[str]) -> Call:
    """A call by its words. Raises: AssertionError at one that nobody knows."""
    given: dict[str, list[str]] = {"--request": [], "--header": [], "--json": []}
    places = []
    rest = iter(words[1:])
    for word in rest:
        if word in given:
            given[word].append(next(rest))
        elif word != "--silent":
            places.append(word)
    (place,) = places
    found = re.fullmatch(r"http://127\.0\.0\.1:8080/api/(\w+)/v1(/\S+)", place)
    assert found, place
    headers = dict(header.split(": ", 1) for header in given["--header"])
    body = json.loads(given["--json"][0]) if given["--json"] else None
    return Call((given["--request"] or ["POST"])[0], found[1], found[2], headers, body)


def described(service: str) -> dict[str, Any]:
    """The OpenAPI document of a service's cold routes."""
    app = FastAPI()
    app.include_router(importlib.import_module(f"services.{service}.api").router)
    return app.openapi()


@pytest.mark.parametrize("call", [pytest.param(call, id=f"{n} {call.path[:24]}") for n, call in enumerate(calls())])
def test_a_call_of_the_guide_is_one_that_the_service_accepts(call: Call) -> None:
    document = described(call.service)
    patterns = {re.sub(r"\{\w+\}", r"[0-9a-f-]{36}", path): path for path in document["paths"]}
    (path,) = [name for pattern, name in patterns.items() if re.fullmatch(pattern, call.path)]
    operation = document["paths"][path][call.method.lower()]
    if "requestBody" not in operation:
        assert not call.body
        return
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    validator = Draft202012Validator({**schema, "components": document["components"]})
    assert [error.message for error in validator.iter_errors(call.body)] == []
    (name,) = re.findall(r"/(\w+)$", schema.get("$ref", "/none"))
    known = document["components"]["schemas"].get(name, {}).get("properties", {})
    assert call.body.keys() <= known.keys(), "a field that nobody reads"


def test_whoever_has_signed_in_says_so_and_commands_have_keys_of_their_own() -> None:
    anonymous = {"/sessions", "/password-resets"}
    keys = [call.headers["Idempotency-Key"] for call in calls() if "Idempotency-Key" in call.headers]

    assert len(set(keys)) == len(keys) >= 6
    for call in calls():
        bearer = call.headers.get("Authorization", "")
        assert (call.path in anonymous) == (bearer == ""), call.path
        assert bearer in {"", f"Bearer {call.service.upper()}"}, call.path


def test_every_role_that_works_is_named() -> None:
    text = GUIDE.read_text(encoding="utf-8")
    working = set(Role) - {Role.ENTERPRISE, Role.PROVIDER, Role.PLATFORM_ADMIN, Role.SERVICE}

    assert {role for role in working if f"`{role.value}`" not in text} == set()
