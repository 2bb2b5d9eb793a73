"""Valid JSON bodies made from a service's OpenAPI document, and bodies with one field broken."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from hypothesis import strategies as st

Schema: TypeAlias = Mapping[str, Any]
Document: TypeAlias = Mapping[str, Any]
Path: TypeAlias = tuple[str | int, ...]

NOBODY = "01900000-0000-7000-8000-00000000beef"
_FORMATS = {"uuid": NOBODY, "date": "2026-01-05", "date-time": "2026-01-05T09:00:00+08:00"}
_PATTERNED = ("a1", "520100", "a" * 64, "13800000000", "a", "A1", "order:read")


def body_schema(document: Document, *, method: str, path: str) -> Schema | None:
    """The JSON body of an operation, or None when it has none."""
    operation = document["paths"][path][method.lower()]
    content = operation.get("requestBody", {}).get("content", {})
    found: Schema | None = content.get("application/json", {}).get("schema")
    return found


def sample(schema: Schema, document: Document) -> Any:
    """The plainest value that the schema takes; optional fields are left out."""
    schema = resolved(schema, document)
    choices = schema.get("anyOf") or schema.get("oneOf")
    if choices:
        return sample(choices[0], document)
    if "const" in schema or "enum" in schema:
        return schema.get("const", schema.get("enum", [None])[0])
    if schema.get("type") == "object":
        return _sample_object(schema, document)
    if schema.get("type") == "array":
        return [sample(schema["items"], document) for _ in range(schema.get("minItems", 0))]
    # OpenAPI writes bounds as 1.0, which a strict integer field rightly refuses.
    plain = {"integer": int(schema.get("minimum", 1)), "boolean": True, "null": None}
    return plain[schema["type"]] if schema.get("type") in plain else _sample_text(schema)


def _sample_object(schema: Schema, document: Document) -> dict[str, Any]:
    fields = schema.get("properties", {})
    value = {name: sample(fields[name], document) for name in schema.get("required", ())}
    if schema.get("minProperties") and isinstance(schema.get("additionalProperties"), Mapping):
        value["a"] = sample(schema["additionalProperties"], document)
    return value


def _sample_text(schema: Schema) -> str:
    if schema.get("format") in _FORMATS:
        return _FORMATS[schema["format"]]
    pattern = schema.get("pattern")
    fits = [text for text in _PATTERNED if pattern is None or re.search(pattern, text)]
    return fits[0] if pattern else "一" * max(1, schema.get("minLength", 1))


def resolved(schema: Schema, document: Document) -> Schema:
    """The schema behind a reference."""
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema


def places(value: object, path: Path = ()) -> Iterator[Path]:
    """The way to every field and item of a JSON value."""
    pairs: Sequence[tuple[str | int, object]] = ()
    if isinstance(value, dict):
        pairs = list(value.items())
    elif isinstance(value, list):
        pairs = list(enumerate(value))
    for name, inner in pairs:
        yield (*path, name)
        yield from places(inner, (*path, name))


def fields(schema: Schema, document: Document, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """The way to every field that a schema has, required or not, and its kind: its format, else its type."""
    schema = resolved(schema, document)
    choices = [each for each in schema.get("anyOf", ()) if each.get("type") != "null"]
    if choices:
        schema = resolved(choices[0], document)
    if path:
        yield path, str(schema.get("format") or schema.get("type"))
    for name, inner in schema.get("properties", {}).items():
        yield from fields(inner, document, (*path, name))
    if schema.get("type") == "array" and schema.get("minItems"):
        yield from fields(schema["items"], document, (*path, 0))


def replaced(value: Any, path: Path, new: object) -> Any:
    """The same value with another one in that place."""
    if not path:
        return new
    copy = value.copy()
    inner = copy.get(path[0]) if isinstance(copy, dict) else copy[path[0]]
    copy[path[0]] = replaced({} if inner is None else inner, path[1:], new)
    return copy


HOSTILE_TEXTS = (
    "",
    " ",
    "\u0000",
    "a\u0000b",
    "a\r\nSet-Cookie: a=b",
    "\u001b[2J\u001b[31m",
    "\ud800",
    "\u202e\u2066",
    "' OR 1=1 --",
    "{reason}{0}%s%n",
    "../../../../etc/passwd",
    "一" * 5_000,
    "9" * 5_000,
    "-0001-01-01",
    "9999-12-31T23:59:59.999999-23:59",
    "0001-01-01T00:00:00+23:59",
    "²",
    "NaN",
)
HOSTILE_NUMBERS = (-1, 0, 2**31, 2**53 + 1, 2**63, 2**64, -(2**63) - 1, 10**400, 1.5, -0.0, 1e308, True)


def broken_values() -> st.SearchStrategy[Any]:
    """Something that a field most likely does not expect."""
    return (
        st.sampled_from(HOSTILE_TEXTS)
        | st.sampled_from(HOSTILE_NUMBERS)
        | st.sampled_from((None, [], {}, [[]], {"a": {"b": []}}, [None] * 300, [{}]))
        | st.text(max_size=60)
        | st.integers(-(10**20), 10**20)
    )
