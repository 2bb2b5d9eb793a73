"""The keys that access tokens are signed with, sealed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import insert

from services.identity.tables import ISSUING_KEY
from shared.runtime.sql import Connection, execute
from shared.runtime.work import Work

_CURRENT = """
SELECT id, kid, private_key_sealed FROM issuing_key WHERE retired_at IS NULL AND usable_from <= clock_timestamp()
ORDER BY usable_from DESC LIMIT 1
"""
_RETIRE_OUTLIVED = """
UPDATE issuing_key k SET retired_at = clock_timestamp(), version = 2
WHERE k.retired_at IS NULL AND EXISTS (
    SELECT FROM issuing_key n WHERE n.retired_at IS NULL AND n.usable_from > k.usable_from
    AND n.usable_from < clock_timestamp() - make_interval(secs => $1)
) RETURNING k.id, k.kid
"""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class SealedKey:
    """A signing key as it is stored."""

    id: UUID
    kid: str
    private_key_sealed: bytes


async def make_keys_alone(connection: Connection) -> None:
    """Let first keys be made one after the other until the commit."""
    await connection.execute("SELECT pg_advisory_xact_lock(hashtext('identity.issuing_key'))")


async def has_key(connection: Connection) -> bool:
    """Whether a key is there that was not retired."""
    found: bool = await connection.fetchval("SELECT EXISTS (SELECT FROM issuing_key WHERE retired_at IS NULL)")
    return found


async def current_key(connection: Connection) -> SealedKey | None:
    """The newest key that may be used now."""
    row = await connection.fetchrow(_CURRENT)
    return None if row is None else SealedKey(**dict(row))


async def machine_time_in(connection: Connection, lead: timedelta) -> datetime:
    """Database time after a while."""
    then: datetime = await connection.fetchval("SELECT clock_timestamp() + $1::interval", lead)
    return then


async def add_key(work: Work, key: SealedKey, *, public_key: bytes, usable_from: datetime) -> None:
    """Insert a key at version 1."""
    values = {"id": key.id, "kid": key.kid, "private_key_sealed": key.private_key_sealed, "public_key": public_key}
    await execute(work.connection, insert(ISSUING_KEY).values(**values, usable_from=usable_from, version=1))


async def retire_outlived(work: Work, *, after_s: float) -> Sequence[tuple[UUID, str]]:
    """Retire, as version 2, what a newer key took over from so long ago; id and kid of each."""
    rows = await work.connection.fetch(_RETIRE_OUTLIVED, after_s)
    return [(row["id"], row["kid"]) for row in rows]
