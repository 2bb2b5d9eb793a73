"""A cursor is taken by the list that gave it, for the same filters and order, and by nothing else; over all lists."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio

from shared.contracts.http.lists import ASKED, encode_cursor, encode_place
from shared.contracts.permissions import GRANTS, Role
from tests.integration.security.platform_fixture import Estate, Operation
from tests.integration.security.schemas import NOBODY, Document, Schema, resolved

pytestmark = pytest.mark.asyncio(loop_scope="session")

REFUSED = (400, "list.cursor_invalid")
CURSOR_BYTES_MAX = 48
PAGES = re.compile(r"Page_|EventPage")
"""How documents name what holds a page."""
PLACES = {"order GET /events": bytes(8)}
"""Cursors that are no id: the place of an event in the feed."""
SAMPLES = {"date": "2026-01-01", "date-time": "2026-01-01T00:00:00+08:00", "uuid": NOBODY}


@dataclass(frozen=True, slots=True)
class List:
    """One list of a service, and how it is asked."""

    operation: Operation
    parameters: list[dict[str, Any]]
    role: Role | None

    @property
    def url(self) -> str:
        """Its address, below things that nobody has."""
        values = {"year": 2030, "party": "enterprise"}
        names = [part.strip("{}") for part in self.operation.path.split("/") if part.startswith("{")]
        return self.operation.url({name: values.get(name, NOBODY) for name in names})

    @property
    def query(self) -> dict[str, str]:
        """What must be asked with it."""
        return {part["name"]: sample(part["schema"]) for part in self.parameters if part.get("required")}

    @property
    def filters(self) -> Iterator[tuple[str, str]]:
        """Each of its filters and orders, with a value that is not the usual one."""
        for part in self.parameters:
            if part["in"] == "query" and part["name"] not in {"cursor", "limit"}:
                yield part["name"], sample(part["schema"])

    def cursor(self, **query: str) -> str:
        """The cursor that it gives after a row of nobody's."""
        asked = "&".join(f"{name}={value}" for name, value in {**self.query, **query}.items())
        token = ASKED.set((self.url, asked.encode()))
        try:
            place = PLACES.get(self.operation.title)
            return encode_cursor(UUID(NOBODY)) if place is None else encode_place(place)
        finally:
            ASKED.reset(token)


def sample(schema: Schema) -> str:
    """A value that a parameter takes, and not its default."""
    choices: list[dict[str, Any]] = [schema, *schema.get("anyOf", ())]
    for choice in choices:
        if "enum" in choice:
            return str(next(value for value in reversed(choice["enum"]) if value != schema.get("default")))
        if choice.get("type") == "boolean":
            return str(not schema.get("default", False)).lower()
        if choice.get("type") == "integer":
            return str(choice.get("minimum", 2030))
        if choice.get("type") == "array":
            return sample(choice["items"])
        if choice.get("type") == "string":
            return SAMPLES.get(str(choice.get("format")), "a" * max(choice.get("minLength", 1), 1))
    raise AssertionError(schema)


def plain(schema: Schema, document: Document) -> dict[str, Any]:
    """A schema with what it refers to."""
    choices = [resolved(choice, document) for choice in schema.get("anyOf", ())]
    for choice in choices:
        if "items" in choice:
            choice["items"] = resolved(choice["items"], document)
    return {**resolved(schema, document), "anyOf": choices}


def lists_of(estate: Estate) -> list[List]:
    """Every list that takes a cursor."""
    found: list[List] = []
    for operation in estate.operations:
        document = estate.documents[operation.service]
        described = document["paths"].get(operation.path, {}).get(operation.method.lower(), {})
        parts = [{**part, "schema": plain(part["schema"], document)} for part in described.get("parameters", ())]
        if not any(part["name"] == "cursor" for part in parts):
            continue
        asked = [part for part in parts if part["in"] == "query"]
        wanted = operation.permissions or frozenset()
        role = next((role for role in Role if GRANTS[role] & wanted), Role.AUDITOR if operation.signed_in else None)
        found.append(List(operation, asked, role))
    return found


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def lists(estate: Estate) -> list[List]:
    return lists_of(estate)


async def ask(estate: Estate, one: List, **query: str) -> tuple[int, str]:
    """The status and the code of what a list says."""
    response = await estate.call("GET", one.url, role=one.role, params={**one.query, **query})
    return response.status_code, "" if response.is_success else response.json()["code"]


async def test_every_answer_with_a_next_cursor_is_of_a_list_that_takes_one(estate: Estate, lists: list[List]) -> None:
    known = {one.operation.title for one in lists}
    giving = {
        operation.title
        for operation in estate.operations
        if PAGES.search(str(estate.documents[operation.service]["paths"].get(operation.path, {}).get("get", {})))
        and operation.method == "GET"
    }
    assert giving == known
    assert len(known) > 50, "the lists are lost"


async def test_a_list_takes_its_own_cursors(estate: Estate, lists: list[List]) -> None:
    for one in lists:
        cursor = one.cursor()
        assert len(cursor) <= CURSOR_BYTES_MAX
        for limit in ("1", "20"):
            status, code = await ask(estate, one, cursor=cursor, limit=limit)
            assert status in {200, 403, 404}, (one.operation.title, code)


async def test_no_list_takes_a_cursor_of_another_list(estate: Estate, lists: list[List]) -> None:
    taken = [
        f"{one.operation.title} took one of {other.operation.title}"
        for one in lists
        for other in lists
        if one.url != other.url and await ask(estate, one, cursor=other.cursor()) != REFUSED
    ]
    assert taken == []


async def test_no_list_takes_a_cursor_that_it_gave_for_another_filter_or_order(
    estate: Estate, lists: list[List]
) -> None:
    taken, tried = [], 0
    for one in lists:
        for name, value in one.filters:
            tried += 1
            if await ask(estate, one, cursor=one.cursor(**{name: value})) != REFUSED:
                taken.append(f"{one.operation.title} took one of {name}={value}")
            if name not in one.query and await ask(estate, one, cursor=one.cursor(), **{name: value}) != REFUSED:
                taken.append(f"{one.operation.title} took one without {name}")
    assert taken == []
    assert tried > 40


@pytest.mark.parametrize("bad", ["", "____", "云", "A" * 22, "_" * 64, "=", "AZ" * 16])
async def test_what_is_no_cursor_is_refused_by_every_list(estate: Estate, lists: list[List], bad: str) -> None:
    for one in lists:
        assert await ask(estate, one, cursor=bad) == REFUSED, one.operation.title
