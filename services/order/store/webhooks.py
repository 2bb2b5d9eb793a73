"""Webhook endpoints with their secrets, and the hosts that the operator approved."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import insert, select, update

from services.order.domain.webhooks import EndpointState
from services.order.tables import WEBHOOK_ENDPOINT, WEBHOOK_HOST, WEBHOOK_SECRET
from shared.runtime.sql import Connection, Record, execute, fetch_one
from shared.runtime.work import Work

_ALONE = "SELECT pg_advisory_xact_lock(hashtextextended($1::text, 0))"
_COUNT = "SELECT count(*) FROM webhook_endpoint WHERE provider_id = $1 AND state <> 'deleted'"
_NEWEST = "SELECT COALESCE((SELECT last_seq FROM event_feed), 0)"
_REQUEST_HOST = """
INSERT INTO webhook_host (id, provider_id, host, state, requested_at, version)
VALUES ($1, $2, $3, 'requested', $4, 1) ON CONFLICT (provider_id, host) DO NOTHING RETURNING id
"""
_EXPIRE = "UPDATE webhook_secret SET expires_at = $2 WHERE endpoint_id = $1 AND expires_at IS NULL"
_FORGET_EXPIRED = "DELETE FROM webhook_secret WHERE endpoint_id = $1 AND expires_at <= $2"
_FORGET_SECRETS = "DELETE FROM webhook_secret WHERE endpoint_id = $1"
_CANCEL = """
UPDATE webhook_delivery SET state = 'cancelled', due_at = NULL, ended_at = $2
WHERE endpoint_id = $1 AND state = 'pending'
"""
_WAKE = "UPDATE webhook_endpoint SET paused_until = NULL WHERE id = $1"
_ENDED = """
SELECT id, endpoint_id, provider_id, seq, event_id, type, order_id, cause, state FROM webhook_delivery
WHERE id = $1 AND provider_id = $2
"""
_RANGE = """
SELECT d.seq, d.event_id, d.type, d.order_id FROM webhook_delivery d
WHERE d.endpoint_id = $1 AND d.cause = 'event' AND d.state <> 'pending' AND d.made_at >= $2 AND d.made_at < $3
    AND ($4::text IS NULL OR d.state = $4) AND d.seq > $5
ORDER BY d.seq LIMIT $6
"""


class WebhookEndpoint(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An endpoint as its owner changes it."""

    id: UUID
    provider_id: UUID
    url: str
    host: str
    types: Sequence[str]
    ordering: str
    state: str
    disabled_reason: str
    version: int
    made_at: datetime
    position: int
    failing_since: datetime | None = None
    flagged_at: datetime | None = None
    failures: int = 0
    paused_until: datetime | None = None


_OWNERS = tuple(WebhookEndpoint.__struct_fields__)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookHost:
    """A host that a provider asked for."""

    id: UUID
    provider_id: UUID
    host: str
    state: str
    version: int


async def act_alone(work: Work, provider_id: UUID) -> None:
    """Let a provider's endpoints be made one after the other until the commit."""
    await work.connection.execute(_ALONE, f"order.webhooks {provider_id}")


async def count_endpoints(connection: Connection, provider_id: UUID) -> int:
    """How many endpoints of a provider are not deleted."""
    count: int = await connection.fetchval(_COUNT, provider_id)
    return count


async def newest_event(connection: Connection) -> int:
    """The number of the last event of the feed."""
    seq: int = await connection.fetchval(_NEWEST)
    return seq


async def add(work: Work, endpoint: WebhookEndpoint) -> None:
    """Keep a new endpoint."""
    await execute(work.connection, insert(WEBHOOK_ENDPOINT).values(msgspec.structs.asdict(endpoint)))


async def change(work: Work, endpoint: WebhookEndpoint) -> None:
    """Write an endpoint that is locked."""
    values = msgspec.structs.asdict(endpoint)
    await execute(work.connection, update(WEBHOOK_ENDPOINT).where(WEBHOOK_ENDPOINT.c.id == endpoint.id).values(values))


async def lock(connection: Connection, endpoint_id: UUID, *, provider_id: UUID) -> WebhookEndpoint | None:
    """An endpoint of a provider that is not deleted, locked until the commit."""
    statement = (
        select(*(WEBHOOK_ENDPOINT.c[name] for name in _OWNERS))
        .where(
            WEBHOOK_ENDPOINT.c.id == endpoint_id,
            WEBHOOK_ENDPOINT.c.provider_id == provider_id,
            WEBHOOK_ENDPOINT.c.state != EndpointState.DELETED.value,
        )
        .with_for_update()
    )
    row = await fetch_one(connection, statement)
    return None if row is None else WebhookEndpoint(**dict(row))


async def request_host(work: Work, *, provider_id: UUID, host: str) -> bool:
    """Ask the operator for a host; False where it was asked before, whatever came of it."""
    found = await work.connection.fetchval(_REQUEST_HOST, work.new_id(), provider_id, host, work.now)
    return found is not None


async def lock_host(connection: Connection, host_id: UUID) -> WebhookHost | None:
    """A host that was asked for, locked until the commit."""
    columns = (WEBHOOK_HOST.c[name] for name in ("id", "provider_id", "host", "state", "version"))
    row = await fetch_one(connection, select(*columns).where(WEBHOOK_HOST.c.id == host_id).with_for_update())
    return None if row is None else WebhookHost(**dict(row))


async def decide_host(work: Work, host: WebhookHost, *, state: str, reason: str, by: UUID | None) -> None:
    """Write the operator's decision."""
    values = {
        "state": state,
        "reason": reason,
        "decided_at": work.now,
        "decided_by": by,
        "version": host.version + 1,
    }
    await execute(work.connection, update(WEBHOOK_HOST).where(WEBHOOK_HOST.c.id == host.id).values(values))


async def add_secret(work: Work, secret_id: UUID, endpoint_id: UUID, *, sealed: bytes, now: datetime) -> None:
    """Keep a new secret, which signs at once."""
    values = {"id": secret_id, "endpoint_id": endpoint_id, "sealed": sealed, "made_at": now}
    await execute(work.connection, insert(WEBHOOK_SECRET).values(values))


async def expire_secrets(work: Work, endpoint_id: UUID, *, at: datetime, now: datetime) -> None:
    """Let the secret in force sign until then, and forget those whose end has come."""
    await work.connection.execute(_FORGET_EXPIRED, endpoint_id, now)
    await work.connection.execute(_EXPIRE, endpoint_id, at)


async def forget_endpoint(work: Work, endpoint_id: UUID, *, now: datetime) -> None:
    """Delete the secrets of an endpoint and cancel what is not delivered."""
    await work.connection.execute(_FORGET_SECRETS, endpoint_id)
    await work.connection.execute(_CANCEL, endpoint_id, now)


async def wake(work: Work, endpoint_id: UUID) -> None:
    """Look at an endpoint's lane at once, although it rests."""
    await work.connection.execute(_WAKE, endpoint_id)


async def find_delivery(connection: Connection, delivery_id: UUID, *, provider_id: UUID) -> Record | None:
    """A delivery of a provider."""
    row: Record | None = await connection.fetchrow(_ENDED, delivery_id, provider_id)
    return row


async def find_range(  # noqa: PLR0913 - the parts of a range
    connection: Connection,
    endpoint_id: UUID,
    *,
    since: datetime,
    until: datetime,
    state: str | None,
    after_seq: int,
    limit: int,
) -> Sequence[Record]:
    """Ended deliveries of an endpoint that were made in a time, in order."""
    return await connection.fetch(_RANGE, endpoint_id, since, until, state, after_seq, limit)
