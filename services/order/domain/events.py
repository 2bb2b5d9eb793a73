"""What a provider's systems are told: facts of orders in the providers' words, in thin bodies.

A body names the order and how far it is, and nothing about a person or an amount: whoever wants to know more reads the
order. `sequence` is the version of the order after the event, without gaps; `version` is that of the body's form.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

import msgspec

from shared.contracts.messages.order import (
    OrderAwaitingConfirmation,
    OrderCancelled,
    OrderClaimed,
    OrderConfirmed,
    OrderFact,
    OrderPlaced,
    OrderRecorded,
    OrderRedeemed,
    OrderRefunded,
    OrderRefused,
    OrderUnclaimed,
    RefundEscalated,
    RefundRefused,
    RefundRequested,
)

FORM_VERSION: Final = 1
"""A field more is no new version; anything else is."""
BODY_BYTES_MAX: Final = 3_800
"""With id and timestamp what is signed stays below 4,096 bytes, so that a key in a hardware module can sign it."""


class EventType(StrEnum):
    """The types of events; new ones may come, and a client ignores those that it does not know."""

    ORDER_PLACED = "order.placed"
    ORDER_AWAITING_CONFIRMATION = "order.awaiting_confirmation"
    ORDER_REFUSED = "order.refused"
    ORDER_CONFIRMED = "order.confirmed"
    ORDER_CANCELLED = "order.cancelled"
    ORDER_RECORDED = "order.recorded"
    REFUND_REQUESTED = "refund.requested"
    REFUND_REFUSED = "refund.refused"
    REFUND_ESCALATED = "refund.escalated"
    REFUND_CONSENTED = "refund.consented"
    CLAIM_ACCEPTED = "claim.accepted"
    CLAIM_RELEASED = "claim.released"
    CLAIM_PAID = "claim.paid"


TEST_TYPE: Final = "webhook.test"
"""The type of a delivery that an endpoint's owner asked for."""

_FACTS: Mapping[type[OrderFact], EventType] = {
    OrderPlaced: EventType.ORDER_PLACED,
    OrderAwaitingConfirmation: EventType.ORDER_AWAITING_CONFIRMATION,
    OrderRefused: EventType.ORDER_REFUSED,
    OrderConfirmed: EventType.ORDER_CONFIRMED,
    OrderCancelled: EventType.ORDER_CANCELLED,
    OrderRecorded: EventType.ORDER_RECORDED,
    RefundRequested: EventType.REFUND_REQUESTED,
    RefundRefused: EventType.REFUND_REFUSED,
    RefundEscalated: EventType.REFUND_ESCALATED,
    OrderRefunded: EventType.REFUND_CONSENTED,
    OrderClaimed: EventType.CLAIM_ACCEPTED,
    OrderUnclaimed: EventType.CLAIM_RELEASED,
    OrderRedeemed: EventType.CLAIM_PAID,
}
EVENT_TYPES: Mapping[str, EventType] = {fact.type_name(): kind for fact, kind in _FACTS.items()}
"""The type of the event that tells of a fact, by the fact's own type."""


class OrderEvent(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One event of an order. `seq` is its place in the feed, `sequence` its place among those of the order."""

    seq: int
    event_id: UUID
    order_id: UUID
    sequence: int
    type: str
    claim_id: UUID | None
    occurred_at: datetime


def body_of(event: OrderEvent) -> dict[str, Any]:
    """The body of an event as feed and webhooks show it."""
    data: dict[str, Any] = {"order_id": str(event.order_id), "version": event.sequence}
    if event.claim_id is not None:
        data["claim_id"] = str(event.claim_id)
    return {
        "id": str(event.event_id),
        "type": event.type,
        "version": FORM_VERSION,
        "timestamp": event.occurred_at.isoformat(),
        "sequence": event.sequence,
        "data": data,
    }
