"""How what a Work has said is written: one statement for all kinds of it, whatever their number.

A round trip costs client, server and scheduler more than a row does. The statement is put together from the kinds that
a Work has said something of, and the few combinations that occur stay prepared.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias
from uuid import UUID

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
    tail: str = ""
    bulk: bool = False
    """Whether many rows may go by COPY."""

    def insert(self, *, first: int) -> str:
        """The INSERT whose parameters begin with number `first`: an array a column, then the shared values."""
        arrays = ", ".join(f"${first + place}::{kind}[]" for place, kind in enumerate(self.columns.values()))
        after = first + len(self.columns)
        same = "".join(f", ${after + place}::{kind}" for place, kind in enumerate(self.shared.values()))
        names = ", ".join((*self.columns, *self.shared))
        return f"INSERT INTO {self.table} ({names}) SELECT n.*{same} FROM unnest({arrays}) AS n {self.tail}"  # noqa: S608 - names from this module


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
# A unique violation here means a parallel first call with the same key: its transaction runs again and replays.
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
)


@lru_cache(maxsize=64)
def _statement(kinds: tuple[str, ...]) -> str:
    parts = [kind.insert(first=first) for kind, first in _placed(kinds)]
    before = ", ".join(f"w{place} AS ({part})" for place, part in enumerate(parts[:-1]))
    return f"WITH {before} {parts[-1]}" if before else parts[-1]


@lru_cache(maxsize=16)
def _looking_back(kinds: tuple[str, ...]) -> str:
    """As `_statement`, for kinds that end with the outbox; it also reads facts written before, in no further trip."""
    parts = [kind.insert(first=first) for kind, first in _placed(kinds)]
    written = ", ".join(f"w{place} AS ({part})" for place, part in enumerate(parts))
    first = 1 + sum(_width(_BY_TABLE[table]) for table in kinds)
    return (
        f"WITH {written} SELECT id, partition, NULL::uuid AS subject, NULL::bytea AS body FROM w{len(parts) - 1}"  # noqa: S608 - names from this module
        " UNION ALL SELECT NULL, NULL, f.aggregate_id, f.body"
        f" FROM unnest(${first}::uuid[], ${first + 1}::int[]) AS e(aggregate_id, version)"
        " JOIN fact f ON f.aggregate_id = e.aggregate_id AND f.version = e.version"
    )


def _placed(kinds: tuple[str, ...]) -> Iterator[tuple[Kind, int]]:
    """Each kind with the number of its first parameter."""
    first = 1
    for kind in (_BY_TABLE[table] for table in kinds):
        yield kind, first
        first += _width(kind)


def _width(kind: Kind) -> int:
    return len(kind.columns) + len(kind.shared)


_BY_TABLE = {kind.table: kind for kind in (FACT, OUTBOX, TIMER, NOTICE, DECISION, ANSWER)}


async def write(
    connection: Connection,
    said: Sequence[tuple[Kind, Sequence[Row], Row]],
    *,
    earlier: Sequence[tuple[UUID, int]] = (),
) -> Sequence[Record]:
    """Add rows to several tables with one statement; each entry is a kind, its rows, and its shared values.

    Returns what the last kind's INSERT returns: for the outbox the ids with their partitions. `earlier` are facts by
    aggregate and version that are read along, as subject and body of rows without a partition.
    """
    present = [entry for entry in said if entry[1]]
    if not present:
        return ()
    values: list[object] = []
    for _, added, same in present:
        values.extend(list(column) for column in zip(*added, strict=True))
        values.extend(same)
    kinds = tuple(kind.table for kind, _, _ in present)
    if earlier:
        values.extend(list(column) for column in zip(*earlier, strict=True))
    statement = _looking_back(kinds) if earlier else _statement(kinds)
    rows: Sequence[Record] = await connection.fetch(statement, *values)
    return rows


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
