"""Databases of one test server: made when they are needed, emptied and used again when a test has ended."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar
from urllib.parse import unquote, urlsplit, urlunsplit
from uuid import uuid4

import asyncpg
from sqlalchemy import MetaData

T = TypeVar("T")
MakeTables = Callable[[str], Awaitable[None]]

STATEMENT_TIMEOUT_S = 60
IDLE_MAX = 4
"""More databases of one service than this are never open at a time; what is given back beyond it is dropped."""
_SHAPE = """
SELECT md5(string_agg(part, ';' ORDER BY part)) FROM (
    SELECT concat_ws(',', 'a', attrelid, attnum, attname, atttypid, attnotnull, atthasdef, attidentity, attacl) AS part
    FROM pg_attribute WHERE attrelid >= 16384 AND attnum > 0 UNION ALL
    SELECT concat_ws(',', 'c', oid, relname, relkind, relacl, relrowsecurity, relforcerowsecurity, reloptions)
    FROM pg_class WHERE oid >= 16384 UNION ALL
    SELECT concat_ws(',', 'i', indexrelid, indisvalid, indisunique) FROM pg_index WHERE indexrelid >= 16384 UNION ALL
    SELECT concat_ws(',', 'x', oid, convalidated, condeferred) FROM pg_constraint WHERE oid >= 16384 UNION ALL
    SELECT concat_ws(',', 'p', oid, polname) FROM pg_policy UNION ALL
    SELECT concat_ws(',', 't', oid, tgname, tgenabled) FROM pg_trigger UNION ALL
    SELECT concat_ws(',', 'f', oid, xmin) FROM pg_proc WHERE oid >= 16384 UNION ALL
    SELECT concat_ws(',', 'd', oid) FROM pg_attrdef UNION ALL
    SELECT concat_ws(',', 'n', oid, nspname, nspacl) FROM pg_namespace UNION ALL
    SELECT concat_ws(',', 'b', datacl, datallowconn, datconnlimit)
    FROM pg_database WHERE datname = current_database() UNION ALL
    SELECT concat_ws(',', 's', setrole, setconfig::text) FROM pg_db_role_setting
    WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())
) AS parts
"""
"""Everything that a test may change of a database besides its rows; identities, so what was made anew differs."""
_FILLED = """
SELECT string_agg(oid::regclass::text, ', ') FROM pg_class
WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND pg_relation_size(oid) > 0
"""
_OTHER_SEQUENCES = """
SELECT setval(format('%I.%I', schemaname, sequencename)::regclass, start_value, false)
FROM pg_sequences WHERE last_value IS NOT NULL
"""
_ALONE = """
SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


class DatabasePool:
    """All databases that the tests of one process use on one server."""

    def __init__(self, server: str) -> None:
        self._server = server
        self._idle: dict[tuple[str, MetaData], list[str]] = {}
        self._shapes: dict[str, str] = {}

    def url(self, name: str) -> str:
        """The admin's URL of a database."""
        return urlunsplit(urlsplit(self._server)._replace(path=f"/{name}"))

    def make(self) -> str:
        """The name of a new, empty database."""
        name = f"test_{uuid4().hex}"
        in_thread(lambda: execute(self._server, f'CREATE DATABASE "{name}"'))
        return name

    def take(self, service: str, metadata: MetaData, make_tables: MakeTables) -> str:
        """The name of a database with a service's tables and not a row."""
        idle = self._idle.get((service, metadata))
        if idle:
            return idle.pop()
        name = self.make()
        self._shapes[name] = in_thread(lambda: _with_tables(self.url(name), make_tables))
        return name

    def requeue(self, taken: Sequence[tuple[str, str, MetaData]]) -> None:
        """Empty databases for the next test, all at a time; drop those whose tables are not what they were."""

        async def emptied() -> Sequence[bool]:
            return await asyncio.gather(*[_emptied(self.url(name), self._shapes[name]) for name, _, _ in taken])

        for (name, service, metadata), clean in zip(taken, in_thread(emptied) if taken else (), strict=True):
            idle = self._idle.setdefault((service, metadata), [])
            if clean and len(idle) < IDLE_MAX:
                idle.append(name)
            else:
                self.drop(name)

    def drop(self, name: str) -> None:
        """Away with a database, whoever is still connected."""
        in_thread(lambda: execute(self._server, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))

    def drop_idle(self) -> None:
        """Away with what nobody uses, at the end."""
        for names in self._idle.values():
            while names:
                self.drop(names.pop())


class FreshDatabases:
    """The databases of one test. Called, it gives the admin's URL of a new and empty one."""

    def __init__(self, databases: DatabasePool) -> None:
        self._databases = databases
        self._made: list[str] = []
        self._taken: list[tuple[str, str, MetaData]] = []

    def __call__(self) -> str:
        """The admin's URL of a new, empty database."""
        name = self._databases.make()
        self._made.append(name)
        return self._databases.url(name)

    def with_tables(self, service: str, metadata: MetaData, make_tables: MakeTables) -> str:
        """The admin's URL of a database that has a service's tables and not a row."""
        name = self._databases.take(service, metadata, make_tables)
        self._taken.append((name, service, metadata))
        return self._databases.url(name)

    def end(self) -> None:
        """Give everything back."""
        for name in self._made:
            self._databases.drop(name)
        self._databases.requeue(self._taken)


@contextmanager
def fresh(databases: DatabasePool) -> Iterator[FreshDatabases]:
    """The databases of a test or of a module, until the block ends."""
    found = FreshDatabases(databases)
    try:
        yield found
    finally:
        found.end()


async def execute(dsn: str, statement: str) -> None:
    """Run one statement outside any transaction."""
    connection = await asyncpg.connect(dsn, timeout=STATEMENT_TIMEOUT_S)
    try:
        await connection.execute(statement, timeout=STATEMENT_TIMEOUT_S)
    finally:
        await connection.close()


async def make_logins_cheap(admin_url: str) -> None:
    """Let a server of tests hash a password once where others hash it 4,096 times; it is asked for all the same.

    A test of five services logs in thirty times, and the rounds took more than all the rest of a login.
    """
    parts = urlsplit(admin_url)
    connection = await asyncpg.connect(admin_url, timeout=STATEMENT_TIMEOUT_S)
    try:
        await connection.execute("ALTER SYSTEM SET scram_iterations = 1")
        await connection.execute("SELECT pg_reload_conf()")
        await connection.execute("SET scram_iterations = 1")
        statement = "SELECT format('ALTER ROLE %I PASSWORD %L', $1::text, $2::text)"
        await connection.execute(
            await connection.fetchval(statement, unquote(parts.username or ""), unquote(parts.password or ""))
        )
    finally:
        await connection.close()


async def _with_tables(dsn: str, make_tables: MakeTables) -> str:
    await make_tables(dsn)
    connection = await asyncpg.connect(dsn, timeout=STATEMENT_TIMEOUT_S)
    try:
        return str(await connection.fetchval(_SHAPE))
    finally:
        await connection.close()


async def _emptied(dsn: str, shape: str) -> bool:
    """Whether the database is as it was when its tables had been made; a fault of any kind says no."""
    try:
        connection = await asyncpg.connect(dsn, timeout=STATEMENT_TIMEOUT_S)
    except (asyncpg.PostgresError, OSError):
        return False
    try:
        await connection.execute(_ALONE, timeout=STATEMENT_TIMEOUT_S)
        same: bool = await connection.fetchval(_SHAPE) == shape
        filled = await connection.fetchval(_FILLED)
        if same and filled:
            await connection.execute(f"TRUNCATE {filled} RESTART IDENTITY CASCADE", timeout=STATEMENT_TIMEOUT_S)
        await connection.execute(_OTHER_SEQUENCES)
        # Tests count what was read and written.
        await connection.execute("SELECT pg_stat_reset()")
    except (asyncpg.PostgresError, OSError, TimeoutError):
        return False
    else:
        return same
    finally:
        await connection.close(timeout=5)


def in_thread(work: Callable[[], Awaitable[T]]) -> T:
    """What an asynchronous call gives, from a test with or without a running event loop."""
    found: list[T] = []
    failure: list[BaseException] = []

    async def run() -> None:
        found.append(await work())

    def target() -> None:
        try:
            asyncio.run(run())
        except BaseException as error:  # noqa: BLE001 - handed to the caller's thread
            failure.append(error)

    thread = threading.Thread(target=target)
    thread.start()
    thread.join()
    if failure:
        raise failure[0]
    return found[0]
