"""How what a Work leaves is written: one statement for all kinds of it, whatever their number.

A round trip costs client, server and scheduler more than a row does. The statement is put together from the kinds that
a Work has said something of and from the rows that a service has deferred, and the few combinations that occur stay
prepared.
"""

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias
from uuid import UUID

import asyncpg

from shared.kernel.refusals import invariant
from shared.runtime.batch import Packed
from shared.runtime.db import Connection, Record

Row: TypeAlias = tuple[object, ...]

OUTBOX_BYTES_MAX = 7_000
"""An outbox row stays inside its page, neither compressed nor moved out; the table's toast_tuple_target says so too."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A table that rows are added to: its columns with their types, and those that are the same for a whole Work."""

    table: str
    columns: Mapping[str, str]
    shared: Mapping[str, str]
    beside: str = ""
    """What the rows are joined with: one row of its own."""
    tail: str = ""
    bulk: bool = False
    """Whether many rows may go by COPY."""

    def insert(self, *, first: int) -> str:
        """The INSERT whose parameters begin with number `first`: an array a column, then the shared values."""
        arrays = ", ".join(f"${first + place}::{kind}[]" for place, kind in enumerate(self.columns.values()))
        after = first + len(self.columns)
        same = "".join(f", ${after + place}::{kind}" for place, kind in enumerate(self.shared.values()))
        names = ", ".join((*self.columns, *self.shared))
        return (
            f"INSERT INTO {self.table} ({names}) SELECT n.*{same} FROM unnest({arrays}) AS n {self.beside}{self.tail}"  # noqa: S608 - names from this module
        )


# A unique violation here means that an event was received before: the batch runs again and asks first.
INBOX = Kind("inbox", {"event_id": "uuid"}, {})
FACT = Kind(
    "fact",
    {"event_id": "uuid", "aggregate_type": "text", "aggregate_id": "uuid", "version": "int", "body": "bytea"},
    {},
    bulk=True,
)
OUTBOX = Kind(
    "outbox",
    {"partition": "smallint", "routing_key": "text", "body": "bytea"},
    {},
    tail="RETURNING id, partition",
)
TIMER = Kind(
    "timer",
    {"kind": "text", "key": "uuid", "due_at": "timestamptz"},
    {},
    tail="ON CONFLICT (kind, key) DO UPDATE SET due_at = EXCLUDED.due_at",
)
NOTICE = Kind(
    "notice",
    {
        "id": "uuid",
        "recipient": "text",
        "subject_type": "text",
        "subject_id": "uuid",
        "event": "text",
        "text": "text",
        "reason": "text",
        "article": "text",
    },
    {"at": "timestamptz"},
    bulk=True,
)
DECISION = Kind(
    "decision",
    {
        "id": "uuid",
        "subject_type": "text",
        "subject_id": "uuid",
        "act": "text",
        "account_id": "uuid",
        "role": "text",
        "ground": "text",
        "rule": "text",
        "before": "text",
        "after": "text",
        "facts": "jsonb",
    },
    {"pack_version": "text", "at": "timestamptz"},
)
KEY_WAIT_MS = 2_000
"""How long a repeat waits for the first request with its key before it is told to come again."""
# A unique violation here means a parallel first call with the same key: its transaction runs again and replays. While
# that one has not ended its key is waited for, no longer than above: other calls of the batch wait as well.
ANSWER = Kind(
    "idempotency",
    {
        "scope": "text",
        "key": "text",
        "request_hash": "bytea",
        "status": "smallint",
        "body": "bytea",
        "resource": "text",
    },
    {},
    beside=f", (SELECT set_config('lock_timeout', '{KEY_WAIT_MS}', true)) AS patience",
)


class Part(NamedTuple):
    """A data-modifying statement inside a larger one, and whether the rows it touches are counted."""

    sql: str
    counted: bool = False


Render: TypeAlias = Callable[[Any, int], Sequence[Part]]
"""The parts of a batch of some shape, whose parameters begin with a number. The parts of one statement all see the
tables as they were before it."""


class Deferred(NamedTuple):
    """Rows of a service's own tables that wait to be written with whatever else the Work leaves."""

    render: Render
    shape: Hashable
    values: Sequence[object]
    updates: int
    """How many rows the counted parts have to touch; every other number is a bug."""
    conflicts: frozenset[str] = frozenset()
    """Tables in which a unique violation means that a parallel transaction was first: this one runs again."""


def deferred(
    render: Render, packed: Sequence[Packed], *, updates: int = 0, conflicts: frozenset[str] = frozenset()
) -> Deferred:
    """Batches to be written by the parts that `render` makes of their shapes."""
    shapes, values = tuple(part.shape for part in packed), [value for part in packed for value in part.values]
    return Deferred(render, shapes, values, updates, conflicts)


class Written(NamedTuple):
    """What came of one statement: the outbox rows (id, partition), and facts written before (subject, body)."""

    outbox: Sequence[Record] = ()
    earlier: Sequence[Record] = ()


_BY_TABLE = {kind.table: kind for kind in (INBOX, FACT, OUTBOX, TIMER, NOTICE, DECISION, ANSWER)}
_COUNTED = -1
_NO_ROWS = "SELECT NULL::bigint AS id, NULL::smallint AS partition WHERE false"


@lru_cache(maxsize=512)
def _statement(deferred: tuple[tuple[Render, Hashable, int], ...], kinds: tuple[str, ...], earlier: bool) -> str:  # noqa: FBT001 - positional for the cache
    """Deferred rows first, then the kinds; answers with ids and partitions of outbox rows, and with what was counted.

    With `earlier` it also reads facts that were written before, in no further trip.
    """
    parts: list[Part] = []
    first = 1
    for render, shape, width in deferred:
        parts += render(shape, first)
        first += width
    parts += [Part(kind.insert(first=at)) for kind, at in _placed(kinds, first=first)]
    first += sum(_width(_BY_TABLE[table]) for table in kinds)
    written = ", ".join(
        f"w{place} AS ({part.sql}{' RETURNING 1' if part.counted else ''})" for place, part in enumerate(parts)
    )
    tail = ", NULL::uuid AS subject, NULL::bytea AS body" if earlier else ""
    answers = []
    if kinds and kinds[-1] == OUTBOX.table:
        answers.append(f"SELECT id, partition{tail} FROM w{len(parts) - 1}")  # noqa: S608 - names from this module
    counts = [f"(SELECT count(*) FROM w{place})" for place, part in enumerate(parts) if part.counted]  # noqa: S608
    if counts:
        answers.append(f"SELECT {' + '.join(counts)} AS id, {_COUNTED}::smallint AS partition{tail}")
    if earlier:
        answers.append(
            f"SELECT NULL, NULL, f.aggregate_id, f.body FROM unnest(${first}::uuid[], ${first + 1}::int[])"  # noqa: S608
            " AS e(aggregate_id, version) JOIN fact f ON f.aggregate_id = e.aggregate_id AND f.version = e.version"
        )
    return f"WITH {written} {' UNION ALL '.join(answers) or _NO_ROWS}"


def _placed(kinds: tuple[str, ...], *, first: int) -> Iterator[tuple[Kind, int]]:
    """Each kind with the number of its first parameter."""
    for kind in (_BY_TABLE[table] for table in kinds):
        yield kind, first
        first += _width(kind)


def _width(kind: Kind) -> int:
    return len(kind.columns) + len(kind.shared)


async def write(
    connection: Connection,
    said: Sequence[tuple[Kind, Sequence[Row], Row]],
    *,
    deferred: Sequence[Deferred] = (),
    earlier: Sequence[tuple[UUID, int]] = (),
) -> Written:
    """Write deferred rows, and add rows of several kinds, with one statement.

    Each entry of `said` is a kind, its rows, and its shared values; the outbox comes last. `earlier` are facts by
    aggregate and version that are read along.

    Raises: Bug when deferred rows were not all there; SerializationError when a parallel transaction was first.
    """
    present = [entry for entry in said if entry[1]]
    if not present and not deferred:
        return Written()
    values: list[object] = [value for part in deferred for value in part.values]
    for _, added, same in present:
        values.extend(list(column) for column in zip(*added, strict=True))
        values.extend(same)
    if earlier:
        values.extend(list(column) for column in zip(*earlier, strict=True))
    parts = tuple((part.render, part.shape, len(part.values)) for part in deferred)
    statement = _statement(parts, tuple(kind.table for kind, _, _ in present), bool(earlier))
    try:
        rows = await connection.fetch(statement, *values)
    except asyncpg.UniqueViolationError as error:
        if any(error.table_name in part.conflicts for part in deferred):
            # Run again as a whole, the transaction finds the row and answers by its state.
            raise asyncpg.SerializationError(str(error)) from error
        raise
    touched = sum(row["id"] for row in rows if row["partition"] == _COUNTED)
    invariant(touched == sum(part.updates for part in deferred), "every row was still as it was decided on")
    return Written(
        outbox=[row for row in rows if row["partition"] is not None and row["partition"] != _COUNTED],
        earlier=[row for row in rows if row["partition"] is None],
    )


async def copy(connection: Connection, kind: Kind, rows: Sequence[Row], same: Row) -> None:
    """Add many rows by COPY: the driver looks at each element of an array twice."""
    records = [(*row, *same) for row in rows] if same else rows
    await connection.copy_records_to_table(kind.table, records=records, columns=(*kind.columns, *kind.shared))


def joined(rows: Sequence[tuple[int, str, bytes]]) -> list[tuple[int, str, bytes]]:
    """Outbox rows with several events each; the relay puts a comma between bodies, and so may a row.

    Order is kept within a routing key; between keys nothing is promised to anybody.
    """
    taken: dict[tuple[int, str], list[list[bytes]]] = {}
    room: dict[tuple[int, str], int] = {}
    for partition, routing_key, body in rows:
        key = (partition, routing_key)
        room[key] = room.get(key, 0) - len(body) - 1
        if room[key] < 0:
            taken.setdefault(key, []).append([])
            room[key] = OUTBOX_BYTES_MAX - len(body)
        taken[key][-1].append(body)
    return [(*key, b",".join(bodies)) for key, rows_of_key in taken.items() for bodies in rows_of_key]
