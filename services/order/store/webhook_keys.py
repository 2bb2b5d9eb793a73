"""The platform's ed25519 keys for webhooks, sealed. Every key that is not retired signs."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import insert

from services.order.tables import WEBHOOK_KEY
from shared.runtime.sql import Connection, execute
from shared.runtime.work import Work

_LIVE = "SELECT id, sealed FROM webhook_key WHERE retired_at IS NULL ORDER BY id DESC"


async def make_keys_alone(connection: Connection) -> None:
    """Let first keys be made one after the other until the commit."""
    await connection.execute("SELECT pg_advisory_xact_lock(hashtext('order.webhook_key'))")


async def find_live(connection: Connection) -> Sequence[tuple[UUID, bytes]]:
    """The sealed keys that sign, the newest first."""
    return [(row["id"], row["sealed"]) for row in await connection.fetch(_LIVE)]


async def add(work: Work, key_id: UUID, *, sealed: bytes, public_key: bytes) -> None:
    """Keep a new key."""
    values = {"id": key_id, "sealed": sealed, "public_key": public_key, "made_at": work.now}
    await execute(work.connection, insert(WEBHOOK_KEY).values(**values))
