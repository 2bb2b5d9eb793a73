"""Row security: the second line behind the WHERE of each view (ADR 0024).

A view of a party runs as a role that may only read, and only rows of the party that the transaction names. Which rows
those are is declared beside each table, in its `info`; the migration writes the policies from it. A table that declares
nothing is not granted to that role at all, so a view that reads it fails instead of showing too much.
"""

import hashlib
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, Protocol
from uuid import UUID

import asyncpg
import structlog
from sqlalchemy import MetaData, Table, text
from sqlalchemy.engine import Connection as SqlConnection

log = structlog.get_logger()

SETTING: Final = "yunquan.tenant"
"""The organisation for which a transaction reads."""
TENANT: Final = f"(SELECT NULLIF(current_setting('{SETTING}', true), '')::uuid)"
"""That organisation as SQL; NULL, which equals nothing, where none is named. Looked up once a statement, not a row."""
_INFO: Final = "tenant"
_OPEN, _BOUND = "everybody", "tenant"
"""The policy that lets every other role read and write as before, and the one that binds the tenant's role."""


class RowCondition(Protocol):
    """When a row is a party's."""

    def sql(self, table: str) -> str:
        """The condition on a row of the table of that name."""


@dataclass(frozen=True, slots=True)
class Own:
    """One of these columns names the party."""

    columns: tuple[str, ...]

    def sql(self, table: str) -> str:
        """The condition on a row of the table of that name."""
        return " OR ".join(f'"{table}"."{column}" = {TENANT}' for column in self.columns)


@dataclass(frozen=True, slots=True)
class Of:
    """This column names, by its key, a row of another table that the party may read by that table's own policy."""

    column: str
    parent: str
    key: str = "id"

    def sql(self, table: str) -> str:
        """The condition on a row of the table of that name."""
        return f'EXISTS (SELECT FROM "{self.parent}" AS above WHERE above."{self.key}" = "{table}"."{self.column}")'


@dataclass(frozen=True, slots=True)
class Where:
    """Any other condition, as SQL on the table's columns."""

    text: str

    def sql(self, table: str) -> str:
        """The condition, whatever the table is called."""
        del table
        return self.text


@dataclass(frozen=True, slots=True, kw_only=True)
class VisibleRows:
    """Which rows of a table a party may read: those that meet one of the conditions; `why` where it has none."""

    granted: bool = True
    conditions: tuple[RowCondition, ...] = ()
    judged: bool = False
    """Whether the planner may only apply the condition to each row, and neither search by it nor count by it."""
    why: str = ""

    def sql(self, table: str) -> str:
        """The condition on a row of the table of that name; empty where every row is shown.

        A view names its party itself. Taken together with a policy that says the same, the planner expects a hundredth
        of the rows that are there, and sorts all orders of a provider to show the newest twenty. So it is kept from
        counting by the policy of a table that is listed newest first.
        """
        found = " OR ".join(f"({condition.sql(table)})" for condition in self.conditions)
        return f"CASE WHEN {found} THEN true ELSE false END" if self.judged and found else found


def own(*columns: str) -> Own:
    """Rows in which one of these columns is the party."""
    return Own(columns)


def party_rows(*conditions: RowCondition, judged: bool = False) -> dict[str, object]:
    """Table.info of a table of which a party reads the rows that meet one of the conditions."""
    return {_INFO: VisibleRows(conditions=conditions, judged=judged)}


def public_rows(why: str) -> dict[str, object]:
    """Table.info of a table of which anybody may read every row."""
    return {_INFO: VisibleRows(why=why)}


def hidden_rows(why: str) -> dict[str, object]:
    """Table.info of a table that a view of parties names, and of which they see no row."""
    return {_INFO: VisibleRows(conditions=(Where("false"),), why=why)}


def staff_rows(why: str) -> dict[str, object]:
    """Table.info of a table that no view of parties reads; their role has no right to it."""
    return {_INFO: VisibleRows(granted=False, why=why)}


def rows_of(table: Table) -> VisibleRows | None:
    """What a table declares, or None."""
    found: VisibleRows | None = table.info.get(_INFO)
    return found


def granted_tables(metadata: MetaData) -> Iterator[tuple[Table, VisibleRows]]:
    """The tables that the tenant's role reads, with what it sees of them."""
    for table in metadata.sorted_tables:
        rows = rows_of(table)
        if rows is not None and rows.granted:
            yield table, rows


def protected_tables(metadata: MetaData) -> Iterator[tuple[Table, VisibleRows]]:
    """The tables of which the tenant's role sees some rows only."""
    return ((table, rows) for table, rows in granted_tables(metadata) if rows.conditions)


def tenant_role(role: str) -> str:
    """The role that a service's role takes for the views of a party."""
    return f"{role}_tenant"


# The service's role must not be bound itself: it copies rows into these tables, which PostgreSQL refuses where a policy
# might look at them. Where the service has no role of its own it is the owner or the administrator, whom none binds.
_USABLE = text("""
SELECT to_regrole(quote_ident(:tenant)) IS NOT NULL
   AND COALESCE((SELECT rolbypassrls OR rolsuper OR rolname = current_user FROM pg_roles WHERE rolname = :role), true)
""")
_PRESENT = text("""
SELECT c.relname, c.relrowsecurity, obj_description(p.oid, 'pg_policy') AS digest
FROM pg_class c LEFT JOIN pg_policy p ON p.polrelid = c.oid AND p.polname = :policy
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
""")


def secure(connection: SqlConnection, metadata: MetaData, role: str) -> bool:
    """Grant the tenant's role what is declared and write the policies, in the migration's own transaction.

    A table whose policy stands as declared is not locked again. False, and nothing is done, where the tenant's role is
    missing, or the service's role would be bound by the policies itself.
    """
    tenant = tenant_role(role)
    if not connection.scalar(_USABLE, {"tenant": tenant, "role": role}):
        return False
    quoted = connection.dialect.identifier_preparer.quote
    grantee = quoted(tenant)
    present = {row.relname: row for row in connection.execute(_PRESENT, {"policy": _BOUND})}
    granted = {table.name for table, _ in granted_tables(metadata)}
    connection.execute(text(f"GRANT USAGE ON SCHEMA public TO {grantee}"))
    for table in metadata.sorted_tables:
        name = quoted(table.name)
        connection.execute(text(f"REVOKE ALL ON {name} FROM {grantee}"))
        if table.name in granted:
            connection.execute(text(f"GRANT SELECT ON {name} TO {grantee}"))
    wanted = {table.name: rows.sql(table.name) for table, rows in protected_tables(metadata)}
    for table in metadata.sorted_tables:
        found = present[table.name]
        condition = wanted.get(table.name)
        digest = None if condition is None else hashlib.sha256(condition.encode()).hexdigest()
        if (digest is not None) == found.relrowsecurity and digest == found.digest:
            continue
        for statement in _written(quoted(table.name), grantee, condition, digest):
            connection.exec_driver_sql(statement)
    return True


def _written(name: str, grantee: str, condition: str | None, digest: str | None) -> Sequence[str]:
    """The statements that give a table its policies, or take them away."""
    gone = [f'DROP POLICY IF EXISTS "{policy}" ON {name}' for policy in (_OPEN, _BOUND)]
    if condition is None:
        return [*gone, f"ALTER TABLE {name} DISABLE ROW LEVEL SECURITY"]
    return [
        *gone,
        f'CREATE POLICY "{_OPEN}" ON {name} USING (true) WITH CHECK (true)',
        f'CREATE POLICY "{_BOUND}" ON {name} AS RESTRICTIVE FOR SELECT TO {grantee} USING ({condition})',
        f"COMMENT ON POLICY \"{_BOUND}\" ON {name} IS '{digest}'",
        f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY",
    ]


_STANDS = """
SELECT COALESCE(pg_has_role(to_regrole(quote_ident($1))::oid, 'SET'), false) AND NOT EXISTS (
    SELECT FROM unnest($2::text[], $3::boolean[]) AS declared (name, bound)
    LEFT JOIN pg_class c ON c.oid = to_regclass(quote_ident(declared.name))
    WHERE c.oid IS NULL OR NOT has_table_privilege(to_regrole(quote_ident($1))::oid, c.oid, 'SELECT')
       OR declared.bound AND NOT (c.relrowsecurity AND EXISTS (
            SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND NOT p.polpermissive
              AND to_regrole(quote_ident($1))::oid = ANY(p.polroles))))
"""


class RowSecurity:
    """The second line of one running service: whether its database has it, and transactions bound to a party."""

    def __init__(self, service: str, metadata: MetaData) -> None:
        self._service = service
        self._role = tenant_role(service)
        bound = {table.name for table, _ in protected_tables(metadata)}
        self._declared = [(table.name, table.name in bound) for table, _ in granted_tables(metadata)]
        self._told = False
        self.stands = False
        """Whether the database has the role and every policy. Until then the WHERE of each view is the only line."""

    async def look(self, connection: asyncpg.Connection) -> None:
        """Find out whether the second line stands; once it does it is never given up, and its absence is told once."""
        if self.stands or not self._declared:
            return
        names, bound = [name for name, _ in self._declared], [bound for _, bound in self._declared]
        self.stands = bool(await connection.fetchval(_STANDS, self._role, names, bound))
        if self.stands and self._told:
            log.info("row_security.stands", service=self._service)
        elif not self.stands and not self._told:
            self._told = True
            log.warning("row_security.absent", service=self._service, role=self._role)

    @asynccontextmanager
    async def bound(self, connection: asyncpg.Connection, tenant: UUID) -> AsyncIterator[None]:
        """One transaction that only reads, and only what the organisation may see. Role and organisation end with it.

        Raises: asyncpg.PostgresError, also when the role has gone: nothing is read without it then.
        """
        try:
            await connection.execute(
                f"BEGIN READ ONLY; SET LOCAL ROLE \"{self._role}\"; SET LOCAL {SETTING} = '{UUID(int=tenant.int)}'"
            )
            yield
        except BaseException:
            if not connection.is_closed():
                await _end(connection, "ROLLBACK")
            raise
        await _end(connection, "COMMIT")


async def _end(connection: Any, statement: str) -> None:  # noqa: ANN401 - asyncpg is untyped
    """End a transaction; a connection that is not known to have left it is never used again."""
    try:
        await connection.execute(statement)
    except BaseException:
        connection.terminate()
        raise
