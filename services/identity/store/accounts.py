"""Accounts and the operator's designation."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import insert, select, update

from services.identity.tables import ACCOUNT
from shared.kernel.refusals import invariant
from shared.runtime.sql import Connection, execute, fetch_one
from shared.runtime.work import NotFound


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A sign-in account, of a party or of staff."""

    id: UUID
    sign_in_name: str
    password_hash: str
    organisation_id: UUID | None
    designation_id: UUID | None = None
    """The designation that operator's people work under; their rights end with it."""
    roles: Sequence[str]
    region: str | None
    display_name: str
    state: str
    opened_at: datetime
    version: int

    @property
    def staff(self) -> bool:
        """Whether it is of no party."""
        return self.organisation_id is None

    @property
    def active(self) -> bool:
        """Whether it may sign in."""
        return self.state == "active"


_FIELDS = tuple(field.name for field in fields(Account))
_COLUMNS = [ACCOUNT.c[name] for name in _FIELDS]


async def add_account(connection: Connection, account: Account) -> None:
    """Insert an account. Raises: asyncpg.UniqueViolationError."""
    values = {name: getattr(account, name) for name in _FIELDS}
    await execute(connection, insert(ACCOUNT).values(**{**values, "roles": list(account.roles)}))


async def find_account(connection: Connection, sign_in_name: str) -> Account | None:
    """The account of that name."""
    row = await fetch_one(connection, select(*_COLUMNS).where(ACCOUNT.c.sign_in_name == sign_in_name))
    return None if row is None else Account(**dict(row))


async def load_account(connection: Connection, account_id: UUID) -> Account:
    """The account, locked until the commit. Raises: NotFound."""
    row = await fetch_one(connection, select(*_COLUMNS).where(ACCOUNT.c.id == account_id).with_for_update())
    if row is None:
        raise NotFound
    return Account(**dict(row))


async def ids_of_organisation(connection: Connection, organisation_id: UUID) -> list[UUID]:
    """A party's accounts, in lock order."""
    rows = await connection.fetch("SELECT id FROM account WHERE organisation_id = $1 ORDER BY id", organisation_id)
    return [row["id"] for row in rows]


async def lock_administrators(connection: Connection) -> list[UUID]:
    """The active platform administrators, locked until the commit, so that two of them cannot stop each other."""
    rows = await connection.fetch(
        "SELECT id FROM account WHERE state = 'active' AND 'platform_admin' = ANY(roles) ORDER BY id FOR UPDATE"
    )
    return [row["id"] for row in rows]


async def administrator_beside(connection: Connection, *known: UUID | None) -> bool:
    """Whether an active platform administrator exists beside the accounts `known`."""
    found: bool = await connection.fetchval(
        "SELECT EXISTS (SELECT FROM account WHERE state = 'active' AND 'platform_admin' = ANY(roles)"
        " AND id <> ALL(array_remove($1::uuid[], NULL)))",
        list(known),
    )
    return found


async def change_account(connection: Connection, before: Account, changes: dict[str, Any]) -> int:
    """Store changes as the next version of a loaded account and return that version. Raises: Bug."""
    version = before.version + 1
    statement = (
        update(ACCOUNT)
        .where(ACCOUNT.c.id == before.id, ACCOUNT.c.version == before.version)
        .values(**changes, version=version)
    )
    invariant(await execute(connection, statement) == 1, "an account moves by one version at a time")
    return version


async def set_password_hash(connection: Connection, account_id: UUID, *, password_hash: str) -> None:
    """Store the same password under newer parameters; nothing about the account changes."""
    await execute(connection, update(ACCOUNT).where(ACCOUNT.c.id == account_id).values(password_hash=password_hash))


async def machine_now(connection: Connection) -> datetime:
    """Database time, which moves no token when the business clock is moved."""
    now: datetime = await connection.fetchval("SELECT clock_timestamp()")
    return now


async def designation_in_force(connection: Connection, *, now: datetime) -> UUID | None:
    """The designation of the operator that is in force at a business time. Source: A4, A7, R2."""
    found: UUID | None = await connection.fetchval(
        "SELECT id FROM designation WHERE starts_at <= $1 AND (ends_at IS NULL OR ends_at > $1)", now
    )
    return found


async def operator_designated(connection: Connection, account: Account, *, now: datetime) -> bool:
    """Whether the designation that an account works under is in force. Source: A4, A7, R2."""
    if account.designation_id is None:
        return False
    return account.designation_id == await designation_in_force(connection, now=now)
