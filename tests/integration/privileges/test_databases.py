"""What each service's role may do in PostgreSQL: tried by doing it."""

# ruff: noqa: S608 - the names in the statements come from our own declarations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from itertools import permutations
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import Column, MetaData, Table, Text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from embedded.platform import SERVICES
from embedded.postgres import EmbeddedPostgres, PostgresSettings
from services.order.store import orders
from shared.runtime.database.row_security import RowSecurity, protected_tables, rows_of, secure, tenant_role
from shared.runtime.database.tables import APPEND_ONLY
from shared.runtime.deploy.grants import DatabaseLogin, ensure_database, grant
from shared.runtime.deploy.migrate import upgrade, wait_for_schema
from shared.runtime.service.service import Service

REFUSED = asyncpg.InsufficientPrivilegeError
NAMES = [service.name for service in SERVICES]
EACH = pytest.mark.parametrize("service", SERVICES, ids=NAMES)

DEFINITIONS = (
    "CREATE TABLE theirs (id int)",
    "CREATE TEMP TABLE theirs (id int)",
    "CREATE SCHEMA theirs",
    "CREATE FUNCTION theirs() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE EXTENSION vector",
    "CREATE INDEX ON decision (at)",
    "ALTER TABLE decision ADD COLUMN theirs int",
    "ALTER TABLE decision DISABLE TRIGGER ALL",
    "ALTER TABLE decision OWNER TO CURRENT_USER",
    "DROP TABLE decision",
    "CREATE ROLE theirs",
    "CREATE DATABASE theirs",
    "ALTER SYSTEM SET fsync = off",
    "COPY decision TO PROGRAM 'cat'",
    "UPDATE alembic_version SET version_num = '0'",
    # Past their parent, partitions are nobody's.
    "SELECT FROM fact_default",
    "DELETE FROM fact_default",
)


def account(role: str, database: str) -> DatabaseLogin:
    return DatabaseLogin(role=role, password=f"p w'{role}", database=database)


@pytest.fixture(scope="module")
def server(server_folder: Callable[[], Path]) -> Iterator[EmbeddedPostgres]:
    """A server of this module alone, because roles belong to a whole server, with every service migrated."""

    async def prepare(server: EmbeddedPostgres) -> None:
        for name in NAMES:
            owner = account(f"{name}_owner", name)
            await ensure_database(server.admin_dsn, owner=owner, runtime=account(name, name))
            assert await upgrade(name, owner.url(server.admin_dsn)), "row security stands after the first migration"

    with EmbeddedPostgres(PostgresSettings(folder=server_folder(), durable=False)) as running:
        asyncio.run(prepare(running))
        yield running


@asynccontextmanager
async def connected(server: EmbeddedPostgres, role: str, database: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(account(role, database).url(server.admin_dsn), timeout=10)
    try:
        yield connection
    finally:
        await connection.close()


def tables(service: Service, *, append_only: bool) -> list[str]:
    return [each.name for each in service.metadata.sorted_tables if bool(each.info.get("append_only")) == append_only]


def some_column(service: Service, table: str) -> str:
    return next(column.name for column in service.metadata.tables[table].columns if not column.computed)


def test_the_ledger_decisions_and_facts_are_declared_append_only() -> None:
    for service in SERVICES:
        assert {"fact", "decision"} <= set(tables(service, append_only=True))
    voucher = next(service for service in SERVICES if service.name == "voucher")
    assert {"posting", "allocation"} <= set(tables(voucher, append_only=True))


@EACH
async def test_what_is_written_once_is_neither_changed_nor_deleted(server: EmbeddedPostgres, service: Service) -> None:
    async with connected(server, service.name, service.name) as connection:
        for table in tables(service, append_only=True):
            column = some_column(service, table)
            for statement in (
                f'UPDATE "{table}" SET "{column}" = "{column}"',
                f'DELETE FROM "{table}"',
                f'TRUNCATE "{table}"',
                f'SELECT FROM "{table}" FOR UPDATE',
            ):
                with pytest.raises(REFUSED):
                    await connection.execute(statement)
            await connection.execute(f'SELECT FROM "{table}" LIMIT 1')
            assert await connection.fetchval("SELECT has_table_privilege($1, 'INSERT')", f'"{table}"')


@EACH
async def test_other_rows_may_be_changed_and_no_table_emptied_at_once(
    server: EmbeddedPostgres, service: Service
) -> None:
    async with connected(server, service.name, service.name) as connection:
        for table in tables(service, append_only=False):
            column = some_column(service, table)
            identity = service.metadata.tables[table].columns[column].identity
            if not (identity and identity.always):
                await connection.execute(f'UPDATE "{table}" SET "{column}" = "{column}" WHERE false')
            await connection.execute(f'DELETE FROM "{table}" WHERE false')
            with pytest.raises(REFUSED):
                await connection.execute(f'TRUNCATE "{table}"')


@EACH
async def test_a_service_defines_nothing(server: EmbeddedPostgres, service: Service) -> None:
    async with connected(server, service.name, service.name) as connection:
        for statement in (*DEFINITIONS, f"SET ROLE {service.name}_owner", "SET ROLE postgres"):
            with pytest.raises(REFUSED):
                await connection.execute(statement)


@pytest.mark.parametrize("kind", ["", "_owner"], ids=["runtime", "migration"])
async def test_no_role_enters_a_neighbours_database(server: EmbeddedPostgres, kind: str) -> None:
    neighbours = [*permutations(NAMES, 2), *((name, other) for name in NAMES for other in ("postgres", "template1"))]
    for name, database in neighbours:
        with pytest.raises(REFUSED):
            async with connected(server, f"{name}{kind}", database):
                pass


@EACH
async def test_a_migration_role_is_no_administrator(server: EmbeddedPostgres, service: Service) -> None:
    async with connected(server, f"{service.name}_owner", service.name) as connection:
        for statement in ("CREATE ROLE theirs", "CREATE DATABASE theirs", "ALTER SYSTEM SET fsync = off"):
            with pytest.raises(REFUSED):
                await connection.execute(statement)


async def test_the_service_waits_for_its_schema_with_its_own_role(server: EmbeddedPostgres) -> None:
    await wait_for_schema("order", account("order", "order").url(server.admin_dsn), timeout_s=0)
    wrong = DatabaseLogin(role="order", password="wrong", database="order")
    with pytest.raises(TimeoutError, match=r"no schema .* within 0 s: .*password"):
        await wait_for_schema("order", wrong.url(server.admin_dsn), timeout_s=0)


def _engine(dsn: str) -> AsyncEngine:
    return create_async_engine(dsn.replace("postgresql://", "postgresql+asyncpg://", 1), poolclass=NullPool)


async def test_a_new_table_gets_its_rights_from_its_declaration(server: EmbeddedPostgres) -> None:
    metadata = MetaData()
    Table("anything", metadata, Column("id", Text))
    Table("kept", metadata, Column("id", Text), info=APPEND_ONLY)
    engine = _engine(account("catalog_owner", "catalog").url(server.admin_dsn))
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
        assert await connection.run_sync(grant, metadata, "catalog")
        assert not await connection.run_sync(grant, metadata, "catalog_owner"), "the owner needs no rights"
        assert not await connection.run_sync(grant, metadata, "nobody_here")
    try:
        async with connected(server, "catalog", "catalog") as service:
            for table, may_change in (("anything", True), ("kept", False)):
                await service.execute(f"INSERT INTO {table} VALUES ('1')")
                found = [
                    await service.fetchval("SELECT has_table_privilege($1, $2)", table, right)
                    for right in ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER")
                ]
                assert found == [True, True, may_change, may_change, False, False, False]
    finally:
        async with engine.begin() as connection:
            await connection.run_sync(metadata.drop_all)
        await engine.dispose()


async def test_a_database_that_the_service_owned_is_handed_over(server: EmbeddedPostgres) -> None:
    owner, runtime = account("order_owner", "older"), account("order", "older")
    admin = await asyncpg.connect(server.admin_dsn)
    await admin.execute('CREATE DATABASE older OWNER "order"')
    async with connected(server, "order", "older") as connection:
        await connection.execute("CREATE TABLE theirs (id int)")
    await ensure_database(server.admin_dsn, owner=owner, runtime=runtime)
    await ensure_database(server.admin_dsn, owner=owner, runtime=runtime)
    async with connected(server, "order", "older") as connection:
        with pytest.raises(REFUSED):
            await connection.execute("DROP TABLE theirs")
        with pytest.raises(REFUSED):
            await connection.execute("SELECT FROM theirs")
    async with connected(server, "order_owner", "older") as connection:
        await connection.execute("DROP TABLE theirs")
    await admin.execute("DROP DATABASE older")
    await admin.close()


@EACH
async def test_the_service_takes_the_tenants_role_and_gains_nothing_by_it(
    server: EmbeddedPostgres, service: Service
) -> None:
    """ADR 0024: it may be taken for a transaction, is not inherited, and opens no door of its own."""
    tenant = tenant_role(service.name)
    async with connected(server, service.name, service.name) as connection:
        said = "SELECT pg_has_role($1, 'SET') AS taken, pg_has_role($1, 'USAGE') AS inherited"
        assert dict(await connection.fetchrow(said, tenant)) == {"taken": True, "inherited": False}
        for table in service.metadata.sorted_tables:
            more = "SELECT has_table_privilege($1, $2, 'SELECT') AND NOT has_table_privilege($2, 'SELECT')"
            assert not await connection.fetchval(more, tenant, f'"{table.name}"'), table.name
        role = await connection.fetchrow("SELECT * FROM pg_roles WHERE rolname = $1", tenant)
        rights = [name for name, held in role.items() if held is True and name != "rolinherit"]
        assert rights == [], "no login, and no right over the server"


@EACH
async def test_policies_do_not_bind_the_service_itself(server: EmbeddedPostgres, service: Service) -> None:
    """It still copies rows into every table, which PostgreSQL refuses to whoever a policy might bind."""
    async with connected(server, service.name, service.name) as connection:
        for table, _ in protected_tables(service.metadata):
            assert not await connection.fetchval("SELECT row_security_active($1::text)", f'"{table.name}"')
            columns = [column.name for column in table.columns if not column.computed]
            assert await connection.copy_records_to_table(table.name, records=[], columns=columns) == "COPY 0"


@EACH
async def test_the_service_finds_that_the_second_line_stands(server: EmbeddedPostgres, service: Service) -> None:
    found = RowSecurity(service.name, service.metadata)
    table = next(table for table, _ in protected_tables(service.metadata))
    async with (
        connected(server, f"{service.name}_owner", service.name) as owner,
        connected(server, service.name, service.name) as connection,
    ):
        await owner.execute(f'ALTER TABLE "{table.name}" DISABLE ROW LEVEL SECURITY')
        await found.look(connection)
        assert not found.stands
        assert await upgrade(service.name, account(f"{service.name}_owner", service.name).url(server.admin_dsn))
        await found.look(connection)
        assert found.stands


HOT = {
    "order": (orders._FIND, orders._LOCK, "UPDATE cloud_order SET state = state WHERE id = ANY($1::uuid[])"),
    "voucher": ("SELECT * FROM quota_account WHERE enterprise_id = ANY($1::uuid[]) AND year = 2026 FOR UPDATE",),
}


@pytest.mark.parametrize("name", sorted(HOT))
async def test_row_security_changes_no_plan_of_the_service(server: EmbeddedPostgres, name: str) -> None:
    """The statements of purchases are planned as if there were no policy (ADR 0024)."""
    service = next(service for service in SERVICES if service.name == name)
    admin = await asyncpg.connect(server.admin_dsn, database=name)

    async def plans() -> list[str]:
        await admin.execute(f'SET LOCAL ROLE "{name}"; SET LOCAL enable_seqscan = off')
        found = []
        for statement in HOT[name]:
            literal = statement.replace("$1", "ARRAY['018f0000-0000-7000-8000-000000000000']")
            found += [row[0] for row in await admin.fetch(f"EXPLAIN (VERBOSE, COSTS OFF) {literal}")]
        await admin.execute("RESET ROLE")
        return found

    transaction = admin.transaction()
    await transaction.start()
    with_policies = await plans()
    for table, _ in protected_tables(service.metadata):
        await admin.execute(f'ALTER TABLE "{table.name}" DISABLE ROW LEVEL SECURITY')
    assert with_policies == await plans()
    assert "Index" in "".join(with_policies)
    await transaction.rollback()
    await admin.close()


async def test_a_migration_writes_only_policies_that_changed(server: EmbeddedPostgres) -> None:
    service = next(service for service in SERVICES if service.name == "catalog")
    policies = "SELECT array_agg(oid ORDER BY oid) FROM pg_policy"
    engine = _engine(account("catalog_owner", "catalog").url(server.admin_dsn))
    changed = MetaData()
    for table in service.metadata.sorted_tables:
        table.to_metadata(changed).info = dict(table.info)
    changed.tables["product"].info = {}
    async with connected(server, "catalog_owner", "catalog") as owner:
        before = await owner.fetchval(policies)
        async with engine.begin() as connection:
            assert await connection.run_sync(secure, service.metadata, "catalog")
        assert await owner.fetchval(policies) == before
        async with engine.begin() as connection:
            assert await connection.run_sync(secure, changed, "catalog")
        assert len(await owner.fetchval(policies)) == len(before) - 2
        readable = "SELECT has_table_privilege('catalog_tenant', 'product', 'SELECT')"
        assert not await owner.fetchval(readable), "what declares nothing is not granted"
        async with engine.begin() as connection:
            assert await connection.run_sync(secure, service.metadata, "catalog")
        assert await owner.fetchval(readable)
        assert rows_of(service.metadata.tables["product"])
    await engine.dispose()


async def test_no_policy_is_written_that_would_bind_the_service_or_without_the_tenants_role(
    server: EmbeddedPostgres,
) -> None:
    """A server whose roles are of the release before: the migration goes on, and says that the second line is off."""
    owner, runtime = account("older_owner", "olden"), account("older", "olden")
    await ensure_database(server.admin_dsn, owner=owner, runtime=runtime)
    admin = await asyncpg.connect(server.admin_dsn)
    metadata = MetaData()
    Table("anything", metadata, Column("id", Text))
    engine = _engine(owner.url(server.admin_dsn))
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
    for spoilt, mended in (
        ("ALTER ROLE older NOBYPASSRLS", "ALTER ROLE older BYPASSRLS"),
        ("ALTER ROLE older_tenant RENAME TO gone", "ALTER ROLE gone RENAME TO older_tenant"),
    ):
        await admin.execute(spoilt)
        async with engine.begin() as connection:
            assert not await connection.run_sync(secure, metadata, "older")
        await admin.execute(mended)
        async with engine.begin() as connection:
            assert await connection.run_sync(secure, metadata, "older")
    await engine.dispose()
    await admin.execute("DROP DATABASE olden WITH (FORCE)")
    await admin.close()
