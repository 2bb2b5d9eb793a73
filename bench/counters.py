"""What PostgreSQL itself counted between two moments: commits, WAL flushes and bytes of the whole server."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import asyncpg

_READ = """
SELECT (SELECT sum(xact_commit) FROM pg_stat_database WHERE datname = ANY($1::text[])) AS commits,
       (SELECT wal_sync FROM pg_stat_wal) AS flushes,
       (SELECT wal_bytes FROM pg_stat_wal) AS wal_bytes
"""


@dataclass(frozen=True, slots=True)
class Counters:
    """Cumulative counts, or the difference of two of them."""

    commits: int
    flushes: int
    wal_bytes: int

    def __sub__(self, earlier: Self) -> "Counters":
        return Counters(
            self.commits - earlier.commits, self.flushes - earlier.flushes, self.wal_bytes - earlier.wal_bytes
        )


async def read_counters(admin_dsn: str, *, databases: Sequence[str]) -> Counters:
    """The counts now. Sessions report once a second at most, so wait a little after the load."""
    connection = await asyncpg.connect(admin_dsn)
    try:
        await connection.execute("SELECT pg_stat_clear_snapshot()")
        row = await connection.fetchrow(_READ, list(databases))
    finally:
        await connection.close()
    return Counters(int(row["commits"]), int(row["flushes"]), int(row["wal_bytes"]))
