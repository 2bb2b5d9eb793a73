"""Migrations: one-shot, by the migration role, safe to run twice and beside old processes."""

import argparse
import asyncio
import importlib
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alembic import command
from alembic.config import Config
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection as SqlConnection

PARTITION_MONTHS_AHEAD = 12


def migration_config(service: str) -> Config:
    """Alembic's configuration of one service; its migrations lie in the service's own folder."""
    found = importlib.import_module(f"services.{service}")
    folder = Path(str(found.__file__)).parent / "migrations"
    config = Config()
    config.set_main_option("script_location", str(folder))
    config.set_main_option("path_separator", "os")
    return config


async def upgrade(service: str, dsn: str) -> None:
    """Bring one service's database to the newest schema and make its fact partitions for 12 months."""
    engine = create_async_engine(dsn.replace("postgresql://", "postgresql+asyncpg://", 1), poolclass=NullPool)
    try:
        async with engine.begin() as connection:
            # Two migration jobs at once must not both create tables.
            await connection.execute(text("SELECT pg_advisory_xact_lock(7365001)"))
            await connection.run_sync(_run, migration_config(service))
            await connection.run_sync(_partition)
    finally:
        await engine.dispose()


def _run(connection: "SqlConnection", config: Config) -> None:
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _partition(connection: "SqlConnection") -> None:
    connection.execute(text("CREATE TABLE IF NOT EXISTS fact_default PARTITION OF fact DEFAULT"))
    today = datetime.now(UTC).date().replace(day=1)
    for ahead in range(PARTITION_MONTHS_AHEAD + 1):
        first = _month(today.year, today.month + ahead)
        after = _month(today.year, today.month + ahead + 1)
        connection.execute(
            text(
                f"CREATE TABLE IF NOT EXISTS fact_{first:%Y_%m} PARTITION OF fact"
                f" FOR VALUES FROM ('{first:%Y-%m-%d}') TO ('{after:%Y-%m-%d}')"
            )
        )


def _month(year: int, month: int) -> datetime:
    return datetime(year + (month - 1) // 12, (month - 1) % 12 + 1, 1, tzinfo=UTC)


def run_env(context: Any, metadata: Any) -> None:  # noqa: ANN401 - Alembic's context
    """The body of every service's env.py: run on the connection that `upgrade` opened."""
    context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
    with context.begin_transaction():
        context.run_migrations()


def main() -> int:
    """`python -m shared.runtime.migrate identity catalog ...` with <NAME>_DATABASE_URL of the migration role."""
    parser = argparse.ArgumentParser(prog="python -m shared.runtime.migrate", description=main.__doc__)
    parser.add_argument("services", nargs="+", help="services to migrate")
    for service in parser.parse_args().services:
        found = importlib.import_module(f"services.{service}.service").SERVICE
        dsn = found.settings().database_url.get_secret_value()
        asyncio.run(upgrade(service, dsn))
        print(f"{service}: migrated", file=sys.stderr)  # noqa: T201 - a command line speaks
    return 0


if __name__ == "__main__":
    sys.exit(main())
