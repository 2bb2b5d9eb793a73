"""The platform's ed25519 keys for webhooks, sealed. Every key signs until it is retired; machine time."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy import insert

from services.order.tables import WEBHOOK_KEY
from shared.runtime.sql import Connection, execute
from shared.runtime.work import Work

_LIVE = """
SELECT id, sealed FROM webhook_key WHERE retired_at IS NULL OR retired_at > clock_timestamp() ORDER BY id DESC
"""
_RETIRE = """
UPDATE webhook_key SET retired_at = LEAST(retired_at, clock_timestamp() + $2) WHERE id <> $1
AND (retired_at IS NULL OR retired_at > clock_timestamp())
"""


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


async def retire_others(work: Work, key_id: UUID, *, after: timedelta) -> None:
    """Let every other key sign for so long yet, and no longer than was said before."""
    await work.connection.execute(_RETIRE, key_id, after)
