"""Refresh tokens: hashes only, and the sealed successor while a second tab may still ask for it."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import insert

from services.identity.auth.refresh_tokens import RefreshState, StoredRefreshToken
from services.identity.tables import REFRESH_TOKEN
from shared.runtime.sql import Connection, execute
from shared.runtime.work import Work

_LOAD = "SELECT * FROM refresh_token WHERE token_hash = $1 FOR UPDATE"
# A statement of its own: the one that waited for the row's lock sees nothing that was inserted meanwhile.
_PRESENT = "SELECT EXISTS (SELECT FROM refresh_token WHERE token_hash = $1 AND state = 'active')"


@dataclass(frozen=True, slots=True, repr=False)
class HeldToken:
    """A stored refresh token, whose it is, and the sealed text of the token it was exchanged for."""

    row: StoredRefreshToken
    account_id: UUID
    successor_sealed: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class TokenExchange:
    """When and by which client a refresh token was exchanged, and for what."""

    at: datetime
    client: bytes
    successor: bytes
    successor_sealed: bytes


async def add_refresh_token(work: Work, row: StoredRefreshToken, *, account_id: UUID) -> None:
    """Insert a refresh token's hash."""
    await execute(
        work.connection,
        insert(REFRESH_TOKEN).values(
            token_hash=row.token_hash,
            family_id=row.family_id,
            account_id=account_id,
            state=row.state.value,
            expires_at=row.expires_at,
        ),
    )


async def load_refresh_token(connection: Connection, token_hash: bytes) -> HeldToken | None:
    """A refresh token's row, locked until the commit, its account, and what it was exchanged for."""
    row = await connection.fetchrow(_LOAD, token_hash)
    if row is None:
        return None
    followed = row["successor"] is not None and await connection.fetchval(_PRESENT, row["successor"])
    stored = StoredRefreshToken(
        family_id=row["family_id"],
        token_hash=row["token_hash"],
        state=RefreshState(row["state"]),
        expires_at=row["expires_at"],
        rotated_at=row["rotated_at"],
        client=row["client"],
        newest_before=followed,
    )
    return HeldToken(stored, row["account_id"], row["successor_sealed"])


async def mark_rotated(work: Work, before: StoredRefreshToken, *, exchange: TokenExchange) -> None:
    """A refresh token was exchanged for the next; what its own predecessor was exchanged for is forgotten."""
    await work.connection.execute(
        "UPDATE refresh_token SET successor_sealed = NULL WHERE family_id = $1 AND successor_sealed IS NOT NULL",
        before.family_id,
    )
    await work.connection.execute(
        "UPDATE refresh_token SET state = 'rotated', rotated_at = $2, client = $3, successor = $4,"
        " successor_sealed = $5 WHERE token_hash = $1",
        before.token_hash,
        exchange.at,
        exchange.client,
        exchange.successor,
        exchange.successor_sealed,
    )


async def revoke_family(work: Work, family_id: UUID) -> bool:
    """No token of a session refreshes any more; whether one did until now."""
    done: str = await work.connection.execute(
        "UPDATE refresh_token SET state = 'revoked', successor_sealed = NULL WHERE family_id = $1"
        " AND state <> 'revoked'",
        family_id,
    )
    return not done.endswith(" 0")


async def revoke_sessions(work: Work, account_id: UUID, *, but: UUID | None = None) -> list[UUID]:
    """No session of an account refreshes any more, but one that may be named; those that did until now."""
    rows = await work.connection.fetch(
        "UPDATE refresh_token SET state = 'revoked', successor_sealed = NULL"
        " WHERE account_id = $1 AND family_id IS DISTINCT FROM $2 AND state <> 'revoked' RETURNING family_id",
        account_id,
        but,
    )
    return sorted({row["family_id"] for row in rows})
