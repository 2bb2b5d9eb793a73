"""Who may do what in a service's database: a role that migrates and owns, and a role that the service runs as.

The service's role may connect to its own database and read, insert, update and delete rows in the tables its code
declares; a table declared with `info=APPEND_ONLY` it may only read and insert into. It owns nothing, so it can neither
define nor truncate, and partitions are reached through their parent alone. For the views of a party it takes a third
role that only reads, and only the party's rows (`row_security`, ADR 0024).
"""

import argparse
import asyncio
import os
import sys
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import quote, unquote, urlsplit

import asyncpg
from sqlalchemy import MetaData, Table, text
from sqlalchemy.engine import Connection as SqlConnection

from shared.runtime.database.row_security import tenant_role

CONNECT_TIMEOUT_S = 10
VERSION_TABLE = "alembic_version"
"""Which migrations have run; a service waits for them before it starts."""
DATABASES_OF_THE_SERVER = ("postgres", "template1")

# One session at a time: two jobs must not both find a role missing and make it.
_ALONE = "SELECT pg_advisory_lock(7365002)"
_MISSING_ROLE = "SELECT format('CREATE ROLE %I', $1::text) WHERE to_regrole(quote_ident($1)) IS NULL"
_ROLE = """
SELECT format('ALTER ROLE %I LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION %s PASSWORD %L',
              $1::text, $3::text, $2::text)
"""
_TENANT = """
SELECT format('ALTER ROLE %I NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS', $1::text)
"""
# It may be taken, for one transaction, and gives nothing and takes nothing where it is not.
_TAKEN = "SELECT format('GRANT %I TO %I WITH INHERIT FALSE, SET TRUE', $1::text, $2::text)"
_MISSING_DATABASE = """
SELECT format('CREATE DATABASE %I OWNER %I', $1::text, $2::text)
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = $1)
"""
_CLOSED = "SELECT format('REVOKE ALL ON DATABASE %I FROM PUBLIC', $1::text)"
_OPENED = "SELECT format('GRANT CONNECT ON DATABASE %I TO %I', $1::text, $2::text)"
# Databases of the time when the service's role owned everything.
_HANDED_OVER = "SELECT format('REASSIGN OWNED BY %I TO %I', $1::text, $2::text)"


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseLogin:
    """A role, its password and its database."""

    role: str
    password: str
    database: str

    @classmethod
    def of(cls, url: str) -> Self:
        """What a postgresql:// URL names. Raises: ValueError when a part is missing."""
        parts = urlsplit(url)
        if not (parts.username and parts.password and parts.path.strip("/")):
            raise ValueError("the URL must name a role, its password and a database")
        return cls(
            role=unquote(parts.username), password=unquote(parts.password), database=unquote(parts.path.strip("/"))
        )

    def url(self, server_url: str) -> str:
        """The URL of this account on the server of another URL."""
        place = urlsplit(server_url).netloc.rpartition("@")[2]
        role, password, database = (quote(part, safe="") for part in (self.role, self.password, self.database))
        return f"postgresql://{role}:{password}@{place}/{database}"


async def ensure_database(admin_url: str, *, owner: DatabaseLogin, runtime: DatabaseLogin) -> None:
    """Make the roles and their database unless they exist, set the passwords, and let nobody else in.

    Safe to run again, also on a database that the runtime role owned. Raises: asyncpg.PostgresError, OSError.
    """
    if owner.database != runtime.database or owner.role == runtime.role:
        raise ValueError(f"{owner.role} and {runtime.role} must be two roles of one database")
    server = await asyncpg.connect(admin_url, timeout=CONNECT_TIMEOUT_S)
    try:
        await server.execute(_ALONE)
        # Policies are for the tenant's role. PostgreSQL refuses COPY to whoever a policy might bind, and services copy.
        for account, bound in ((owner, "NOBYPASSRLS"), (runtime, "BYPASSRLS")):
            await _say(server, _MISSING_ROLE, account.role)
            await _say(server, _ROLE, account.role, account.password, bound)
        await make_tenant_role(server, runtime.role)
        await _say(server, _TAKEN, tenant_role(runtime.role), runtime.role)
        await _say(server, _MISSING_DATABASE, owner.database, owner.role)
        for database in (owner.database, *DATABASES_OF_THE_SERVER):
            await _say(server, _CLOSED, database)
        for account in (owner, runtime):
            await _say(server, _OPENED, account.database, account.role)
        inside = await asyncpg.connect(admin_url, database=owner.database, timeout=CONNECT_TIMEOUT_S)
        try:
            await _say(inside, _HANDED_OVER, runtime.role, owner.role)
        finally:
            await inside.close()
    finally:
        await server.close()


async def make_tenant_role(server: Any, role: str) -> None:  # noqa: ANN401 - asyncpg is untyped
    """Make the role that a service's role takes for the views of a party, unless it exists."""
    await _say(server, _MISSING_ROLE, tenant_role(role))
    await _say(server, _TENANT, tenant_role(role))


async def _say(connection: Any, statement: str, *arguments: str) -> None:  # noqa: ANN401 - asyncpg is untyped
    """Run the statement that a query has written: definitions take no parameters, so the server quotes them."""
    written = await connection.fetchval(statement, *arguments)
    if written is not None:
        await connection.execute(written)


def privileges(table: Table) -> tuple[str, ...]:
    """What a service's role may do with the rows of a table."""
    return ("SELECT", "INSERT") if table.info.get("append_only") else ("SELECT", "INSERT", "UPDATE", "DELETE")


def grant(connection: SqlConnection, metadata: MetaData, role: str) -> bool:
    """Give a service's role its rights to the declared tables, in the migration's own transaction.

    A table that the code no longer declares keeps its rights, for processes of the version before may still serve.
    False, and nothing is done, where there is no such role or it is the one that migrates.
    """
    usable = connection.scalar(
        text("SELECT to_regrole(quote_ident(:role)) IS NOT NULL AND current_user <> :role"), {"role": role}
    )
    if not usable:
        return False
    quoted = connection.dialect.identifier_preparer.quote
    grantee = quoted(role)
    connection.execute(text("REVOKE ALL ON SCHEMA public FROM PUBLIC"))
    connection.execute(text(f"GRANT USAGE ON SCHEMA public TO {grantee}"))
    connection.execute(text(f"GRANT SELECT ON {VERSION_TABLE} TO {grantee}"))
    for table in metadata.sorted_tables:
        name = quoted(table.name)
        connection.execute(text(f"REVOKE ALL ON {name} FROM {grantee}"))
        connection.execute(text(f"GRANT {', '.join(privileges(table))} ON {name} TO {grantee}"))
    return True


def main() -> int:
    """`python -m shared.runtime.grants identity catalog ...` makes the roles and databases of services.

    DATABASE_ADMIN_URL is the server's administrator. For each service <NAME>_DATABASE_URL names the role it runs as,
    and <NAME>_MIGRATION_DATABASE_URL the role that migrates; both with their passwords.
    """
    parser = argparse.ArgumentParser(prog="python -m shared.runtime.grants", description=main.__doc__)
    parser.add_argument("services", nargs="+", help="services whose databases are made")
    for service in parser.parse_args().services:
        try:
            admin_url = os.environ["DATABASE_ADMIN_URL"]
            owner = DatabaseLogin.of(os.environ[f"{service.upper()}_MIGRATION_DATABASE_URL"])
            runtime = DatabaseLogin.of(os.environ[f"{service.upper()}_DATABASE_URL"])
        except KeyError as error:
            parser.error(f"set {error.args[0]}")
        except ValueError as error:
            parser.error(f"the database URLs of {service}: {error}")
        asyncio.run(ensure_database(admin_url, owner=owner, runtime=runtime))
        print(f"{service}: database {owner.database}, roles {owner.role} and {runtime.role}", file=sys.stderr)  # noqa: T201 - a command line speaks
    return 0


if __name__ == "__main__":
    sys.exit(main())
