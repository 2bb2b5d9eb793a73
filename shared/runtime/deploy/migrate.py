"""Migrations: one-shot, by the migration role, safe to run twice and beside old processes."""

import argparse
import asyncio
import importlib
import os
import sys
import time
from dataclasses import dataclass

import asyncpg
from alembic.script import ScriptDirectory
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from shared.runtime.database.row_security import secure
from shared.runtime.deploy.branches import listed, migration_config, upgrade_branches
from shared.runtime.deploy.grants import VERSION_TABLE, grant
from shared.runtime.deploy.partitions import LOCK_ID, make_months_of

LOCK_TIMEOUT_S = 5
POLL_S = 1.0
ROLES_POLL_S = 5.0
_NO_ROW_SECURITY = "row security is not on: make the roles (ADR 0024) and migrate again"
CONNECT_TIMEOUT_S = 5.0


async def upgrade(service: str, dsn: str) -> bool:
    """Bring one service's database to the newest schema, grant rights, and make the months of its facts for a year.

    A database that a release before the runtime's branch migrated is recognised (ADR 0028).
    The service runs as the role of its own name. Where no such role exists, or it is the one that migrates, there is
    one role for both and nothing to grant. Returns whether row security stands (`row_security.secure`).
    """
    metadata = importlib.import_module(f"services.{service}.tables").METADATA
    engine = create_async_engine(dsn.replace("postgresql://", "postgresql+asyncpg://", 1), poolclass=NullPool)
    try:
        async with engine.begin() as connection:
            # Two migration jobs at once must not both create tables.
            await connection.execute(text(f"SELECT pg_advisory_xact_lock({LOCK_ID})"))
            # Whoever waits for a lock on a table holds up everybody behind it; better to fail and be run again.
            await connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT_S}s'"))
            await connection.run_sync(upgrade_branches, service)
            await connection.run_sync(grant, metadata, service)
            secured = await connection.run_sync(secure, metadata, service)
    finally:
        await engine.dispose()
    await make_months_of(dsn)
    return secured


async def _upgrade_secured(service: str, dsn: str, *, timeout_s: float) -> bool:
    """Upgrade, and again while the roles of row security are being made beside it; whether they came in time."""
    deadline = time.monotonic() + timeout_s
    while not await upgrade(service, dsn):
        if time.monotonic() >= deadline:
            return False
        await asyncio.sleep(ROLES_POLL_S)
    return True


async def wait_for_schema(service: str, dsn: str, *, timeout_s: float) -> None:
    """Wait, with the service's own role, until its database has the schema of this release or of a later one.

    Raises: TimeoutError that says what was found last.
    """
    known = ScriptDirectory.from_config(migration_config(service))
    heads, past = set(known.get_heads()), {script.revision for script in known.walk_revisions()}
    deadline = time.monotonic() + timeout_s
    while True:
        found = await _revisions(dsn)
        # A revision that this release does not know was written by a later one, beside which this one still works.
        if heads <= found.revisions or not found.revisions <= past:
            return
        if time.monotonic() > deadline:
            raise TimeoutError(f"{service}: no schema {listed(heads)} within {timeout_s:.0f} s: {found.reason}")
        await asyncio.sleep(POLL_S)


@dataclass(frozen=True, slots=True)
class _Found:
    revisions: frozenset[str]
    reason: str


async def _revisions(dsn: str) -> _Found:
    try:
        connection = await asyncpg.connect(dsn, timeout=CONNECT_TIMEOUT_S)
        try:
            rows = await connection.fetch(
                f"SELECT version_num FROM {VERSION_TABLE}",  # noqa: S608 - our own constant
                timeout=CONNECT_TIMEOUT_S,
            )
            there = frozenset(row["version_num"] for row in rows)
            return _Found(there, f"the database is at {listed(there)}")
        finally:
            await connection.close()
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        return _Found(frozenset(), f"{type(error).__name__}: {' '.join(str(error).split())[:200]}")


def main() -> int:
    """`python -m shared.runtime.migrate identity catalog ...` with <NAME>_DATABASE_URL of the migration role.

    Nothing else is asked for: a migration has no use for a service's keys.
    """
    parser = argparse.ArgumentParser(prog="python -m shared.runtime.migrate", description=main.__doc__)
    parser.add_argument("services", nargs="+", help="services to migrate")
    parser.add_argument(
        "--wait",
        type=float,
        metavar="SECONDS",
        help="change nothing: wait, with the service's own role, until somebody else has migrated",
    )
    parser.add_argument(
        "--roles-within",
        type=float,
        default=0,
        metavar="SECONDS",
        help="migrate again until the roles of row security are there (ADR 0024), for so long",
    )
    given = parser.parse_args()
    for service in given.services:
        dsn = os.environ.get(variable := f"{service.upper()}_DATABASE_URL")
        if not dsn:
            parser.error(f"set {variable}, a postgresql:// URL")
        try:
            if given.wait is None:
                if not asyncio.run(_upgrade_secured(service, dsn, timeout_s=given.roles_within)):
                    print(f"{service}: {_NO_ROW_SECURITY}", file=sys.stderr)  # noqa: T201 - a command line speaks
            else:
                asyncio.run(wait_for_schema(service, dsn, timeout_s=given.wait))
        except TimeoutError as error:
            print(f"{service}: {error}", file=sys.stderr)  # noqa: T201 - a command line speaks
            return 1
        print(f"{service}: migrated", file=sys.stderr)  # noqa: T201 - a command line speaks
    return 0


if __name__ == "__main__":
    sys.exit(main())
