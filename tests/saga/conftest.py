"""One set of databases for a whole run, and copies of it for tests that break something."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg
import pytest

from tests.factories.harness import create_tables
from tests.factories.world import SERVICES

Databases = Mapping[str, str]


def _url(server: str, name: str) -> str:
    return urlunsplit(urlsplit(server)._replace(path=f"/{name}"))


async def _execute(server: str, statements: list[str]) -> None:
    connection = await asyncpg.connect(server)
    for statement in statements:
        await connection.execute(statement)
    await connection.close()


async def _make_templates(server: str, prefix: str) -> None:
    await _execute(server, [f'CREATE DATABASE "{prefix}_{service.name}"' for service in SERVICES])
    for service in SERVICES:
        await create_tables(_url(server, f"{prefix}_{service.name}"), service.metadata, service=service.name)


@pytest.fixture(scope="session")
def copy_databases(postgres_server: str) -> Iterator[Callable[[], Databases]]:
    """A factory of sets of empty databases, one database for each service, copied from a template."""
    made = [f"saga_{uuid4().hex[:8]}"]
    asyncio.run(_make_templates(postgres_server, made[0]))

    def copy() -> Databases:
        prefix = f"saga_{uuid4().hex[:8]}"
        made.append(prefix)
        names = {service.name: f"{prefix}_{service.name}" for service in SERVICES}
        statements = [f'CREATE DATABASE "{names[name]}" TEMPLATE "{made[0]}_{name}"' for name in names]
        asyncio.run(_execute(postgres_server, statements))
        return {name: _url(postgres_server, database) for name, database in names.items()}

    yield copy
    names = [f"{prefix}_{service.name}" for prefix in made for service in SERVICES]
    asyncio.run(_execute(postgres_server, [f'DROP DATABASE "{name}" WITH (FORCE)' for name in names]))


@pytest.fixture(scope="session")
def databases(copy_databases: Callable[[], Databases]) -> Databases:
    """The set that the tests of sagas and races share; each takes enterprises of its own."""
    return copy_databases()


@pytest.fixture(scope="session")
def broken_databases(copy_databases: Callable[[], Databases]) -> Databases:
    """A set for tests that leave something wrong behind."""
    return copy_databases()
