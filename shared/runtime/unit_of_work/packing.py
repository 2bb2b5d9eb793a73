"""The rows of a batch as parameters of one statement: a column is an array, or one value when all rows agree on it.

asyncpg looks at every element of an array twice and asks an abstract class what it is; most columns of a batch hold the
same state, moment or version in every row, and one value costs nothing. Which columns may become one value is the
declaration's choice: each that may doubles the statements that can occur, so it names those that agree together.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, NamedTuple, TypeAlias

Shape: TypeAlias = tuple[tuple[str, bool], ...]
"""The columns of a batch, each with whether it is one value."""


class Packed(NamedTuple):
    """A batch: its shape, which decides the statement, and its parameters in the order of the columns."""

    shape: Shape
    values: Sequence[object]


def pack(names: Sequence[str], columns: Sequence[Sequence[Any]], *, common: AbstractSet[str]) -> Packed:
    """Turn the columns of a batch (of at least one row) into parameters; those of `common` may become one value."""
    shape: list[tuple[str, bool]] = []
    values: list[object] = []
    for name, column in zip(names, columns, strict=True):
        one = name in common and column.count(column[0]) == len(column)
        shape.append((name, one))
        values.append(column[0] if one else column)
    return Packed(tuple(shape), values)


class Source:
    """A batch inside a statement: `rows` is a FROM item named `n`, `of` the expression of each column.

    >>> batch = Source((("id", False), ("state", True)), {"id": "uuid", "state": "text"}, first=3)
    >>> batch.rows, batch.of["state"]
    ('unnest($3::uuid[]) AS n(id)', '$4::text')
    """

    def __init__(self, shape: Shape, types: Mapping[str, str], *, first: int) -> None:
        arrays = [(name, f"${first + place}::{types[name]}[]") for place, (name, one) in enumerate(shape) if not one]
        self.rows = f"unnest({', '.join(array for _, array in arrays)}) AS n({', '.join(name for name, _ in arrays)})"
        self.of = {
            name: f"${first + place}::{types[name]}" if one else f"n.{name}" for place, (name, one) in enumerate(shape)
        }
