"""The months of the facts' table: made ahead, and mended beside writers, whatever lies in the default partition."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import asyncpg
import pytest

from shared.runtime.deploy import partitions
from shared.runtime.deploy.migrate import upgrade
from shared.runtime.deploy.partitions import MONTHS_AHEAD, groups_of, make_months, month_of, partitions_of

NOW = datetime.now(UTC)
A_YEAR_ON = month_of(NOW, MONTHS_AHEAD + 2) + timedelta(days=9)
"""Two months after the last one that a migration of today makes."""


@asynccontextmanager
async def migrated(fresh_database: Callable[[], str]) -> AsyncIterator[asyncpg.Connection]:
    dsn = fresh_database()
    await upgrade("catalog", dsn)
    connection = await asyncpg.connect(dsn)
    try:
        yield connection
    finally:
        await connection.close()


async def record(connection: asyncpg.Connection, *moments: datetime) -> None:
    """Facts that were recorded then."""
    await connection.executemany(
        "INSERT INTO fact (event_id, aggregate_type, aggregate_id, version, body, recorded_at)"
        " VALUES ($1, 'product', $1, 1, 'x', $2)",
        [(uuid4(), moment) for moment in moments],
    )


async def stored(connection: asyncpg.Connection) -> dict[str, int]:
    """How many facts each partition has, and all of them together."""
    rows = await connection.fetch("SELECT tableoid::regclass::text AS name, count(*) AS facts FROM fact GROUP BY 1")
    return {row["name"]: row["facts"] for row in rows}


async def test_a_migration_makes_a_year_of_months_and_a_later_run_those_that_came(
    fresh_database: Callable[[], str],
) -> None:
    async with migrated(fresh_database) as connection:
        assert [each.first for each in await partitions_of(connection)] == [
            month_of(NOW, ahead) for ahead in range(MONTHS_AHEAD + 1)
        ]
        assert (await make_months(connection)).made == []
        later = month_of(NOW, 3) + timedelta(days=1)
        done = await make_months(connection, now=later)
        assert done.made == [
            f"fact_{month_of(later, ahead):%Y_%m}" for ahead in range(MONTHS_AHEAD - 2, MONTHS_AHEAD + 1)
        ]
        assert (done.promoted, done.moved, done.left) == ([], 0, [])


async def test_after_a_year_without_a_run_the_default_partition_becomes_that_of_its_months(
    fresh_database: Callable[[], str],
) -> None:
    async with migrated(fresh_database) as connection:
        moments = [month_of(A_YEAR_ON, -1), A_YEAR_ON - timedelta(days=20), A_YEAR_ON]
        await record(connection, *moments)
        assert await stored(connection) == {"fact_default": 3}
        indexes = await connection.fetchval("SELECT count(*) FROM pg_index WHERE indrelid = 'fact_default'::regclass")

        done = await make_months(connection, now=A_YEAR_ON)

        (name,) = done.promoted
        assert await stored(connection) == {name: 3}, "the very rows, where they were"
        assert (done.moved, done.left) == (0, [])
        found = await partitions_of(connection)
        assert all(one.end == next_one.first for one, next_one in itertools.pairwise(found)), "without a gap"
        assert found[-1].end == month_of(A_YEAR_ON, MONTHS_AHEAD + 1)
        for table in (name, "fact_default"):
            assert indexes == await connection.fetchval(
                "SELECT count(*) FROM pg_index WHERE indrelid = $1::regclass", table
            )
        # What comes now finds its month, and the next run nothing to do.
        await record(connection, A_YEAR_ON + timedelta(minutes=1), A_YEAR_ON + timedelta(days=45))
        assert "fact_default" not in await stored(connection)
        again = await make_months(connection, now=A_YEAR_ON)
        assert (again.made, again.promoted) == ([], [])


async def test_an_upgrade_survives_facts_in_the_default_partition(fresh_database: Callable[[], str]) -> None:
    dsn = fresh_database()
    await upgrade("catalog", dsn)
    connection = await asyncpg.connect(dsn)
    # As after a year in which nobody made months: the present one lies in the default partition.
    await connection.execute(f"DROP TABLE fact_{NOW:%Y_%m}")
    await record(connection, NOW)
    await upgrade("catalog", dsn)
    assert "fact_default" not in await stored(connection)
    assert sum((await stored(connection)).values()) == 1
    await connection.close()


async def test_months_of_a_wrong_clock_are_moved_and_the_others_stay_where_they_are(
    fresh_database: Callable[[], str],
) -> None:
    async with migrated(fresh_database) as connection:
        long_ago = month_of(NOW, -30) + timedelta(days=3)
        await record(connection, long_ago, A_YEAR_ON, A_YEAR_ON)
        done = await make_months(connection, now=A_YEAR_ON)
        assert (done.moved, len(done.promoted), done.left) == (1, 1, [])
        assert await stored(connection) == {f"fact_{long_ago:%Y_%m}": 1, done.promoted[0]: 2}
        assert await connection.fetchval("SELECT count(*) FROM fact WHERE recorded_at = $1", long_ago) == 1


async def test_too_many_facts_that_lie_apart_are_left_and_told(
    fresh_database: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partitions, "MOVED_MAX", 1)
    async with migrated(fresh_database) as connection:
        long_ago = month_of(NOW, -30)
        await record(connection, long_ago, long_ago, A_YEAR_ON, A_YEAR_ON, A_YEAR_ON)
        done = await make_months(connection, now=NOW)
        assert (done.left, done.promoted, done.moved) == ([f"{long_ago:%Y-%m}"], [], 0)
        assert "LEFT" in done.text()
        assert await stored(connection) == {"fact_default": 5}


async def test_facts_are_written_and_found_while_the_default_partition_changes(
    fresh_database: Callable[[], str],
) -> None:
    dsn = fresh_database()
    await upgrade("catalog", dsn)
    connection, writer = await asyncpg.connect(dsn), await asyncpg.connect(dsn)
    await record(connection, *([A_YEAR_ON] * 2_000))
    written = 0
    ended = asyncio.Event()

    async def write() -> None:
        nonlocal written
        while not ended.is_set():
            await record(writer, A_YEAR_ON + timedelta(seconds=written))
            written += 1
            assert await writer.fetchval("SELECT count(*) FROM fact") == 2_000 + written

    writing = asyncio.create_task(write())
    while written < 20:  # noqa: ASYNC110 - the writer counts
        await asyncio.sleep(0.01)
    done = await make_months(connection, now=A_YEAR_ON)
    seen = written
    while written < seen + 20:  # noqa: ASYNC110 - the writer counts
        await asyncio.sleep(0.01)
    ended.set()
    await writing
    assert await stored(connection) == {done.promoted[0]: 2_000 + written}
    await connection.close()
    await writer.close()


async def test_a_run_that_was_broken_off_is_finished_by_the_next(
    fresh_database: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with migrated(fresh_database) as connection:
        await record(connection, A_YEAR_ON)
        locked = partitions._locked

        async def broken(connection: asyncpg.Connection, statements: list[str]) -> None:
            if any("DETACH" in statement for statement in statements):
                raise ConnectionError
            await locked(connection, statements)

        monkeypatch.setattr(partitions, "_locked", broken)
        with pytest.raises(ConnectionError):
            await make_months(connection, now=A_YEAR_ON)
        monkeypatch.undo()
        await record(connection, A_YEAR_ON + timedelta(days=20))
        done = await make_months(connection, now=A_YEAR_ON + timedelta(days=20))
        assert await stored(connection) == {done.promoted[0]: 2}


async def test_two_runs_at_once_make_each_month_once(fresh_database: Callable[[], str]) -> None:
    dsn = fresh_database()
    await upgrade("catalog", dsn)
    connections = [await asyncpg.connect(dsn) for _ in range(3)]
    later = month_of(NOW, 20)
    await asyncio.gather(*(make_months(connection, now=later) for connection in connections))
    found = await partitions_of(connections[0])
    assert [each.first for each in found][-MONTHS_AHEAD - 1 :] == [
        month_of(later, ahead) for ahead in range(MONTHS_AHEAD + 1)
    ]
    for connection in connections:
        await connection.close()


async def test_a_table_that_is_busy_is_given_up_in_bounded_time_and_holds_up_nobody_for_long(
    fresh_database: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partitions, "LOCK_TIMEOUT_S", 0.1)
    monkeypatch.setattr(partitions, "PAUSE_S", 0.01)
    monkeypatch.setattr(partitions, "TRIES", 3)
    dsn = fresh_database()
    await upgrade("catalog", dsn)
    connection, other = await asyncpg.connect(dsn), await asyncpg.connect(dsn)
    async with other.transaction():
        await record(other, NOW)
        with pytest.raises(TimeoutError, match="busy 3 times"):
            await make_months(connection, now=month_of(NOW, 20))
    assert (await make_months(connection, now=month_of(NOW, 20))).made
    await connection.close()
    await other.close()


def test_months_are_parted_where_a_partition_lies_between_them() -> None:
    months = [month_of(NOW, ahead) for ahead in (0, 1, 4)]
    between = partitions.Partition("p", month_of(NOW, 2), month_of(NOW, 3))
    assert groups_of(months, []) == [months]
    assert groups_of(months, [between]) == [months[:2], months[2:]]
    assert groups_of([], [between]) == []
