"""Writes everything that a Work leaves with one statement, whatever the number of rows.

A round trip costs client, server and scheduler more than a row does. The statement has one part for each changed table
of the service (`rows`) and one for each of the runtime's own tables with new rows. Few combinations occur, and each
stays prepared.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

import asyncpg
from sqlalchemy import Table

from shared.kernel.refusals import invariant
from shared.runtime.database.sql import Connection, Record
from shared.runtime.database.tables import attach, new_metadata
from shared.runtime.unit_of_work.packing import Shape
from shared.runtime.unit_of_work.rows import Change, Rows, column_types

Row: TypeAlias = tuple[object, ...]

OUTBOX_BYTES_MAX = 7_000
"""An outbox row stays inside its page, neither compressed nor moved out; the table's toast_tuple_target says so too."""


@dataclass(frozen=True, slots=True)
class InsertSpec:
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


def _kind(table: Table, *columns: str, shared: Sequence[str] = (), **how: Any) -> InsertSpec:  # noqa: ANN401 - as InsertSpec takes them
    types = column_types(table)
    return InsertSpec(
        table.name, {name: types[name] for name in columns}, {name: types[name] for name in shared}, **how
    )


_TABLES = attach(new_metadata())
# A unique violation here means that an event was received before: the batch runs again and asks first.
INBOX = _kind(_TABLES.inbox, "event_id")
FACT = _kind(_TABLES.fact, "event_id", "aggregate_type", "aggregate_id", "version", "body", bulk=True)
OUTBOX = _kind(_TABLES.outbox, "partition", "routing_key", "body", tail="RETURNING id, partition")
TIMER = _kind(
    _TABLES.timer, "kind", "key", "due_at", tail="ON CONFLICT (kind, key) DO UPDATE SET due_at = EXCLUDED.due_at"
)
NOTICE = _kind(
    _TABLES.notice,
    *("id", "recipient", "subject_type", "subject_id", "event", "text", "reason", "article"),
    shared=("at",),
    bulk=True,
)
DECISION = _kind(
    _TABLES.decision,
    *("id", "subject_type", "subject_id", "act", "account_id", "role", "ground", "rule", "before", "after", "facts"),
    shared=("pack_version", "at"),
)
KEY_WAIT_MS = 2_000
"""How long a repeat waits for the first request with its key before it is told to come again."""
# A unique violation here means a parallel first call with the same key: its transaction runs again and replays. While
# that one has not ended its key is waited for, no longer than above: other calls of the batch wait as well.
ANSWER = _kind(
    _TABLES.idempotency,
    *("scope", "key", "request_hash", "status", "body", "resource"),
    beside=f", (SELECT set_config('lock_timeout', '{KEY_WAIT_MS}', true)) AS patience",
)


_BY_TABLE = {kind.table: kind for kind in (INBOX, FACT, OUTBOX, TIMER, NOTICE, DECISION, ANSWER)}
_COUNTED = -1
_NO_ROWS = "SELECT NULL::bigint AS id, NULL::smallint AS partition WHERE false"


StatementPart: TypeAlias = tuple[Rows[Any], Shape, bool]
"""A change without its values: table, shape, and whether it updates rows, which are counted then."""


@lru_cache(maxsize=512)
def _statement(changes: tuple[StatementPart, ...], kinds: tuple[str, ...]) -> str:
    """Changes first, then the kinds; answers with ids and partitions of outbox rows, and with what was counted.

    All parts of the statement see the tables as they were before it.
    """
    parts: list[str] = []
    first = 1
    for rows, shape, updates in changes:
        parts.append(rows.statement(shape, updates=updates, first=first) + (" RETURNING 1" if updates else ""))
        first += len(shape)
    parts += [kind.insert(first=at) for kind, at in _placed(kinds, first=first)]
    written = ", ".join(f"w{place} AS ({sql})" for place, sql in enumerate(parts))
    answers = []
    if kinds and kinds[-1] == OUTBOX.table:
        answers.append(f"SELECT id, partition FROM w{len(parts) - 1}")  # noqa: S608 - names from this module
    counts = [f"(SELECT count(*) FROM w{place})" for place, (_, _, updates) in enumerate(changes) if updates]  # noqa: S608
    if counts:
        answers.append(f"SELECT {' + '.join(counts)} AS id, {_COUNTED}::smallint AS partition")
    return f"WITH {written} {' UNION ALL '.join(answers) or _NO_ROWS}"


def _placed(kinds: tuple[str, ...], *, first: int) -> Iterator[tuple[InsertSpec, int]]:
    """Each kind with the number of its first parameter."""
    for kind in (_BY_TABLE[table] for table in kinds):
        yield kind, first
        first += _width(kind)


def _width(kind: InsertSpec) -> int:
    return len(kind.columns) + len(kind.shared)


async def write(
    connection: Connection,
    said: Sequence[tuple[InsertSpec, Sequence[Row], Row]],
    *,
    changes: Sequence[Change] = (),
) -> Sequence[Record]:
    """Write changes, and add rows of several kinds, with one statement; returns id and partition of outbox rows.

    Each entry of `said` is a kind, its rows, and its shared values; the outbox comes last.

    Raises: Bug when a changed row was not as it was loaded; SerializationError when a parallel transaction was first.
    """
    present = [entry for entry in said if entry[1]]
    if not present and not changes:
        return ()
    values: list[object] = []
    for change in changes:
        values += change.values
    for _, added, same in present:
        values.extend(list(column) for column in zip(*added, strict=True))
        values.extend(same)
    parts = tuple((change.rows, change.shape, change.updates > 0) for change in changes)
    statement = _statement(parts, tuple(kind.table for kind, _, _ in present))
    try:
        rows = await connection.fetch(statement, *values)
    except asyncpg.UniqueViolationError as error:
        if any(change.rows.retry_on_conflict and error.table_name == change.rows.name for change in changes):
            # Run again as a whole, the transaction finds the row and answers by its state.
            raise asyncpg.SerializationError(str(error)) from error
        raise
    touched = sum(row["id"] for row in rows if row["partition"] == _COUNTED)
    invariant(touched == sum(change.updates for change in changes), "every row was still as it was decided on")
    return [row for row in rows if row["partition"] != _COUNTED]


async def copy(connection: Connection, kind: InsertSpec, rows: Sequence[Row], same: Row) -> None:
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
