"""Accounts, refresh tokens, failed sign-ins and the operator's designation."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import insert, select, update

from services.identity.tables import ACCOUNT, REFRESH_TOKEN
from shared.kernel.refusals import invariant
from shared.runtime.auth.throttle import FailureCounter
from shared.runtime.auth.tokens import RefreshState, StoredRefreshToken
from shared.runtime.db import Connection, execute, fetch_one
from shared.runtime.problems import NotFound


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


async def add_refresh_token(connection: Connection, row: StoredRefreshToken, *, account_id: UUID) -> None:
    """Insert a refresh token's hash."""
    await execute(
        connection,
        insert(REFRESH_TOKEN).values(
            token_hash=row.token_hash,
            family_id=row.family_id,
            account_id=account_id,
            state=row.state.value,
            expires_at=row.expires_at,
        ),
    )


async def load_refresh_token(connection: Connection, token_hash: bytes) -> tuple[StoredRefreshToken, UUID] | None:
    """A refresh token's row, locked until the commit, and its account."""
    row = await fetch_one(
        connection, select(REFRESH_TOKEN).where(REFRESH_TOKEN.c.token_hash == token_hash).with_for_update()
    )
    if row is None:
        return None
    stored = StoredRefreshToken(
        family_id=row["family_id"],
        token_hash=row["token_hash"],
        state=RefreshState(row["state"]),
        expires_at=row["expires_at"],
    )
    return stored, row["account_id"]


async def mark_rotated(connection: Connection, token_hash: bytes) -> None:
    """A refresh token was exchanged for the next."""
    await connection.execute("UPDATE refresh_token SET state = 'rotated' WHERE token_hash = $1", token_hash)


async def revoke_family(connection: Connection, family_id: UUID) -> None:
    """No token of a session refreshes any more."""
    await connection.execute("UPDATE refresh_token SET state = 'revoked' WHERE family_id = $1", family_id)


async def revoke_sessions(connection: Connection, account_id: UUID) -> None:
    """No session of an account refreshes any more."""
    await connection.execute("UPDATE refresh_token SET state = 'revoked' WHERE account_id = $1", account_id)


async def count_alone(connection: Connection, *, key: bytes) -> None:
    """Let tries under one key count one after the other until the commit, the very first ones too."""
    await connection.execute("SELECT pg_advisory_xact_lock($1)", int.from_bytes(key[:8], "big", signed=True))


async def failure_counter(connection: Connection, scope: str, *, key: bytes) -> FailureCounter | None:
    """The failed sign-ins of an account or a network, locked until the commit."""
    row = await connection.fetchrow(
        "SELECT failures, last_failed_at FROM failed_sign_in WHERE scope = $1 AND key = $2 FOR UPDATE", scope, key
    )
    return None if row is None else FailureCounter(failures=row["failures"], last_failed_at=row["last_failed_at"])


async def keep_counter(connection: Connection, scope: str, *, key: bytes, counter: FailureCounter) -> None:
    """Store a counter."""
    await connection.execute(
        "INSERT INTO failed_sign_in (scope, key, failures, last_failed_at) VALUES ($1, $2, $3, $4)"
        " ON CONFLICT (scope, key) DO UPDATE SET failures = $3, last_failed_at = $4",
        scope,
        key,
        counter.failures,
        counter.last_failed_at,
    )


async def take_back_failure(connection: Connection, scope: str, *, key: bytes) -> None:
    """Take one counted try back."""
    await connection.execute("DELETE FROM failed_sign_in WHERE scope = $1 AND key = $2 AND failures = 1", scope, key)
    await connection.execute(
        "UPDATE failed_sign_in SET failures = failures - 1 WHERE scope = $1 AND key = $2", scope, key
    )


async def clear_counter(connection: Connection, scope: str, *, key: bytes) -> None:
    """Forget the failed sign-ins after a good one."""
    await connection.execute("DELETE FROM failed_sign_in WHERE scope = $1 AND key = $2", scope, key)


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
