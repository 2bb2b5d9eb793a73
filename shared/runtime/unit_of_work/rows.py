"""Tables that a store declares as data, so that the unit of work diffs, guards, renders and writes their rows.

A row is any object whose attributes are named like the columns. New rows are inserted whole. Of changed rows only the
columns that differ in any row of the batch are written, and a declared version guards each of them. The few
combinations of columns that occur stay prepared.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from enum import StrEnum
from operator import attrgetter
from string import Formatter
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec
from sqlalchemy import ARRAY, Table
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import TypeEngine

from shared.kernel.refusals import invariant
from shared.runtime.unit_of_work.packing import Shape, Source, pack

R_contra = TypeVar("R_contra", contravariant=True)

WAS = "was"
"""The parameter that holds the guard as it was loaded."""
_ENCODER = msgspec.json.Encoder()
_DIALECT = postgresql.dialect()
_SHORT = {"INTEGER": "int", "TIMESTAMP WITH TIME ZONE": "timestamptz"}


class Stamp(StrEnum):
    """What the unit of work itself knows of each new row."""

    NEW_ID = "new_id"
    NOW = "now"
    PACK_VERSION = "pack_version"


@dataclass(frozen=True, slots=True, kw_only=True)
class Insert:
    """How new rows are written.

    `omit` are columns left to the database. `common` may become one value of a batch whose rows agree. `computed` are
    columns as SQL, in which `{name}` is the new value of a column. `stamped` are filled by the unit of work.
    """

    omit: AbstractSet[str] = frozenset()
    common: AbstractSet[str] = frozenset()
    computed: Mapping[str, str] = field(default_factory=dict)
    stamped: Mapping[str, Stamp] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """How changed rows are written.

    `columns` may change. Those of `always` are written whether they differ or not, as is the guard; what is written
    together in nearly every batch belongs here, because each combination is a statement of its own. `common` and
    `computed` are as for new rows; in `computed`, `t` is the row as it stands.
    """

    columns: AbstractSet[str] = frozenset()
    always: AbstractSet[str] = frozenset()
    common: AbstractSet[str] = frozenset()
    computed: Mapping[str, str] = field(default_factory=dict)


class Change(NamedTuple):
    """A batch of new or changed rows of one table, ready to be written."""

    rows: "Rows[Any]"
    shape: Shape
    values: Sequence[object]
    updates: int
    """How many rows have to be there as they were loaded; 0 for new rows."""


class Rows(Generic[R_contra]):
    """A table as its store writes it.

    `key` finds a row and defaults to the primary key. `guard` is the column that must still be as it was loaded when a
    row is changed, mostly its version. `fields` names attributes that are not called like their columns. Columns of
    `encoded` hold the JSON of a value as bytes. With `retry_on_conflict` a unique violation means that a parallel
    transaction was first, and the whole transaction runs again.

    Raises: Bug when the declaration contradicts the table.
    """

    def __init__(  # noqa: PLR0913 - the parts of a declaration, all by name
        self,
        table: Table,
        *,
        key: Sequence[str] = (),
        guard: str = "",
        fields: Mapping[str, str] | None = None,
        encoded: AbstractSet[str] = frozenset(),
        insert: Insert = Insert(),
        update: Update = Update(),
        retry_on_conflict: bool = False,
    ) -> None:
        self.name = table.name
        self.retry_on_conflict = retry_on_conflict
        self._types = column_types(table)
        self._key = tuple(key) or tuple(column.name for column in table.primary_key)
        self._guard = guard
        self._insert = insert
        self._update = update
        self._encoded = encoded
        self._fields = fields or {}
        left = insert.omit | set(insert.computed)
        self._inserted = tuple(name for name in self._types if name not in left)
        given = [name for name in self._inserted if name not in insert.stamped]
        self._given = _Columns(given, self._fields, encoded=encoded)
        self._always = update.always | ({guard} if guard else set())
        changing = [name for name in self._types if name in update.columns | self._always]
        loose = [name for name in changing if name not in self._always]
        self._guards = (*self._key, WAS) if guard else self._key
        self._before = _Columns([*self._key, *([guard] if guard else []), *loose], self._fields)
        self._after = _Columns(changing, self._fields, encoded=encoded)
        # Where each column stands after and before; what is always written is not compared.
        found = {name: len(self._guards) + place for place, name in enumerate(loose)}
        self._compared = [(place, found.get(name)) for place, name in enumerate(changing)]
        self._check()

    def _check(self) -> None:
        insert, update = self._insert, self._update
        known = set(self._types)
        named = {*self._key, *insert.omit, *insert.common, *insert.computed, *insert.stamped, *self._encoded}
        named |= {*update.columns, *self._always, *(update.common - {WAS}), *update.computed, *self._fields}
        invariant(named <= known, f"{self.name} has the columns that are declared")
        invariant(WAS not in known, f"{self.name} has no column {WAS}")
        invariant(set(self._inserted) > insert.common, "new rows differ in a column")
        invariant(not {*self._key} & {*self._after.names}, "a key does not change")
        invariant(not self._key or not {*self._key} <= update.common, "changed rows differ in their key")
        # What is computed of a column that may be left out would have no value.
        for texts, given in ((insert.computed, {*self._inserted}), (update.computed, {*self._key, *self._always})):
            wanted = {name for text in texts.values() for _, name, _, _ in Formatter().parse(text) if name}
            invariant(wanted <= given, f"{self.name} computes of columns that are always written")

    def inserted(self, rows: Sequence[R_contra], stamps: Mapping[str, Sequence[object]]) -> Change:
        """New rows (at least one); `stamps` holds the columns that the unit of work fills."""
        columns = self._given.of(rows)
        if stamps:
            of = {**dict(zip(self._given.names, columns, strict=True)), **stamps}
            columns = [of[name] for name in self._inserted]
        packed = pack(self._inserted, columns, common=self._insert.common)
        return Change(self, packed.shape, packed.values, 0)

    @property
    def stamped(self) -> Mapping[str, Stamp]:
        """The columns of new rows that the unit of work fills."""
        return self._insert.stamped

    def updated(self, pairs: Sequence[tuple[R_contra, R_contra]]) -> Change:
        """Rows (at least one) as they were loaded and as they are now: what differs in any of them, and the guard."""
        # Columns are compared as tuples: values that were not touched are mostly the same objects.
        was = self._before.read([before for before, _ in pairs])
        now = self._after.read([after for _, after in pairs])
        places = [place for place, found in self._compared if found is None or was[found] != now[place]]
        names = (*self._guards, *(self._after.names[place] for place in places))
        columns = [*was[: len(self._guards)], *(self._after.to_driver(place, now[place]) for place in places)]
        packed = pack(names, columns, common=self._update.common)
        return Change(self, packed.shape, packed.values, len(pairs))

    def statement(self, shape: Shape, *, updates: bool, first: int) -> str:
        """The INSERT or UPDATE of a batch of this shape, whose parameters begin with number `first`."""
        return self._update_statement(shape, first) if updates else self._insert_statement(shape, first)

    def _insert_statement(self, shape: Shape, first: int) -> str:
        n = Source(shape, self._types, first=first)
        values = {**n.of, **{name: text.format(**n.of) for name, text in self._insert.computed.items()}}
        return f"INSERT INTO {self.name} ({', '.join(values)}) SELECT {', '.join(values.values())} FROM {n.rows}"  # noqa: S608 - names and SQL of declarations

    def _update_statement(self, shape: Shape, first: int) -> str:
        n = Source(shape, {**self._types, WAS: self._types.get(self._guard, "")}, first=first)
        values = {name: value for name, value in n.of.items() if name not in self._guards}
        values |= {name: text.format(**n.of) for name, text in self._update.computed.items()}
        assignments = ", ".join(f"{name} = {value}" for name, value in values.items())
        where = " AND ".join(f"t.{name} = {n.of[name]}" for name in self._key)
        guard = f" AND t.{self._guard} = {n.of[WAS]}" if self._guard else ""
        return f"UPDATE {self.name} t SET {assignments} FROM {n.rows} WHERE {where}{guard}"  # noqa: S608 - names and SQL of declarations


class _Columns:
    """Some columns of a table, read off its rows."""

    def __init__(
        self, names: Sequence[str], fields: Mapping[str, str], *, encoded: AbstractSet[str] = frozenset()
    ) -> None:
        self.names = tuple(names)
        self._getter = attrgetter(*(fields.get(name, name) for name in names)) if names else None
        self._encoded = frozenset(place for place, name in enumerate(names) if name in encoded)

    def read(self, rows: Sequence[object]) -> list[Sequence[Any]]:
        """A sequence of values for each column, as the rows hold them."""
        if self._getter is None:
            return []
        if len(self.names) == 1:
            # A getter of one attribute gives the value itself.
            return [tuple(map(self._getter, rows))]
        return list(zip(*map(self._getter, rows), strict=True))

    def to_driver(self, place: int, column: Sequence[Any]) -> Sequence[Any]:
        """The values of the column at a place, as the driver takes them."""
        return _to_json(column) if place in self._encoded else column

    def of(self, rows: Sequence[object]) -> list[Sequence[Any]]:
        """A sequence of values for each column, as the driver takes them."""
        columns = self.read(rows)
        for place in self._encoded:
            columns[place] = _to_json(columns[place])
        return columns


def _to_json(column: Sequence[Any]) -> list[bytes | None]:
    return [None if value is None else _ENCODER.encode(value) for value in column]


def column_types(table: Table) -> dict[str, str]:
    """The columns of a table with the types of their parameters, in the table's order.

    Columns of arrays are left out: a batch is an array of each column, and there are no arrays of arrays.
    """
    return {column.name: _type_name(column.type) for column in table.columns if not isinstance(column.type, ARRAY)}


def _type_name(kind: TypeEngine[Any]) -> str:
    name = kind.compile(dialect=_DIALECT)
    return _SHORT.get(name, name.lower())
