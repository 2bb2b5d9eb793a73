"""The runtime's tables have a branch of migrations of their own; databases of before are recognised (ADR 0028)."""

import asyncio
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncpg
import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Connection as SqlConnection
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from embedded.binaries import POSTGRES_MAJOR
from embedded.platform import SERVICES
from embedded.postgres import EmbeddedPostgres, PostgresSettings
from operations.programs import find_program
from shared.runtime.deploy.branches import migration_config, newest_revisions, recognise, upgrade_branches
from shared.runtime.deploy.grants import DatabaseLogin, ensure_database
from shared.runtime.deploy.migrate import upgrade, wait_for_schema
from shared.runtime.service.service import Service
from tests.e2e.faults.previous import RECOGNISED
from tests.integration.test_migrations import differences
from tools.new_migration import declared

ROOT = Path(__file__).parents[2]
BEFORE = ROOT / "tests" / "data" / "before_the_runtime_branch"
CHANGED_IN = {
    "catalog": ("0004", "0005"),
    "identity": ("0004", "0005"),
    "order": ("0003", "0004"),
    "settlement": ("0004", "0005"),
    "voucher": ("0003", "0004"),
}
"""The revisions that first remembered ended sessions, and first noted who wrote, when each service did so by itself."""
NAMES = sorted(service.name for service in SERVICES)
EACH = pytest.mark.parametrize("service", NAMES)


@pytest.fixture(scope="module")
def server(server_folder: Callable[[], Path]) -> Iterator[EmbeddedPostgres]:
    """A server of this module alone, because roles belong to a whole server."""
    with EmbeddedPostgres(PostgresSettings(folder=server_folder(), durable=False)) as running:
        yield running


async def database(server: EmbeddedPostgres, service: str, kind: str) -> str:
    """The owner's URL of an empty database with the roles of the service."""
    owner, runtime = (
        DatabaseLogin(role=role, password=role, database=f"{service}_{kind}") for role in (f"{service}_owner", service)
    )
    await ensure_database(server.admin_dsn, owner=owner, runtime=runtime)
    return owner.url(server.admin_dsn)


def dumped(dsn: str) -> list[str]:
    """What pg_dump says of a schema, sorted, with owners, rights and policies; partitions of a month are left out.

    A condition that was restored from a dump is written with fewer parentheses, so they do not count.
    """
    program = find_program("pg_dump", server_major=POSTGRES_MAJOR)
    done = subprocess.run(  # noqa: S603 - PostgreSQL's own program
        [str(program), "--schema-only", "--exclude-table=fact_2*", dsn], check=True, capture_output=True, text=True
    )
    lines = (line.replace("(", "").replace(")", "") for line in done.stdout.splitlines())
    return sorted(line for line in lines if not line.startswith(("\\restrict", "\\unrestrict")))


async def revisions_of(dsn: str) -> set[str]:
    connection = await asyncpg.connect(dsn)
    try:
        return {row["version_num"] for row in await connection.fetch("SELECT version_num FROM alembic_version")}
    finally:
        await connection.close()


async def execute(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def as_before(service: str, dsn: str, revision: str) -> None:
    """A database at a revision of the time when the service's own migrations made the runtime's tables."""

    def run(connection: SqlConnection) -> None:
        config = migration_config(service)
        config.attributes["connection"] = connection
        changes = sum(revision >= changed for changed in CHANGED_IN[service])
        command.upgrade(config, f"runtime_{1 + changes:04d}")
        command.upgrade(config, revision)

    await in_transaction(dsn, run)
    await execute(dsn, "DELETE FROM alembic_version WHERE version_num LIKE 'runtime%'")


async def in_transaction(dsn: str, run: Callable[[SqlConnection], None]) -> None:
    engine = create_async_engine(dsn.replace("postgresql://", "postgresql+asyncpg://", 1), poolclass=NullPool)
    try:
        async with engine.begin() as connection:
            await connection.run_sync(run)
    finally:
        await engine.dispose()


def revisions_before(service: str) -> list[str]:
    """The revisions that databases of before may be at."""
    scripts = ScriptDirectory.from_config(migration_config(service))
    last = max(Path(line.split()[1]).name[:4] for line in RECOGNISED.read_text().splitlines() if f"/{service}/" in line)
    own = sorted(script.revision for script in scripts.walk_revisions() if not script.revision.startswith("runtime"))
    return [revision for revision in own if revision <= last]


@EACH
async def test_a_database_of_before_becomes_what_a_fresh_one_is_with_its_owners_rights_and_policies(
    server: EmbeddedPostgres, service: str
) -> None:
    fresh, older = await database(server, service, "fresh"), await database(server, service, "older")
    assert await upgrade(service, fresh)
    await execute(older, (BEFORE / f"{service}.sql").read_text(encoding="utf-8"))
    assert len(await revisions_of(older)) == 1
    assert await upgrade(service, older)
    assert await revisions_of(older) == await revisions_of(fresh) == newest_revisions(service)
    after = await asyncio.to_thread(dumped, older)
    assert after == await asyncio.to_thread(dumped, fresh)
    assert await upgrade(service, older)
    assert await asyncio.to_thread(dumped, older) == after, "it may be run again"


@EACH
async def test_every_revision_of_before_is_recognised(fresh_database: Callable[[], str], service: str) -> None:
    by_name: dict[str, Service] = {each.name: each for each in SERVICES}
    for revision in revisions_before(service):
        dsn = await asyncio.to_thread(fresh_database)
        await as_before(service, dsn, revision)
        assert await revisions_of(dsn) == {revision}
        await upgrade(service, dsn)
        assert await revisions_of(dsn) == newest_revisions(service)

        def compare(connection: SqlConnection) -> None:
            assert differences(connection, by_name[service]) == []

        await in_transaction(dsn, compare)


@pytest.mark.parametrize("revision", ["", "0002"], ids=["a fresh database", "one of before"])
async def test_two_migrators_at_once_make_everything_once(fresh_database: Callable[[], str], revision: str) -> None:
    dsn = await asyncio.to_thread(fresh_database)
    if revision:
        await as_before("voucher", dsn, revision)
    await asyncio.gather(*(upgrade("voucher", dsn) for _ in range(3)))
    assert await revisions_of(dsn) == newest_revisions("voucher")


async def test_what_fails_half_way_leaves_the_database_as_it_was(fresh_database: Callable[[], str]) -> None:
    dsn = await asyncio.to_thread(fresh_database)
    await as_before("voucher", dsn, "0002")
    await execute(dsn, "CREATE TABLE ended_session (in_the_way int)")
    with pytest.raises(ProgrammingError, match="already exists"):
        await upgrade("voucher", dsn)
    assert await revisions_of(dsn) == {"0002"}, "it was not stamped either"


async def test_a_database_with_both_branches_is_not_recognised_again(fresh_database: Callable[[], str]) -> None:
    """Somebody who goes back one revision of the runtime must find it gone, not noted again from the service's."""
    dsn = await asyncio.to_thread(fresh_database)
    await upgrade("catalog", dsn)
    back: set[str] = set()

    def run(connection: SqlConnection) -> None:
        config = migration_config("catalog")
        config.attributes["connection"] = connection
        command.downgrade(config, "runtime_0001")
        recognise(connection, ScriptDirectory.from_config(config))
        back.update(connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalars())
        upgrade_branches(connection, "catalog")

    await in_transaction(dsn, run)
    assert "runtime_0001" in back
    assert await revisions_of(dsn) == newest_revisions("catalog")


async def test_a_service_waits_for_both_branches(fresh_database: Callable[[], str]) -> None:
    dsn = await asyncio.to_thread(fresh_database)
    await as_before("order", dsn, revisions_before("order")[-1])
    with pytest.raises(TimeoutError, match="runtime_"):
        await wait_for_schema("order", dsn, timeout_s=0)
    await upgrade("order", dsn)
    await wait_for_schema("order", dsn, timeout_s=0)
    await execute(dsn, "UPDATE alembic_version SET version_num = 'runtime_9999' WHERE version_num LIKE 'runtime%'")
    await wait_for_schema("order", dsn, timeout_s=0)


def test_processes_of_before_still_find_the_revisions_they_know() -> None:
    """They compare with the newest revision that they have, so a number that was given stays."""
    for line in RECOGNISED.read_text(encoding="utf-8").splitlines():
        assert (ROOT / line.split()[1]).exists()


@EACH
def test_a_changed_table_of_the_runtime_is_one_migration_and_a_services_own_is_another(service: str) -> None:
    every = next(each for each in SERVICES if each.name == service).metadata.tables.keys()
    of_runtime, own = declared("runtime").tables.keys(), declared(service).tables.keys()
    assert of_runtime | own == every
    assert not of_runtime & own
    assert {"outbox", "inbox", "cursor", "idempotency", "fact", "notice"} <= of_runtime
