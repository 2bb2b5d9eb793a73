"""Sign-in accounts."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy import insert, select, update

from services.identity.domain.account_refusals import SignInNameTaken
from services.identity.tables import ACCOUNT
from shared.kernel.refusals import invariant
from shared.runtime.sql import Connection, execute, fetch_one
from shared.runtime.work import NotFound, Work


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInAccount:
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
    kind: str = "person"
    """`client` for a machine's, which has no password."""
    member_role: str | None = None
    """What a person is within an organisation that is not its administrator; None for administrators."""

    @property
    def staff(self) -> bool:
        """Whether it is of no party."""
        return self.organisation_id is None

    @property
    def active(self) -> bool:
        """Whether it may sign in."""
        return self.state == "active"


# Disabled ones count: a start of the service gives nobody back what people took away. Where the bureau has no active
# lead either, nobody could be the second person for a new administrator, and the settings may name one.
_ADMINISTRATORS = (
    "SELECT count(*) FROM account WHERE 'platform_admin' = ANY(roles) AND (state = 'active'"
    " OR EXISTS (SELECT FROM account WHERE state = 'active' AND 'bureau_lead' = ANY(roles)))"
)
_FIELDS = tuple(field.name for field in fields(SignInAccount))
_COLUMNS = [ACCOUNT.c[name] for name in _FIELDS]


async def add_account(work: Work, account: SignInAccount) -> None:
    """Insert an account. Raises: SignInNameTaken, also where two use the name at the same moment."""
    values = {name: getattr(account, name) for name in _FIELDS}
    try:
        await execute(work.connection, insert(ACCOUNT).values(**{**values, "roles": list(account.roles)}))
    except asyncpg.UniqueViolationError as error:
        raise SignInNameTaken from error


async def find_account(connection: Connection, sign_in_name: str) -> SignInAccount | None:
    """The account of that name."""
    row = await fetch_one(connection, select(*_COLUMNS).where(ACCOUNT.c.sign_in_name == sign_in_name))
    return None if row is None else SignInAccount(**dict(row))


async def sign_in_name_of(connection: Connection, account_id: UUID | None) -> str | None:
    """The sign-in name of an account."""
    name: str | None = await connection.fetchval("SELECT sign_in_name FROM account WHERE id = $1", account_id)
    return name


async def load_account(connection: Connection, account_id: UUID) -> SignInAccount:
    """The account, locked until the commit. Raises: NotFound."""
    row = await fetch_one(connection, select(*_COLUMNS).where(ACCOUNT.c.id == account_id).with_for_update())
    if row is None:
        raise NotFound
    return SignInAccount(**dict(row))


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


async def open_administrators_alone(connection: Connection) -> None:
    """Let first administrators be opened one after the other until the commit: replicas may start together."""
    await connection.execute("SELECT pg_advisory_xact_lock(hashtext('identity.first_admin'))")


async def count_administrators(connection: Connection) -> int:
    """How many platform administrators there are, as far as the settings may name one."""
    count: int = await connection.fetchval(_ADMINISTRATORS)
    return count


async def administrator_beside(connection: Connection, *known: UUID | None) -> bool:
    """Whether an active platform administrator exists beside the accounts `known`."""
    found: bool = await connection.fetchval(
        "SELECT EXISTS (SELECT FROM account WHERE state = 'active' AND 'platform_admin' = ANY(roles)"
        " AND id <> ALL(array_remove($1::uuid[], NULL)))",
        list(known),
    )
    return found


async def change_account(work: Work, before: SignInAccount, changes: dict[str, Any]) -> int:
    """Store changes as the next version of a loaded account and return that version. Raises: Bug."""
    version = before.version + 1
    statement = (
        update(ACCOUNT)
        .where(ACCOUNT.c.id == before.id, ACCOUNT.c.version == before.version)
        .values(**changes, version=version)
    )
    invariant(await execute(work.connection, statement) == 1, "an account moves by one version at a time")
    return version


async def set_password_hash(work: Work, account_id: UUID, *, password_hash: str) -> None:
    """Store the same password under newer parameters; nothing about the account changes."""
    await execute(
        work.connection, update(ACCOUNT).where(ACCOUNT.c.id == account_id).values(password_hash=password_hash)
    )


async def machine_now(connection: Connection) -> datetime:
    """Database time, which moves no token when the business clock is moved."""
    now: datetime = await connection.fetchval("SELECT clock_timestamp()")
    return now


async def set_display_name(work: Work, account_id: UUID, *, display_name: str) -> None:
    """Call an account by another name; nothing that it may do changes."""
    await execute(work.connection, update(ACCOUNT).where(ACCOUNT.c.id == account_id).values(display_name=display_name))


async def lock_party_administrators(connection: Connection, organisation_id: UUID) -> list[UUID]:
    """A party's active administrators, locked until the commit, so that two of them cannot end each other."""
    rows = await connection.fetch(
        "SELECT id FROM account WHERE organisation_id = $1 AND kind = 'person' AND state = 'active'"
        " AND member_role IS NULL ORDER BY id FOR UPDATE",
        organisation_id,
    )
    return [row["id"] for row in rows]
