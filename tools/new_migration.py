"""Write the next Alembic migration of a service from the difference between its tables and its migrations.

`python -m tools.new_migration voucher "add the receipts"` starts a throw-away bundled PostgreSQL, upgrades to the
newest migration, and lets Alembic write what is missing. `runtime` in the place of a service writes a migration of the
tables that the runtime keeps in every service's database (ADR 0028). Read what it wrote before you commit it.
"""

import argparse
import asyncio
import importlib
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import MetaData
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from embedded.binaries import default_folder
from embedded.postgres import EmbeddedPostgres, PostgresSettings
from shared.runtime.database.tables import attach, new_metadata
from shared.runtime.deploy.branches import RUNTIME, migration_config, upgrade_branches, versions_folder

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection


def declared(branch: str) -> MetaData:
    """The tables that the migrations of a branch make: a service's own ones, or those of the runtime."""
    of_runtime = new_metadata()
    attach(of_runtime)
    if branch == RUNTIME:
        return of_runtime
    own = new_metadata()
    every: MetaData = importlib.import_module(f"services.{branch}.tables").METADATA
    for table in every.sorted_tables:
        if table.name not in of_runtime.tables:
            table.to_metadata(own)
    return own


async def write(branch: str, message: str, dsn: str) -> None:
    """Upgrade an empty database, then write the next version file."""
    folder = versions_folder(branch)
    folder.mkdir(parents=True, exist_ok=True)
    engine = create_async_engine(dsn.replace("postgresql://", "postgresql+asyncpg://", 1), poolclass=NullPool)
    async with engine.begin() as connection:
        await connection.run_sync(_upgrade_and_write, branch, folder, message)
    await engine.dispose()
    _tidy(folder)


def _tidy(folder: Path) -> None:
    """Alembic's remarks go, and the house format comes."""
    for file in folder.glob("*.py"):
        lines = [line for line in file.read_text(encoding="utf-8").splitlines() if "###" not in line]
        file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    for arguments in (["check", "--fix", "--quiet"], ["format", "--quiet"]):
        subprocess.run([sys.executable, "-m", "ruff", *arguments, str(folder)], check=True)


def _upgrade_and_write(connection: "Connection", branch: str, folder: Path, message: str) -> None:
    config = migration_config(branch)
    config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
    upgrade_branches(connection, branch)
    tables = declared(branch)
    config.attributes["connection"] = connection
    config.attributes["metadata"] = tables
    # What the other branch makes, and the partitions of a month, are nothing to take away.
    config.attributes["include_name"] = lambda name, kind, _: kind != "table" or name in tables.tables
    number = f"{len(list(folder.glob('*.py'))) + 1:04d}"
    of_runtime = branch == RUNTIME
    heads = [head for head in ScriptDirectory.from_config(config).get_heads() if head.startswith(RUNTIME) == of_runtime]
    command.revision(
        config,
        message=message,
        autogenerate=True,
        rev_id=f"{RUNTIME}_{number}" if of_runtime else number,
        head=heads[0] if heads else "base",
        version_path=str(folder),
    )


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tools.new_migration", description=__doc__)
    parser.add_argument("branch", metavar="service", help=f"whose tables changed; {RUNTIME} for the runtime's")
    parser.add_argument("message")
    given = parser.parse_args()
    default_folder().mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=default_folder()) as folder:
        Path(folder).chmod(0o755)
        with EmbeddedPostgres(PostgresSettings(folder=Path(folder), durable=False)) as postgres:
            asyncio.run(write(given.branch, given.message, postgres.admin_dsn))
    return 0


if __name__ == "__main__":
    sys.exit(main())
