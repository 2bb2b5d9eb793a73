"""Webhook endpoints, hosts, keys and the log of deliveries, as providers and the operator read them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, or_, select

from services.order.domain.webhook_refusals import WebhookDeliveryNotFound, WebhookEndpointNotFound
from services.order.domain.webhooks import DeliveryState, EndpointState, HostState, disable_due_at
from services.order.tables import (
    WEBHOOK_ATTEMPT,
    WEBHOOK_DELIVERY,
    WEBHOOK_ENDPOINT,
    WEBHOOK_HOST,
    WEBHOOK_KEY,
)
from shared.contracts.http.lists import Page, page_of
from shared.contracts.http.resources import Resource
from shared.runtime.sql import Connection, Place, Record, fetch_all, fetch_one


class EndpointItem(Resource):
    """An endpoint. While it fails, `disable_due_at` says when it is disabled if it goes on failing."""

    id: UUID
    url: str
    host_state: HostState
    types: Sequence[str]
    ordering: str
    state: str
    disabled_reason: str
    version: int
    made_at: datetime
    failing_since: datetime | None
    flagged_at: datetime | None
    disable_due_at: datetime | None
    paused_until: datetime | None


class HostItem(Resource):
    """A host that a provider asked for, and what the operator said."""

    id: UUID
    provider_id: UUID
    host: str
    state: HostState
    reason: str
    requested_at: datetime
    decided_at: datetime | None
    version: int


class DeliveryItem(Resource):
    """A delivery: of which event, why, and how far it is."""

    id: UUID
    endpoint_id: UUID
    event_id: UUID
    type: str
    order_id: UUID | None
    cause: str
    state: str
    attempts: int
    made_at: datetime
    due_at: datetime | None
    ended_at: datetime | None


class AttemptItem(Resource):
    """One attempt: what was sent where, and the answer with its time; `error` where none came."""

    number: int
    at: datetime
    duration_ms: int
    url: str
    request: str
    status: int | None
    error: str
    answer: str


class DeliveryDetail(DeliveryItem):
    """A delivery with its attempts, the first one first."""

    log: Sequence[AttemptItem]


class PublicKey(Resource):
    """A key that signs `v1a`, for ever or until it is retired."""

    id: UUID
    public_key: bytes
    made_at: datetime
    retired_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryFilter:
    """Which deliveries of a provider are wanted."""

    provider_id: UUID
    endpoint_id: UUID | None = None
    state: DeliveryState | None = None
    type: str | None = None
    order_id: UUID | None = None


_ENDPOINTS = (
    select(WEBHOOK_ENDPOINT, WEBHOOK_HOST.c.state.label("host_state"))
    .join(
        WEBHOOK_HOST,
        (WEBHOOK_HOST.c.provider_id == WEBHOOK_ENDPOINT.c.provider_id)
        & (WEBHOOK_HOST.c.host == WEBHOOK_ENDPOINT.c.host),
    )
    .where(WEBHOOK_ENDPOINT.c.state != EndpointState.DELETED.value)
)


def _endpoint(row: Record) -> EndpointItem:
    return EndpointItem(**dict(row), disable_due_at=disable_due_at(row["failing_since"]))


async def list_endpoints(connection: Connection, *, provider_id: UUID, place: Place) -> Page[EndpointItem]:
    """A page of a provider's endpoints, newest first."""
    statement = _ENDPOINTS.where(WEBHOOK_ENDPOINT.c.provider_id == provider_id)
    if place.after is not None:
        statement = statement.where(WEBHOOK_ENDPOINT.c.id < place.after)
    rows = await fetch_all(connection, statement.order_by(WEBHOOK_ENDPOINT.c.id.desc()).limit(place.limit + 1))
    items = [_endpoint(row) for row in rows]
    return page_of(items, limit=place.limit, ids=[item.id for item in items])


async def read_endpoint(connection: Connection, endpoint_id: UUID, *, provider_id: UUID) -> EndpointItem:
    """One endpoint of a provider. Raises: WebhookEndpointNotFound."""
    statement = _ENDPOINTS.where(WEBHOOK_ENDPOINT.c.id == endpoint_id, WEBHOOK_ENDPOINT.c.provider_id == provider_id)
    row = await fetch_one(connection, statement)
    if row is None:
        raise WebhookEndpointNotFound
    return _endpoint(row)


async def list_hosts(
    connection: Connection, *, provider_id: UUID | None, state: HostState | None, place: Place
) -> Page[HostItem]:
    """A page of hosts, newest first: a provider's, or for the operator those of all."""
    statement = select(WEBHOOK_HOST)
    if provider_id is not None:
        statement = statement.where(WEBHOOK_HOST.c.provider_id == provider_id)
    if state is not None:
        statement = statement.where(WEBHOOK_HOST.c.state == state.value)
    if place.after is not None:
        statement = statement.where(WEBHOOK_HOST.c.id < place.after)
    rows = await fetch_all(connection, statement.order_by(WEBHOOK_HOST.c.id.desc()).limit(place.limit + 1))
    items = [HostItem(**dict(row)) for row in rows]
    return page_of(items, limit=place.limit, ids=[item.id for item in items])


async def list_deliveries(connection: Connection, *, wanted: DeliveryFilter, place: Place) -> Page[DeliveryItem]:
    """A page of deliveries, newest first."""
    table = WEBHOOK_DELIVERY.c
    statement = select(WEBHOOK_DELIVERY).where(table.provider_id == wanted.provider_id)
    for column, value in (
        (table.endpoint_id, wanted.endpoint_id),
        (table.state, wanted.state),
        (table.type, wanted.type),
        (table.order_id, wanted.order_id),
    ):
        if value is not None:
            statement = statement.where(column == value)
    if place.after is not None:
        statement = statement.where(table.id < place.after)
    rows = await fetch_all(connection, statement.order_by(table.id.desc()).limit(place.limit + 1))
    items = [DeliveryItem(**dict(row)) for row in rows]
    return page_of(items, limit=place.limit, ids=[item.id for item in items])


async def read_delivery(connection: Connection, delivery_id: UUID, *, provider_id: UUID) -> DeliveryDetail:
    """One delivery of a provider with its attempts. Raises: WebhookDeliveryNotFound."""
    table = WEBHOOK_DELIVERY.c
    statement = select(WEBHOOK_DELIVERY).where(table.id == delivery_id, table.provider_id == provider_id)
    row = await fetch_one(connection, statement)
    if row is None:
        raise WebhookDeliveryNotFound
    attempts = await fetch_all(
        connection,
        select(WEBHOOK_ATTEMPT).where(WEBHOOK_ATTEMPT.c.delivery_id == delivery_id).order_by(WEBHOOK_ATTEMPT.c.number),
    )
    return DeliveryDetail(**dict(row), log=[AttemptItem(**dict(attempt)) for attempt in attempts])


async def list_public_keys(connection: Connection) -> Sequence[PublicKey]:
    """The keys that sign, the newest first."""
    table = WEBHOOK_KEY.c
    statement = select(table.id, table.public_key, table.made_at, table.retired_at).where(
        or_(table.retired_at.is_(None), table.retired_at > func.clock_timestamp())
    )
    rows = await fetch_all(connection, statement.order_by(table.id.desc()))
    return [PublicKey(**dict(row)) for row in rows]
