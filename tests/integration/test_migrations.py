"""Migrations lead an empty database to exactly the tables the code declares, and may be run again."""

from collections.abc import Callable

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from embedded.platform import SERVICES
from shared.runtime.deploy.migrate import upgrade
from shared.runtime.service.service import Service


def differences(connection: Connection, service: Service) -> list[object]:
    """What Alembic would still change."""
    context = MigrationContext.configure(connection, opts={"include_object": _is_declared})
    return list(compare_metadata(context, service.metadata))


def _is_declared(found: object, name: str, kind: str, reflected: bool, compared: object) -> bool:  # noqa: FBT001
    # Partitions are made by the migration job as months pass; the parent table declares them.
    return not (kind == "table" and reflected and name.startswith("fact_"))


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
async def test_migrations_make_the_declared_tables_and_may_run_again(
    service: Service, fresh_database: Callable[[], str]
) -> None:
    dsn = fresh_database()
    await upgrade(service.name, dsn)
    await upgrade(service.name, dsn)
    engine = create_async_engine(dsn.replace("postgresql://", "postgresql+asyncpg://", 1), poolclass=NullPool)
    async with engine.connect() as connection:
        assert await connection.run_sync(differences, service) == []
        partitions = await connection.scalar(
            text("SELECT count(*) FROM pg_inherits WHERE inhparent = 'fact'::regclass")
        )
    await engine.dispose()
    assert partitions == 14, "the default partition, this month, and 12 months ahead"
