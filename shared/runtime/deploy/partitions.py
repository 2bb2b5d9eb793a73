"""Months of the facts' table: made ahead every day by the migration role, and mended where facts went elsewhere.

A fact whose month was not made lies in the default partition, and no partition of that month can be made while it lies
there. Nothing is moved then: the default partition itself becomes the partition of all the months that it holds, and a
new, empty one takes its place. PostgreSQL is shown beforehand, by a constraint that is checked beside writers, that
this is so; the change of the catalogue takes a moment. Only rows of months that lie apart, which a wrong clock leaves,
are moved, and only a bounded number of them.
"""

import argparse
import asyncio
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

import asyncpg

MONTHS_AHEAD: Final = 12
LOCK_ID: Final = 7_365_001
"""The advisory lock of whoever changes the schema: migrations take it, too."""
LOCK_TIMEOUT_S: Final = 2
"""Whoever waits for a table holds up everybody behind it: give up soon, and try again a little later."""
TRIES: Final = 15
PAUSE_S: Final = 1.0
CONNECT_TIMEOUT_S: Final = 5.0
STATEMENT_TIMEOUT_S: Final = 1_800
MOVED_MAX: Final = 100_000
"""So many rows of a month that lies apart are moved while writers wait; more than these are left and told."""
_MARGIN: Final = timedelta(days=31)
"""A partition that is made of what is there ends so long after now at least. Rows still come, and a constraint
refuses those beyond it: so long a run that was broken off may wait to be run again."""

_BOUNDS = """
SELECT c.relname AS name, pg_get_expr(c.relpartbound, c.oid) AS bound
FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = to_regclass('fact') ORDER BY c.relname
"""
_RANGE = re.compile(r"FOR VALUES FROM \('([^']+)'\) TO \('([^']+)'\)")
_MONTHS = """
SELECT date_trunc('month', recorded_at AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' AS first, count(*) AS rows
FROM fact_default GROUP BY 1 ORDER BY 1
"""


@dataclass(frozen=True, slots=True)
class Partition:
    """A partition of facts and the moments that it takes, the end not among them."""

    name: str
    first: datetime
    end: datetime


@dataclass(slots=True)
class MonthsMade:
    """What was done: partitions made, those made of the default one, rows moved, and months whose rows were left."""

    made: list[str] = field(default_factory=list)
    promoted: list[str] = field(default_factory=list)
    moved: int = 0
    left: list[str] = field(default_factory=list)

    def text(self) -> str:
        """In one line for whoever runs the command."""
        parts = [f"made {len(self.made)} months" if self.made else "nothing to make"]
        parts += [f"the default partition became {name}" for name in self.promoted]
        parts += [f"moved {self.moved} facts"] if self.moved else []
        parts += [f"LEFT in the default partition, more than {MOVED_MAX} facts: {month}" for month in self.left]
        return "; ".join(parts)


def month_of(moment: datetime, ahead: int = 0) -> datetime:
    """The first moment of a month, in UTC, so many months after that of `moment`."""
    months = moment.astimezone(UTC).year * 12 + moment.astimezone(UTC).month - 1 + ahead
    return datetime(months // 12, months % 12 + 1, 1, tzinfo=UTC)


def groups_of(months: Sequence[datetime], partitions: Sequence[Partition]) -> list[list[datetime]]:
    """Months in order, parted where a partition lies between two of them."""
    groups: list[list[datetime]] = []
    for month in months:
        last = groups[-1][-1] if groups else None
        if last is None or any(last < each.first < month for each in partitions):
            groups.append([month])
        else:
            groups[-1].append(month)
    return groups


async def make_months(connection: asyncpg.Connection, *, now: datetime | None = None) -> MonthsMade:
    """Make the partitions of this month and of the twelve after it, after the default one holds none of their rows.

    Safe beside writers, readers and another run, and whenever it is broken off: each step is one transaction. Raises:
    TimeoutError when a lock on the table was not to be had for `TRIES` times `LOCK_TIMEOUT_S`.
    """
    now = now or datetime.now(UTC)
    done = MonthsMade()
    await connection.execute(f"SET statement_timeout = '{STATEMENT_TIMEOUT_S}s'")
    if await connection.fetchval("SELECT to_regclass('fact_default') IS NULL"):
        await _locked(connection, ["CREATE TABLE IF NOT EXISTS fact_default PARTITION OF fact DEFAULT"])
    await _empty_the_default(connection, done, now=now)
    taken = await partitions_of(connection)
    for ahead in range(MONTHS_AHEAD + 1):
        month = Partition(f"fact_{month_of(now, ahead):%Y_%m}", month_of(now, ahead), month_of(now, ahead + 1))
        if any(each.first < month.end and month.first < each.end for each in taken):
            continue
        await _locked(connection, [_made(month)])
        done.made.append(month.name)
    return done


async def partitions_of(connection: asyncpg.Connection) -> Sequence[Partition]:
    """The partitions of facts but for the default one, in the order of their moments."""
    found = []
    for row in await connection.fetch(_BOUNDS):
        if (bounds := _RANGE.fullmatch(row["bound"])) is not None:
            first, end = (datetime.fromisoformat(text).astimezone(UTC) for text in bounds.groups())
            found.append(Partition(row["name"], first, end))
    return sorted(found, key=lambda each: each.first)


async def _empty_the_default(connection: asyncpg.Connection, done: MonthsMade, *, now: datetime) -> None:
    """Give every fact of the default partition a partition of its months."""
    rows = {row["first"]: row["rows"] for row in await connection.fetch(_MONTHS)}
    if not rows:
        return
    groups = groups_of(sorted(rows), await partitions_of(connection))
    largest = max(groups, key=lambda group: sum(rows[month] for month in group))
    for month in (month for group in groups if group is not largest for month in group):
        if rows[month] > MOVED_MAX:
            done.left.append(f"{month:%Y-%m}")
        else:
            await _move(connection, month)
            done.moved += rows[month]
    if not done.left:
        done.promoted.append(await _promote(connection, largest, now=now))


async def _promote(connection: asyncpg.Connection, months: Sequence[datetime], *, now: datetime) -> str:
    """Let the default partition be that of these months, and of the present one where it is among what has none."""
    first, end = months[0], month_of(months[-1], 1)
    later = [each for each in await partitions_of(connection) if each.first >= end]
    if first <= month_of(now) and not any(each.first <= now < each.end for each in await partitions_of(connection)):
        end = max(end, month_of(now + _MARGIN, 1))
        end = min([end, *(each.first for each in later)])
    name = f"fact_{first:%Y_%m}_to_{month_of(end, -1):%Y_%m}"
    range_of = f"recorded_at >= '{first.isoformat()}' AND recorded_at < '{end.isoformat()}'"
    # What an earlier run that was broken off left behind may name other months.
    await _locked(
        connection,
        [
            "ALTER TABLE fact_default DROP CONSTRAINT IF EXISTS fact_default_months",
            f"ALTER TABLE fact_default ADD CONSTRAINT fact_default_months CHECK ({range_of}) NOT VALID",
        ],
    )
    await connection.execute("ALTER TABLE fact_default VALIDATE CONSTRAINT fact_default_months")
    await _locked(
        connection,
        [
            "ALTER TABLE fact DETACH PARTITION fact_default",
            f"ALTER TABLE fact_default RENAME TO {name}",
            _attached(Partition(name, first, end)),
            f"ALTER TABLE {name} DROP CONSTRAINT fact_default_months",
            "CREATE TABLE fact_default PARTITION OF fact DEFAULT",
        ],
    )
    return name


async def _move(connection: asyncpg.Connection, month: datetime) -> None:
    """Move the rows of one month out of the default partition; writers wait meanwhile."""
    made = Partition(f"fact_{month:%Y_%m}", month, month_of(month, 1))
    columns = ", ".join(
        row["attname"]
        for row in await connection.fetch(
            "SELECT attname FROM pg_attribute WHERE attrelid = 'fact'::regclass AND attnum > 0 AND NOT attisdropped"
        )
    )
    where = f"recorded_at >= '{made.first.isoformat()}' AND recorded_at < '{made.end.isoformat()}'"
    gone = f"WITH gone AS (DELETE FROM fact_default WHERE {where} RETURNING {columns})"  # noqa: S608 - names of our own
    await _locked(
        connection,
        [
            "LOCK TABLE fact IN SHARE ROW EXCLUSIVE MODE",
            f"CREATE TABLE {made.name} (LIKE fact INCLUDING DEFAULTS INCLUDING CONSTRAINTS)",
            f"{gone} INSERT INTO {made.name} ({columns}) SELECT {columns} FROM gone",  # noqa: S608 - names of our own
            _attached(made),
        ],
    )


def _attached(made: Partition) -> str:
    return (
        f"ALTER TABLE fact ATTACH PARTITION {made.name}"
        f" FOR VALUES FROM ('{made.first.isoformat()}') TO ('{made.end.isoformat()}')"
    )


def _made(month: Partition) -> str:
    return (
        f"CREATE TABLE IF NOT EXISTS {month.name} PARTITION OF fact"
        f" FOR VALUES FROM ('{month.first.isoformat()}') TO ('{month.end.isoformat()}')"
    )


async def _locked(connection: asyncpg.Connection, statements: Sequence[str]) -> None:
    """Run statements in one transaction, alone among changes of the schema. Raises: TimeoutError."""
    for attempt in range(1, TRIES + 1):
        try:
            async with connection.transaction():
                await connection.execute(f"SELECT pg_advisory_xact_lock({LOCK_ID})")
                await connection.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT_S}s'")
                for statement in statements:
                    await connection.execute(statement)
        except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError) as error:
            if attempt == TRIES:
                raise TimeoutError(f"the table of facts was busy {TRIES} times: {statements[0]}") from error
            await asyncio.sleep(PAUSE_S)
        else:
            return


async def make_months_of(dsn: str) -> MonthsMade:
    """`make_months` on the database of a service, with the migration role."""
    connection = await asyncpg.connect(dsn, timeout=CONNECT_TIMEOUT_S)
    try:
        return await make_months(connection)
    finally:
        await connection.close()


def main() -> int:
    """`python -m shared.runtime.partitions identity ...` with <NAME>_DATABASE_URL of the migration role.

    Makes the months of the facts' table for a year ahead. Run it every day: it is safe beside everything.
    """
    parser = argparse.ArgumentParser(prog="python -m shared.runtime.partitions", description=main.__doc__)
    parser.add_argument("services", nargs="+", help="services whose tables are looked after")
    code = 0
    for service in parser.parse_args().services:
        dsn = os.environ.get(variable := f"{service.upper()}_DATABASE_URL")
        if not dsn:
            parser.error(f"set {variable}, a postgresql:// URL")
        try:
            done = asyncio.run(make_months_of(dsn))
        except (OSError, TimeoutError, asyncpg.PostgresError) as error:
            print(f"{service}: {type(error).__name__}: {error}", file=sys.stderr)  # noqa: T201 - a command line speaks
            code = 1
            continue
        print(f"{service}: {done.text()}", file=sys.stderr)  # noqa: T201 - a command line speaks
        code = code or bool(done.left)
    return int(code)


if __name__ == "__main__":
    sys.exit(main())
