"""Write the next Alembic migration of a service from the difference between its tables and its migrations.

`python -m tools.new_migration voucher "add the receipts"` starts a throw-away bundled PostgreSQL, upgrades to the
newest migration, and lets Alembic write what is missing. Read what it wrote before you commit it.
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
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from embedded.binaries import default_folder
from embedded.postgres import EmbeddedPostgres, PostgresSettings
from shared.runtime.deploy.migrate import migration_config

if TYPE_CHECKING:
    from alembic.config import Config
    from sqlalchemy.engine import Connection

ENV = '''"""Alembic's environment of this service; the work is in shared.runtime.migrate."""

from alembic import context

from services.{service}.tables import METADATA
from shared.runtime.migrate import run_env

run_env(context, METADATA)
'''
TEMPLATE = '''"""${message}."""

import sqlalchemy as sa
from alembic import op
${imports if imports else ""}

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = ${repr(branch_labels)}
depends_on = ${repr(depends_on)}


def upgrade() -> None:
    ${upgrades if upgrades else "pass"}


def downgrade() -> None:
    ${downgrades if downgrades else "pass"}
'''


async def write(service: str, message: str, dsn: str) -> None:
    """Upgrade an empty database, then write the next version file."""
    folder = Path(str(importlib.import_module(f"services.{service}").__file__)).parent / "migrations"
    (folder / "versions").mkdir(parents=True, exist_ok=True)
    if not (folder / "env.py").exists():
        (folder / "env.py").write_text(ENV.format(service=service))
    (folder / "script.py.mako").write_text(TEMPLATE)
    number = len(list((folder / "versions").glob("[0-9]*.py"))) + 1
    config = migration_config(service)
    config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
    engine = create_async_engine(dsn.replace("postgresql://", "postgresql+asyncpg://", 1), poolclass=NullPool)
    async with engine.begin() as connection:
        await connection.run_sync(_upgrade_and_write, config, f"{number:04d}", message)
    await engine.dispose()
    (folder / "script.py.mako").unlink()
    _tidy(folder)


def _tidy(folder: Path) -> None:
    """Alembic's remarks go, and the house format comes."""
    for file in (folder / "versions").glob("[0-9]*.py"):
        lines = [line for line in file.read_text(encoding="utf-8").splitlines() if "###" not in line]
        file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    for arguments in (["check", "--fix", "--quiet"], ["format", "--quiet"]):
        subprocess.run([sys.executable, "-m", "ruff", *arguments, str(folder)], check=True)


def _upgrade_and_write(connection: "Connection", config: "Config", revision: str, message: str) -> None:
    config.attributes["connection"] = connection
    if revision != "0001":
        command.upgrade(config, "head")
    command.revision(config, message=message, autogenerate=True, rev_id=revision)


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tools.new_migration", description=__doc__)
    parser.add_argument("service")
    parser.add_argument("message")
    given = parser.parse_args()
    default_folder().mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=default_folder()) as folder:
        Path(folder).chmod(0o755)
        with EmbeddedPostgres(PostgresSettings(folder=Path(folder), durable=False)) as postgres:
            asyncio.run(write(given.service, given.message, postgres.admin_dsn))
    return 0


if __name__ == "__main__":
    sys.exit(main())
