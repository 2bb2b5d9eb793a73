"""Rows that a handler adds and changes: diffed, guarded, written by one statement, and before anything is read."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from sqlalchemy import BigInteger, Column, Integer, LargeBinary, MetaData, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB

from shared.kernel.refusals import Bug
from shared.runtime.database.tables import attach, moment
from shared.runtime.service.runtime import Runtime
from shared.runtime.service.service import Service
from shared.runtime.service.settings import ServiceSettings
from shared.runtime.unit_of_work.rows import WAS, Insert, Rows, Stamp, Update
from shared.runtime.unit_of_work.work import Notice, Work
from tests.factories.harness import open_platform

METADATA = MetaData()
attach(METADATA)
KEPT = Table(
    "kept",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("state", Text, nullable=False),
    Column("amount_fen", BigInteger, nullable=False),
    Column("note", JSONB),
    Column("asked", LargeBinary),
    Column("version", Integer, nullable=False),
    Column("steps", Integer, nullable=False),
)
PART = Table(
    "part", METADATA, Column("kept_id", Uuid, primary_key=True), Column("line", Integer, primary_key=True),
    Column("text", Text, nullable=False), Column("stamp", Uuid), moment("at", nullable=True),
)  # fmt: skip
SERVICE = Service(name="toy", metadata=METADATA, settings=ServiceSettings)


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A row of `kept`; `question` is kept as JSON in `asked`."""

    id: UUID
    state: str = "new"
    amount_fen: int = 0
    note: dict[str, int] | None = None
    question: list[int] | None = None
    version: int = 1


class Part(msgspec.Struct, frozen=True):
    """A row of `part`."""

    kept_id: UUID
    line: int
    text: str = ""


COLUMNS = frozenset({"state", "amount_fen", "note", "asked"})
ROWS: Rows[Row] = Rows(
    KEPT,
    guard="version",
    fields={"asked": "question"},
    encoded=frozenset({"asked"}),
    insert=Insert(computed={"steps": "0"}, common=frozenset({"state", "version"})),
    update=Update(
        columns=COLUMNS,
        common=frozenset({"state", "version", WAS}),
        computed={"steps": "t.steps + {version} - t.version"},
    ),
)
PARTS: Rows[Part] = Rows(
    PART,
    insert=Insert(stamped={"stamp": Stamp.NEW_ID, "at": Stamp.NOW}),
    update=Update(always=frozenset({"text"})),
    retry_on_conflict=True,
)
_ROW = st.builds(
    lambda state, amount_fen, note, question: {
        "state": state, "amount_fen": amount_fen, "note": note, "question": question
    },
    st.sampled_from(["new", "held", "gone"]),
    st.integers(-(2**62), 2**62),
    st.none() | st.dictionaries(st.text("ab", max_size=2), st.integers(0, 9), max_size=2),
    st.none() | st.lists(st.integers(0, 9), max_size=3),
)  # fmt: skip


@pytest.fixture
async def runtime(fresh_database: Callable[[], str]) -> AsyncIterator[Runtime]:
    """A service with two tables of its own."""
    async with open_platform([SERVICE], fresh_database) as platform:
        yield platform.runtime("toy")


@asynccontextmanager
async def heard(work: Work) -> AsyncIterator[list[str]]:
    """The statements of a Work but for the driver's own, once the block is over: they are reported a moment later."""
    found: list[str] = []

    def listen(query: Any) -> None:
        if not any(own in query.query for own in ("typeinfo", "current_setting")):
            found.append(query.query)

    work.connection.raw.add_query_logger(listen)
    yield found
    await asyncio.sleep(0.1)
    work.connection.raw.remove_query_logger(listen)


async def stored(runtime: Runtime) -> dict[UUID, Row]:
    """What `kept` holds."""
    async with runtime.reading() as connection:
        found = await connection.fetch("SELECT * FROM kept")
    return {
        row["id"]: Row(
            **{name: row[name] for name in ("id", "state", "amount_fen", "note", "version")},
            question=None if row["asked"] is None else msgspec.json.decode(row["asked"]),
        )
        for row in found
    }


async def add(runtime: Runtime, rows: Sequence[Row]) -> None:
    """Commit new rows."""
    async with runtime.work() as work:
        work.insert(ROWS, rows)


async def change(runtime: Runtime, *steps: Sequence[tuple[Row, Row]]) -> None:
    """Commit changed rows, step by step, and say so."""
    async with runtime.work() as work:
        for pairs in steps:
            work.update(ROWS, pairs)
        tell(work)


def tell(work: Work) -> None:
    """Say something."""
    work.notify(Notice(recipient="role:auditor", subject_type="toy", subject_id=uuid4(), event="toy", text="有"))


def step(row: Row, **changes: Any) -> tuple[Row, Row]:
    """A row before and after a change."""
    return row, replace(row, version=row.version + 1, **changes)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    values=st.lists(st.tuples(_ROW, _ROW, st.integers(1, 5)), min_size=1, max_size=6),
    stale=st.none() | st.integers(0, 5),
)
async def test_any_batch_ends_in_its_rows_as_they_are_now_and_a_stale_one_changes_nothing(
    runtime: Runtime, values: list[tuple[dict[str, Any], dict[str, Any], int]], stale: int | None
) -> None:
    before = [Row(id=uuid4(), version=version, **was) for was, _, version in values]
    await add(runtime, before)
    pairs = [step(row, **now) for row, (_, now, _) in zip(before, values, strict=True)]
    if stale is None:
        await change(runtime, pairs)
    else:
        # One of them was loaded before somebody else changed it.
        place = stale % len(pairs)
        pairs[place] = (replace(pairs[place][0], version=pairs[place][0].version - 1), pairs[place][1])
        with pytest.raises(Bug):
            await change(runtime, pairs)
    found = await stored(runtime)
    assert [found[row.id] for row in before] == (before if stale is not None else [after for _, after in pairs])


async def test_only_what_differs_in_a_row_is_written_and_the_guard_always(runtime: Runtime) -> None:
    rows = [Row(id=uuid4()) for _ in range(3)]
    await add(runtime, rows)
    async with runtime.work() as work, heard(work) as statements:
        work.update(ROWS, [step(rows[0], amount_fen=5), step(rows[1]), step(rows[2])])
        await work.flush()
    (statement,) = [text for text in statements if "UPDATE" in text]
    assert "SET amount_fen = n.amount_fen, version = $4::int, steps = t.steps + $4::int - t.version FROM" in statement
    assert "WHERE t.id = n.id AND t.version = $2::int RETURNING 1" in statement
    async with runtime.reading() as connection:
        assert await connection.fetchval("SELECT sum(steps) FROM kept") == 3


async def test_all_changes_and_what_is_said_are_one_statement(runtime: Runtime) -> None:
    one, two = Row(id=uuid4()), Row(id=uuid4())
    await add(runtime, [one])
    async with runtime.work() as work, heard(work) as statements:
        work.update(ROWS, [step(one, state="held")])
        work.insert(ROWS, [two])
        work.insert(PARTS, [Part(two.id, 1), Part(two.id, 2)])
        tell(work)
        await work.flush()
    assert len(statements) == 1
    async with runtime.reading() as connection:
        rows = await connection.fetch("SELECT stamp, at FROM part")
        assert await connection.fetchval("SELECT count(*) FROM notice") == 1
    assert len({row["stamp"] for row in rows}) == 2
    assert len({row["at"] for row in rows}) == 1


async def test_a_row_that_is_not_as_it_was_loaded_undoes_everything(runtime: Runtime) -> None:
    there, gone = Row(id=uuid4()), Row(id=uuid4())
    await add(runtime, [there])
    with pytest.raises(Bug):
        await change(runtime, [step(there, state="held"), step(gone, state="held")])
    assert await stored(runtime) == {there.id: there}
    async with runtime.reading() as connection:
        assert await connection.fetchval("SELECT count(*) FROM notice") == 0


async def test_a_row_that_one_statement_would_change_twice_is_a_bug(runtime: Runtime) -> None:
    row = Row(id=uuid4())
    await add(runtime, [row])
    held = step(row, state="held")
    with pytest.raises(Bug):
        await change(runtime, [held], [step(held[1], state="gone")])
    assert await stored(runtime) == {row.id: row}


async def test_a_parallel_transaction_that_was_first_is_a_fault_of_the_moment_only_where_that_is_expected(
    runtime: Runtime,
) -> None:
    row, part = Row(id=uuid4()), Part(uuid4(), 1)
    async with runtime.work() as work:
        work.insert(ROWS, [row])
        work.insert(PARTS, [part])
    with pytest.raises(asyncpg.UniqueViolationError):
        await add(runtime, [row])
    with pytest.raises(asyncpg.SerializationError):
        async with runtime.work() as work:
            work.insert(PARTS, [part])


Read = Callable[[Any, UUID], Any]
_SELECT = "SELECT state FROM kept WHERE id = $1"


async def _by_copy(connection: Any, row: UUID) -> str:
    """Reads nothing, but what it adds stands behind what was pending."""
    await connection.copy_records_to_table("part", records=[(uuid4(), 1, "")], columns=("kept_id", "line", "text"))
    found: str = await connection.raw.fetchval(_SELECT, row)
    return found


async def _by_many(connection: Any, row: UUID) -> str:
    await connection.executemany("INSERT INTO part (kept_id, line, text) VALUES ($1, 1, '')", [(uuid4(),)])
    found: str = await connection.raw.fetchval(_SELECT, row)
    return found


async def _by_row(connection: Any, row: UUID) -> str:
    found: str = (await connection.fetchrow(_SELECT, row))["state"]
    return found


async def _by_rows(connection: Any, row: UUID) -> str:
    found: str = (await connection.fetch(_SELECT, row))[0]["state"]
    return found


async def _by_statement(connection: Any, row: UUID) -> str:
    assert await connection.execute("UPDATE kept SET state = state || '!' WHERE id = $1", row) == "UPDATE 1"
    found: str = (await connection.raw.fetchval(_SELECT, row)).rstrip("!")
    return found


READS: dict[str, Read] = {
    "fetch": _by_rows,
    "fetchrow": _by_row,
    "fetchval": lambda connection, row: connection.fetchval(_SELECT, row),
    "execute": _by_statement,
    "executemany": _by_many,
    "copy_records_to_table": _by_copy,
}


@pytest.mark.parametrize("how", READS)
async def test_whatever_is_asked_of_the_connection_of_a_work_sees_what_the_work_has_changed(
    runtime: Runtime, how: str
) -> None:
    row = Row(id=uuid4())
    await add(runtime, [row])
    async with runtime.work() as work:
        work.update(ROWS, [step(row, state="held")])
        assert await READS[how](work.connection, row.id) == "held"
        # It was written once: what follows stands on it.
        work.update(ROWS, [step(step(row, state="held")[1], state="gone")])
    assert (await stored(runtime))[row.id].state == "gone"


async def test_what_is_set_apart_waits_for_the_end_and_goes_with_all_else(runtime: Runtime) -> None:
    row = Row(id=uuid4())
    async with runtime.work() as work, heard(work) as statements:
        work.insert(ROWS, [row])
        work.set_apart()
        # Another caller of the same batch: it does not read what this one has changed.
        assert await work.connection.fetchval("SELECT count(*) FROM kept") == 0
        work.insert(PARTS, [Part(row.id, 1)])
        await work.flush()
    assert len([text for text in statements if "INSERT" in text]) == 1
    assert await stored(runtime) == {row.id: row}


async def test_nothing_to_add_or_change_writes_nothing(runtime: Runtime) -> None:
    async with runtime.work() as work, heard(work) as statements:
        work.insert(ROWS, [])
        work.update(ROWS, [])
        await work.flush()
    assert statements == []
