"""A pattern that ends with the text ends with the text: no line break behind it (Python's `$` stands before one)."""

from collections.abc import Iterator
from typing import Any

import pytest
from msgspec import inspect
from pydantic import BaseModel

from embedded.platform import SERVICES
from shared.contracts.policy.schema import PackDocument
from shared.runtime.http import Body

BODIES = sorted(
    {route.body for service in SERVICES for route in service.hot_routes}, key=lambda body: body.__qualname__
)
ENDS = (r"$(?!\n)", r"\Z")


def patterns(kind: inspect.Type) -> Iterator[str]:
    """The patterns of all texts within a type."""
    if isinstance(kind, inspect.StrType) and kind.pattern is not None:
        yield kind.pattern
    inner = [field.type for field in kind.fields] if isinstance(kind, inspect.StructType) else []
    inner += kind.types if isinstance(kind, inspect.UnionType) else ()
    inner += kind.item_types if isinstance(kind, inspect.TupleType) else ()
    inner += [kind.item_type] if isinstance(kind, inspect.ListType | inspect.VarTupleType) else []
    inner += [kind.key_type, kind.value_type] if isinstance(kind, inspect.DictType) else []
    for part in inner:
        yield from patterns(part)


def test_every_pattern_of_a_pack_matches_whole_texts() -> None:
    found = set(patterns(inspect.type_info(PackDocument)))
    assert len(found) >= 3
    assert [pattern for pattern in found if not (pattern.startswith("^") and pattern.endswith(ENDS))] == []


def objects(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every object that a JSON schema describes."""
    return (each for each in (schema, *schema.get("$defs", {}).values()) if each.get("type") == "object")


@pytest.mark.parametrize("body", BODIES, ids=lambda body: body.__name__)
def test_every_pattern_of_a_hot_body_matches_whole_texts(body: type[BaseModel]) -> None:
    """In pydantic's patterns `$` is the end of the text, and so it is in OpenAPI's."""
    assert issubclass(body, Body)
    fields = [field for each in objects(body.model_json_schema()) for field in each.get("properties", {}).values()]
    found = {field["pattern"] for field in fields if "pattern" in field}
    assert [pattern for pattern in found if not (pattern.startswith("^") and pattern.endswith("$"))] == []


@pytest.mark.parametrize("body", BODIES, ids=lambda body: body.__name__)
def test_a_hot_body_has_no_names_but_those_of_its_fields(body: type[BaseModel]) -> None:
    """What looks for a name that comes twice knows names of letters, digits and underscores only."""
    found = list(objects(body.model_json_schema()))
    assert all(each["additionalProperties"] is False for each in found)
    assert all(name.isascii() and name.isidentifier() for each in found for name in each.get("properties", {}))
