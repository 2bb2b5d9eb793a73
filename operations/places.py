"""Where the services' databases are: by the same variables the services use, one small pool each."""

import importlib
import os
import pkgutil
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import asyncpg
import dotenv
import msgspec

import services
from shared.runtime.service import Service
from shared.runtime.sql import DriverConnection
from shared.runtime.work import Registry, Work

STATEMENT_TIMEOUT_S = 600
LOCK_TIMEOUT_S = 10
CONNECT_TIMEOUT_S = 10
CONNECTIONS_MAX = 4
CLOSE_TIMEOUT_S = 10


class NotConfigured(Exception):
    """A variable, a program or a server that the command needs is not there; the text says the cure."""


class WrongUse(Exception):
    """The command was asked for something that cannot be."""


def service_names() -> list[str]:
    """Every service of this installation: a folder under services/ with a main program."""
    root = Path(services.__path__[0])
    return sorted(one.name for one in pkgutil.iter_modules([str(root)]) if (root / one.name / "__main__.py").exists())


def service_of(name: str) -> Service:
    """A service as it declares itself."""
    found: Service = importlib.import_module(f"services.{name}.service").SERVICE
    return found


def read_env_file(file: Path) -> None:
    """Take variables from a file; what the environment already says wins. Raises: NotConfigured."""
    if not file.is_file():
        raise NotConfigured(f"{file} is no file; --env-file names a file of NAME=value lines")
    dotenv.load_dotenv(file, override=False, interpolate=False)


def variable(name: str) -> str:
    """A variable that must be there. Raises: NotConfigured."""
    value = os.environ.get(name)
    if not value:
        raise NotConfigured(f"{name} is not set; export it or name a file with --env-file")
    return value


def database_url(service: str) -> str:
    """The URL of a service's database, of the owner's role. Raises: NotConfigured."""
    return variable(f"{service.upper()}_DATABASE_URL")


def bus_url(service: str) -> str:
    """The broker with a service's own user, or else the one given for all. Raises: NotConfigured."""
    return os.environ.get(f"{service.upper()}_BUS_URL") or variable("BUS_URL")


async def _prepare(connection: DriverConnection) -> None:
    await connection.set_type_codec(
        "jsonb",
        schema="pg_catalog",
        encoder=lambda value: msgspec.json.encode(value).decode(),
        decoder=msgspec.json.decode,
    )


@dataclass(frozen=True, slots=True)
class Database:
    """One service's database."""

    service: Service
    pool: asyncpg.Pool

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[DriverConnection]:
        """A connection for looking."""
        async with self.pool.acquire(timeout=CONNECT_TIMEOUT_S) as connection:
            yield connection

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[Work]:
        """One transaction, as the service's own: what is sent or emitted leaves with its commit."""
        async with self.pool.acquire(timeout=CONNECT_TIMEOUT_S) as connection, connection.transaction():
            now = await connection.fetchval(
                "SELECT clock_timestamp() + make_interval(secs => COALESCE((SELECT offset_us FROM clock), 0) / 1e6)"
            )
            work = Work(connection, service=self.service.name, now=now, ports=Registry())
            yield work
            await work.flush()


Estate = Mapping[str, Database]


async def open_database(stack: AsyncExitStack, service: str, url: str) -> Database:
    """One database, connected. Raises: NotConfigured when it does not answer or refuses."""
    settings = {
        "application_name": "operations",
        "timezone": "UTC",
        "statement_timeout": str(STATEMENT_TIMEOUT_S * 1_000),
        # Pages are few and large, and each is planned for what it is given.
        "plan_cache_mode": "force_custom_plan",
        "jit": "off",
        "lock_timeout": str(LOCK_TIMEOUT_S * 1_000),
        "idle_in_transaction_session_timeout": str(STATEMENT_TIMEOUT_S * 1_000),
    }
    try:
        pool = await asyncpg.create_pool(
            url,
            min_size=1,
            max_size=CONNECTIONS_MAX,
            command_timeout=STATEMENT_TIMEOUT_S + 5,
            timeout=CONNECT_TIMEOUT_S,
            init=_prepare,
            server_settings=settings,
        )
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as error:
        said = " ".join(str(error).split()) or type(error).__name__
        raise NotConfigured(f"the database of {service} does not let us in: {said}") from error
    stack.push_async_callback(_close, pool)
    return Database(service_of(service), cast("asyncpg.Pool", pool))


async def _close(pool: asyncpg.Pool) -> None:
    # A cancelled command leaves its statement behind; the server ends it with the connection.
    pool.terminate()


@asynccontextmanager
async def open_estate(names: Iterable[str]) -> AsyncIterator[Estate]:
    """The databases of some services. Raises: NotConfigured."""
    async with AsyncExitStack() as stack:
        yield {name: await open_database(stack, name, database_url(name)) for name in names}
