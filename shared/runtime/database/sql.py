"""PostgreSQL by asyncpg: two pools, one kind of connection; SQLAlchemy Core builds statements, asyncpg runs them.

Hot paths write SQL with arrays and call asyncpg directly. Everything else builds Core statements and calls the four
functions here, so that both kinds share the transaction of one Work.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Protocol, TypeAlias, cast

import asyncpg
import msgspec
from sqlalchemy.dialects.postgresql.asyncpg import dialect as asyncpg_dialect
from sqlalchemy.sql import ClauseElement

from shared.runtime.database.reads import COMMAND_TIMEOUT_S as READ_COMMAND_TIMEOUT_S
from shared.runtime.database.reads import VIEW_STATEMENT_MS, ReadPool

Record: TypeAlias = asyncpg.Record
DriverConnection: TypeAlias = asyncpg.Connection
"""For whoever opens transactions and cursors of its own; handlers and stores do not."""


class Connection(Protocol):
    """What stores ask of a connection: the driver's own, or that of a Work."""

    async def fetch(self, query: str, /, *arguments: Any) -> list[Record]:  # noqa: ANN401 - values of any column
        """All rows of a statement."""

    async def fetchrow(self, query: str, /, *arguments: Any) -> Any:  # noqa: ANN401 - as above
        """The first row of a statement, or None."""

    async def fetchval(self, query: str, /, *arguments: Any) -> Any:  # noqa: ANN401 - as above
        """The first column of the first row, or None."""

    async def execute(self, query: str, /, *arguments: Any) -> str:  # noqa: ANN401 - as above
        """Run a statement; answers with its command tag."""

    async def executemany(self, command: str, arguments: Iterable[Sequence[Any]], /) -> None:
        """Run a statement for each sequence of arguments."""

    async def copy_records_to_table(
        self, table: str, /, *, records: Iterable[Sequence[Any]], columns: Sequence[str]
    ) -> str:
        """Add many rows by COPY; answers with its command tag."""


STATEMENT_TIMEOUT_MS = 30_000
LOCK_TIMEOUT_MS = 10_000
IDLE_IN_TRANSACTION_MS = 15_000
COMMAND_TIMEOUT_S = 40.0

_DIALECT = asyncpg_dialect()


async def _prepare(connection: asyncpg.Connection) -> None:
    await connection.set_type_codec(
        "jsonb",
        schema="pg_catalog",
        encoder=lambda value: msgspec.json.encode(value).decode(),
        decoder=msgspec.json.decode,
    )


async def _keep(connection: asyncpg.Connection) -> None:
    """Nothing to reset: no session state is ever set, and the default reset costs a statement each release."""
    del connection


async def create_pool(dsn: str, *, size_max: int, application: str) -> asyncpg.Pool:
    """Connect lazily to one database with the bounds every session of the platform has."""
    return await _create_pool(dsn, size_max=size_max, size_min=1, session=_session(application))


async def create_read_pool(dsn: str, *, size_max: int, reports_max: int, application: str) -> ReadPool:
    """The pool for views and reports; nothing is connected before somebody reads."""
    session = _session(application) | {
        "statement_timeout": str(VIEW_STATEMENT_MS),
        "default_transaction_read_only": "on",
        # A list of somebody with thousands of rows and of somebody with three take different plans; one for both would
        # read all of the first.
        "plan_cache_mode": "force_custom_plan",
    }
    pool = await _create_pool(
        dsn, size_max=size_max, size_min=0, session=session, command_timeout_s=READ_COMMAND_TIMEOUT_S
    )
    return ReadPool(pool, reports_max=reports_max)


async def _create_pool(
    dsn: str,
    *,
    size_max: int,
    size_min: int,
    session: Mapping[str, str],
    command_timeout_s: float = COMMAND_TIMEOUT_S,
) -> asyncpg.Pool:
    pool = await asyncpg.create_pool(
        dsn,
        min_size=size_min,
        max_size=size_max,
        max_inactive_connection_lifetime=300,
        command_timeout=command_timeout_s,
        timeout=10,
        init=_prepare,
        reset=_keep,
        server_settings=session,
    )
    return cast("asyncpg.Pool", pool)


async def connect(dsn: str, *, application: str) -> asyncpg.Connection:
    """One connection beside the pool, for whoever listens; it has the bounds that every session has."""
    return await asyncpg.connect(
        dsn, command_timeout=COMMAND_TIMEOUT_S, timeout=10, server_settings=_session(application)
    )


def _session(application: str) -> dict[str, str]:
    return {
        "application_name": application,
        "timezone": "UTC",
        "jit": "off",
        "statement_timeout": str(STATEMENT_TIMEOUT_MS),
        "lock_timeout": str(LOCK_TIMEOUT_MS),
        "idle_in_transaction_session_timeout": str(IDLE_IN_TRANSACTION_MS),
    }


def compile_statement(statement: ClauseElement) -> tuple[str, list[Any]]:
    """The SQL text and positional arguments of a Core statement, as asyncpg takes them."""
    compiled = statement.compile(dialect=_DIALECT, compile_kwargs={"render_postcompile": True})
    names: Sequence[str] = compiled.positiontup or []  # type: ignore[attr-defined]
    return str(compiled), [compiled.params[name] for name in names]


async def fetch_all(connection: Connection, statement: ClauseElement) -> list[Record]:
    """All rows of a Core statement."""
    sql, arguments = compile_statement(statement)
    return await connection.fetch(sql, *arguments)


async def fetch_one(connection: Connection, statement: ClauseElement) -> Record | None:
    """The first row of a Core statement, or None."""
    sql, arguments = compile_statement(statement)
    return cast("Record | None", await connection.fetchrow(sql, *arguments))


async def fetch_value(connection: Connection, statement: ClauseElement) -> Any:  # noqa: ANN401 - a column of any type
    """The first column of the first row, or None."""
    sql, arguments = compile_statement(statement)
    return await connection.fetchval(sql, *arguments)


async def execute(connection: Connection, statement: ClauseElement) -> int:
    """Run a Core statement and return how many rows it touched."""
    sql, arguments = compile_statement(statement)
    status = await connection.execute(sql, *arguments)
    return _count(status)


@lru_cache(maxsize=4_096)
def _count(status: str) -> int:
    last = status.rpartition(" ")[2]
    return int(last) if last.isdigit() else 0


TRANSIENT = (
    asyncpg.SerializationError,
    asyncpg.DeadlockDetectedError,
    asyncpg.LockNotAvailableError,
    asyncpg.QueryCanceledError,
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    asyncpg.ObjectNotInPrerequisiteStateError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    # A server refuses these before it reads a request. After an outage another service's server may have the address.
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.InternalClientError,
    asyncpg.InterfaceError,
    asyncpg.InsufficientResourcesError,
    ConnectionError,
    OSError,
    TimeoutError,
)
"""Faults of the moment: the same transaction may succeed when it is run again as a whole."""


def is_transient(error: BaseException) -> bool:
    """Whether running the whole transaction again may help."""
    return isinstance(error, TRANSIENT)


def wire_time(moment: datetime) -> str:
    """RFC 3339 text of an aware moment."""
    return moment.isoformat()
