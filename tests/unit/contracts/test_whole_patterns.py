"""A pattern that ends with the text ends with the text: no line break behind it (Python's `$` stands before one)."""

from collections.abc import Iterator

import msgspec
import pytest
from msgspec import inspect

from embedded.platform import SERVICES
from shared.contracts.policy.schema import PackDocument

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


@pytest.mark.parametrize("body", [*BODIES, PackDocument], ids=lambda body: body.__name__)
def test_every_pattern_of_a_hot_body_and_of_a_pack_matches_whole_texts(body: type[msgspec.Struct]) -> None:
    found = set(patterns(inspect.type_info(body)))
    assert [pattern for pattern in found if not (pattern.startswith("^") and pattern.endswith(ENDS))] == []


def test_hot_bodies_and_packs_have_patterns_at_all() -> None:
    assert len({each for body in (*BODIES, PackDocument) for each in patterns(inspect.type_info(body))}) >= 8


@pytest.mark.parametrize("body", BODIES, ids=lambda body: body.__name__)
def test_a_hot_body_has_no_names_but_those_of_its_fields(body: type[msgspec.Struct]) -> None:
    """What looks for a name that comes twice knows names of letters, digits and underscores only."""

    def names(kind: inspect.Type) -> Iterator[str]:
        assert not isinstance(kind, inspect.DictType | inspect.AnyType)
        for field in kind.fields if isinstance(kind, inspect.StructType) else ():
            yield field.encode_name
            yield from names(field.type)
        for part in kind.types if isinstance(kind, inspect.UnionType) else ():
            yield from names(part)
        if isinstance(kind, inspect.ListType):
            yield from names(kind.item_type)

    assert all(name.isascii() and name.isidentifier() for name in names(inspect.type_info(body)))
