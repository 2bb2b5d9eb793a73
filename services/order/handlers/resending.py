"""Deliveries that a provider asks for: a test, one event again, and all of a time again."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from services.order.domain.events import TEST_TYPE
from services.order.domain.webhook_refusals import (
    WebhookDeliveryIsTest,
    WebhookDeliveryNotEnded,
    WebhookDeliveryNotFound,
    WebhookEndpointNotActive,
    WebhookLaneFull,
)
from services.order.domain.webhooks import RESEND_MAX, Cause, DeliveryState, EndpointState
from services.order.handlers.webhooks import EndpointCommand, machine_now, open_own, provider_of
from services.order.store import deliveries, webhooks
from services.order.store.deliveries import DELIVERIES, NewDelivery
from services.order.store.webhooks import WebhookEndpoint
from services.order.webhooks.waiting import FeedNews
from shared.runtime.work import Actor, Work

FORGET_MAX = 1_000
KEPT = timedelta(days=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResendDelivery:
    """One event is to be delivered again."""

    delivery_id: UUID
    by: Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class ResendRange:
    """What was to be delivered in a time is to be delivered again; of one state only where that is given."""

    endpoint_id: UUID
    since: datetime
    until: datetime
    state: DeliveryState | None
    after_seq: int
    by: Actor


class DeliveryResult(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery that was asked for."""

    id: UUID
    endpoint_id: UUID
    event_id: UUID
    type: str
    cause: str
    state: str


class ResendResult(msgspec.Struct, frozen=True, kw_only=True):
    """How many deliveries were made; with `has_more` the call goes on from `after`."""

    count: int
    has_more: bool
    after: int


async def send_test(work: Work, command: EndpointCommand) -> DeliveryResult:
    """Deliver a test, with retries like any event. Raises: Refusal."""
    endpoint = await _open_active(work, command.endpoint_id, by=command.by)
    delivery = _new(work, endpoint, cause=Cause.TEST, seq=None, event_id=work.new_id(), type_=TEST_TYPE, order_id=None)
    return await _make(work, endpoint, delivery)


async def resend_delivery(work: Work, command: ResendDelivery) -> DeliveryResult:
    """Deliver the event of an ended delivery again, with the event's id and a delivery id of its own.

    Raises: Refusal.
    """
    found = await webhooks.find_delivery(work.connection, command.delivery_id, provider_id=provider_of(command.by))
    if found is None:
        raise WebhookDeliveryNotFound
    if found["cause"] == Cause.TEST:
        raise WebhookDeliveryIsTest
    if found["state"] == DeliveryState.PENDING:
        raise WebhookDeliveryNotEnded
    endpoint = await _open_active(work, found["endpoint_id"], by=command.by)
    delivery = _new(
        work,
        endpoint,
        cause=Cause.RESEND,
        seq=found["seq"],
        event_id=found["event_id"],
        type_=found["type"],
        order_id=found["order_id"],
    )
    return await _make(work, endpoint, delivery)


async def resend_range(work: Work, command: ResendRange) -> ResendResult:
    """Deliver again what was to be delivered in a time, at most `RESEND_MAX` in a call. Raises: Refusal."""
    endpoint = await _open_active(work, command.endpoint_id, by=command.by)
    rows = await webhooks.find_range(
        work.connection,
        endpoint.id,
        since=command.since,
        until=command.until,
        state=None if command.state is None else command.state.value,
        after_seq=command.after_seq,
        limit=RESEND_MAX + 1,
    )
    chosen = rows[:RESEND_MAX]
    made = [
        _new(
            work,
            endpoint,
            cause=Cause.RESEND,
            seq=row["seq"],
            event_id=row["event_id"],
            type_=row["type"],
            order_id=row["order_id"],
        )
        for row in chosen
    ]
    await _insert(work, endpoint, made)
    after = chosen[-1]["seq"] if chosen else command.after_seq
    return ResendResult(count=len(made), has_more=len(rows) > RESEND_MAX, after=after)


async def forget_deliveries(work: Work) -> int:
    """Delete what ended more than 30 days ago from the log; the feed keeps the events."""
    return await deliveries.forget_ended(work, before=machine_now(work) - KEPT, limit=FORGET_MAX)


async def _open_active(work: Work, endpoint_id: UUID, *, by: Actor) -> WebhookEndpoint:
    """The actor's endpoint with room for more deliveries. Raises: Refusal."""
    endpoint = await open_own(work, endpoint_id, by=by, expected_version=None)
    if endpoint.state != EndpointState.ACTIVE:
        raise WebhookEndpointNotActive
    if await deliveries.count_pending(work.connection, endpoint.id, limit=RESEND_MAX) >= RESEND_MAX:
        raise WebhookLaneFull
    return endpoint


def _new(  # noqa: PLR0913 - the parts of a delivery
    work: Work,
    endpoint: WebhookEndpoint,
    *,
    cause: Cause,
    seq: int | None,
    event_id: UUID,
    type_: str,
    order_id: UUID | None,
) -> NewDelivery:
    now = machine_now(work)
    return NewDelivery(
        id=work.new_id(),
        endpoint_id=endpoint.id,
        provider_id=endpoint.provider_id,
        seq=seq,
        event_id=event_id,
        type=type_,
        order_id=order_id,
        cause=cause.value,
        state=DeliveryState.PENDING.value,
        attempts=0,
        made_at=now,
        due_at=now,
    )


async def _insert(work: Work, endpoint: WebhookEndpoint, made: Sequence[NewDelivery]) -> None:
    work.insert(DELIVERIES, made)
    # What somebody asks for is tried at once, also where the lane rests after failures.
    await webhooks.wake(work, endpoint.id)
    work.after_commit.append(work.ports.get(FeedNews).tell)


async def _make(work: Work, endpoint: WebhookEndpoint, delivery: NewDelivery) -> DeliveryResult:
    await _insert(work, endpoint, [delivery])
    return DeliveryResult(
        id=delivery.id,
        endpoint_id=delivery.endpoint_id,
        event_id=delivery.event_id,
        type=delivery.type,
        cause=delivery.cause,
        state=delivery.state,
    )
