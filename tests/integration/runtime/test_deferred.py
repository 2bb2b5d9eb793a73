"""Rows that a handler defers: written with what it says by one statement, guarded, and never half."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from sqlalchemy import Column, Integer, MetaData, Table, Uuid

from shared.kernel.refusals import Bug
from shared.runtime.batch import Packed, Source
from shared.runtime.runtime import Runtime
from shared.runtime.said import Deferred, Part, deferred
from shared.runtime.service import Service
from shared.runtime.settings import ServiceSettings
from shared.runtime.tables import attach
from shared.runtime.work import Notice, Work
from tests.factories.harness import open_platform

METADATA = MetaData()
attach(METADATA)
Table("kept", METADATA, Column("id", Uuid, primary_key=True), Column("amount", Integer, nullable=False))
SERVICE = Service(name="toy", metadata=METADATA, settings=ServiceSettings)
_TYPES = {"id": "uuid", "amount": "int"}


@pytest.fixture
async def runtime(fresh_database: Callable[[], str]) -> AsyncIterator[Runtime]:
    """A service with one table of its own."""
    async with open_platform([SERVICE], fresh_database) as platform:
        yield platform.runtime("toy")


def _insert(shapes: tuple[Any, ...], first: int) -> list[Part]:
    return [Part(Source(shapes[0], _TYPES, first=first).insert("kept"))]


def _update(shapes: tuple[Any, ...], first: int) -> list[Part]:
    n = Source(shapes[0], _TYPES, first=first)
    return [Part(f"UPDATE kept k SET amount = n.amount FROM {n.rows} WHERE k.id = n.id", counted=True)]  # noqa: S608


def _packed(amounts: dict[UUID, int]) -> list[Packed]:
    return [Packed((("id", False), ("amount", False)), [list(amounts), list(amounts.values())])]


def added(amounts: dict[UUID, int], **others: Any) -> Deferred:
    """New rows."""
    return deferred(_insert, _packed(amounts), **others)


def changed(amounts: dict[UUID, int]) -> Deferred:
    """Rows that are there."""
    return deferred(_update, _packed(amounts), updates=len(amounts))


async def amounts(runtime: Runtime) -> dict[UUID, int]:
    """What the table holds."""
    async with runtime.reading() as connection:
        return {row["id"]: row["amount"] for row in await connection.fetch("SELECT id, amount FROM kept")}


def tell(work: Work) -> None:
    """Say something."""
    work.notify(Notice(recipient="role:auditor", subject_type="toy", subject_id=uuid4(), event="toy", text="有"))


async def change(runtime: Runtime, amounts: dict[UUID, int]) -> None:
    """One transaction that changes rows and says so."""
    async with runtime.work() as work:
        work.defer(changed(amounts))
        tell(work)


async def test_rows_and_what_is_said_are_one_statement(runtime: Runtime) -> None:
    one, two = uuid4(), uuid4()
    async with runtime.work() as work:
        work.defer(added({one: 1, two: 2}))
    statements: list[str] = []
    async with runtime.work() as work:
        work.connection.add_query_logger(lambda query: statements.append(query.query))
        work.defer(changed({one: 10}))
        work.defer(changed({two: 20}))
        tell(work)
        await work.flush()
        # The driver reports statements a moment later.
        await asyncio.sleep(0.1)
    assert len([text for text in statements if text != "COMMIT" and "typeinfo" not in text]) == 1
    assert await amounts(runtime) == {one: 10, two: 20}
    async with runtime.reading() as connection:
        assert await connection.fetchval("SELECT count(*) FROM notice") == 1


async def test_a_row_that_is_not_as_it_was_decided_on_undoes_everything(runtime: Runtime) -> None:
    there, gone = uuid4(), uuid4()
    async with runtime.work() as work:
        work.defer(added({there: 1}))
    with pytest.raises(Bug):
        await change(runtime, {there: 2, gone: 3})
    assert await amounts(runtime) == {there: 1}
    async with runtime.reading() as connection:
        assert await connection.fetchval("SELECT count(*) FROM notice") == 0


@pytest.mark.parametrize(
    ("conflicts", "fault"), [(("kept",), asyncpg.SerializationError), ((), asyncpg.UniqueViolationError)]
)
async def test_a_parallel_transaction_that_was_first_is_a_fault_of_the_moment_only_where_that_is_expected(
    runtime: Runtime, conflicts: Sequence[str], fault: type[Exception]
) -> None:
    row = uuid4()
    async with runtime.work() as work:
        work.defer(added({row: 1}))
    with pytest.raises(fault):
        async with runtime.work() as work:
            work.defer(added({row: 2}, conflicts=frozenset(conflicts)))
    assert await amounts(runtime) == {row: 1}


async def test_what_a_later_handler_reads_is_written_before_it_and_once(runtime: Runtime) -> None:
    row = uuid4()
    async with runtime.work() as work:
        work.defer(added({row: 1}))
        await work.write_deferred()
        assert await work.connection.fetchval("SELECT amount FROM kept WHERE id = $1", row) == 1
        work.defer(changed({row: 2}))
    assert await amounts(runtime) == {row: 2}
