"""Machine clients, their keys, and the assertions that were used."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy import insert, select, update

from services.identity.domain.client_refusals import KeyKnown
from services.identity.domain.clients import ClientKey
from services.identity.tables import CLIENT, CLIENT_KEY
from shared.kernel.refusals import invariant
from shared.runtime.sql import Connection, execute, fetch_one
from shared.runtime.work import NotFound, VersionMismatch, Work

_ADD_KEY = """
INSERT INTO client_key (id, client_id, kid, algorithm, public_jwk, added_by, added_at, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, clock_timestamp(), $7)
"""
_LIVE_KEYS = """
SELECT id, kid FROM client_key
WHERE client_id = $1 AND retired_at IS NULL AND expires_at > clock_timestamp() ORDER BY id
"""
# Whoever asks with a key that has ended learns no more than whoever asks with an unknown one.
_SIGNING = """
SELECT k.id AS key_id, k.client_id AS account_id, k.algorithm, k.public_jwk FROM client_key k
WHERE k.kid = $1 AND k.retired_at IS NULL AND k.expires_at > clock_timestamp()
"""
# Whoever changes a client holds its row first, then its account's: so does this, or the two would wait for each other.
_LOCK_CLIENT = "SELECT FROM client WHERE id = $1 FOR NO KEY UPDATE"
_GRANTED = """
SELECT c.organisation_id, c.scopes, a.roles FROM client_key k
JOIN client c ON c.id = k.client_id JOIN account a ON a.id = c.id
WHERE k.id = $1 AND k.retired_at IS NULL AND k.expires_at > clock_timestamp()
  AND c.state = 'active' AND a.state = 'active' FOR SHARE OF a
"""
_USE_ASSERTION = """
INSERT INTO client_assertion (client_id, jti_hash, expires_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING
"""
# Once a minute is often enough to say when something was used last.
_NOTE_USE = """
WITH key AS (
    UPDATE client_key SET last_used_at = clock_timestamp()
    WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < clock_timestamp() - interval '1 minute')
    RETURNING client_id
)
UPDATE client SET last_used_at = clock_timestamp() WHERE id IN (SELECT client_id FROM key)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A machine client; its account has the same id."""

    id: UUID
    organisation_id: UUID
    name: str
    scopes: list[str]
    state: str
    opened_by: UUID
    opened_at: datetime
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningClientKey:
    """A key that an assertion names, and whose it is."""

    key_id: UUID
    account_id: UUID
    algorithm: str
    public_jwk: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantedClient:
    """What a client that may act now may be given."""

    organisation_id: UUID
    scopes: Sequence[str]
    roles: Sequence[str]


_FIELDS = tuple(field.name for field in fields(Client))
_COLUMNS = [CLIENT.c[name] for name in _FIELDS]


async def add_client(work: Work, client: Client) -> None:
    """Insert a client; its account is there already."""
    await execute(work.connection, insert(CLIENT).values({name: getattr(client, name) for name in _FIELDS}))


async def open_alone(connection: Connection, organisation_id: UUID) -> None:
    """Let the clients of one organisation be opened one after the other until the commit."""
    await connection.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended('identity.client:' || $1::text, 0))", str(organisation_id)
    )


async def count_clients(connection: Connection, organisation_id: UUID) -> int:
    """How many clients an organisation has that are not deleted."""
    count: int = await connection.fetchval(
        "SELECT count(*) FROM client WHERE organisation_id = $1 AND state <> 'deleted'", organisation_id
    )
    return count


async def load_client(
    connection: Connection, client_id: UUID, *, organisation_id: UUID | None, expected_version: int | None
) -> Client:
    """A client of an organisation, locked until the commit. Raises: NotFound, VersionMismatch."""
    statement = select(*_COLUMNS).where(CLIENT.c.id == client_id, CLIENT.c.organisation_id == organisation_id)
    row = await fetch_one(connection, statement.with_for_update())
    if row is None:
        raise NotFound
    client = Client(**dict(row))
    if expected_version is not None and client.version != expected_version:
        raise VersionMismatch(version=client.version)
    return client


async def change_client(work: Work, before: Client, changes: dict[str, Any]) -> int:
    """Store changes as the next version of a loaded client and return that version. Raises: Bug."""
    version = before.version + 1
    statement = update(CLIENT).where(CLIENT.c.id == before.id, CLIENT.c.version == before.version)
    changed = await execute(work.connection, statement.values(**changes, version=version))
    invariant(changed == 1, "a client moves by one version at a time")
    return version


async def add_key(  # noqa: PLR0913 - the parts of a key
    work: Work, key: ClientKey, *, key_id: UUID, client_id: UUID, added_by: UUID, expires_at: datetime
) -> None:
    """Insert a key. Raises: KeyKnown when it is, or was, any client's."""
    values = (key_id, client_id, key.kid, key.algorithm, key.public_jwk, added_by, expires_at)
    try:
        await work.connection.execute(_ADD_KEY, *values)
    except asyncpg.UniqueViolationError as error:
        raise KeyKnown from error


async def live_keys(connection: Connection, client_id: UUID) -> list[tuple[UUID, str]]:
    """Id and kid of the keys that are good now; whoever asks holds the client's row locked."""
    return [(row["id"], row["kid"]) for row in await connection.fetch(_LIVE_KEYS, client_id)]


async def find_key(connection: Connection, client_id: UUID, *, kid: str) -> tuple[UUID, bool] | None:
    """Id of a client's key and whether it was retired."""
    row = await fetch_one(
        connection,
        select(CLIENT_KEY.c.id, CLIENT_KEY.c.retired_at).where(
            CLIENT_KEY.c.client_id == client_id, CLIENT_KEY.c.kid == kid
        ),
    )
    return None if row is None else (row["id"], row["retired_at"] is not None)


async def retire_keys(work: Work, key_ids: Sequence[UUID]) -> None:
    """No assertion is checked with these keys any more."""
    await work.connection.execute(
        "UPDATE client_key SET retired_at = clock_timestamp() WHERE id = ANY($1) AND retired_at IS NULL", key_ids
    )


async def signing_key_of(connection: Connection, kid: str) -> SigningClientKey | None:
    """The key of that name, while it is good."""
    row = await connection.fetchrow(_SIGNING, kid)
    return None if row is None else SigningClientKey(**dict(row))


async def lock_granted(connection: Connection, key: SigningClientKey) -> GrantedClient | None:
    """What the client of a key may be given, if it may act now with that key; none of it changes until the commit."""
    await connection.execute(_LOCK_CLIENT, key.account_id)
    row = await connection.fetchrow(_GRANTED, key.key_id)
    return None if row is None else GrantedClient(**dict(row))


async def use_assertion(work: Work, client_id: UUID, *, jti_hash: bytes, expires_at: datetime) -> bool:
    """Note that an assertion was used; False when it was before, in whichever process."""
    done: str = await work.connection.execute(_USE_ASSERTION, client_id, jti_hash, expires_at)
    return not done.endswith(" 0")


async def note_use(work: Work, key_id: UUID) -> None:
    """A key and its client were used just now."""
    await work.connection.execute(_NOTE_USE, key_id)
