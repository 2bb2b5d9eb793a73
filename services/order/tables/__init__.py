"""Tables of the order service. CHECKs repeat the invariants of the domain."""

from services.order.tables.base import METADATA, RUNTIME
from services.order.tables.orders import (
    AFFILIATION,
    BALANCE,
    CONTACT,
    CONTACT_READ,
    LINE,
    OFFER,
    ORDER,
    PARTY,
    RECORD,
    REFUND,
    SAGA,
)
from services.order.tables.webhooks import (
    EVENT_FEED,
    ORDER_EVENT,
    WEBHOOK_ATTEMPT,
    WEBHOOK_DELIVERY,
    WEBHOOK_ENDPOINT,
    WEBHOOK_HOST,
    WEBHOOK_KEY,
    WEBHOOK_SECRET,
)

__all__ = [
    "AFFILIATION",
    "BALANCE",
    "CONTACT",
    "CONTACT_READ",
    "EVENT_FEED",
    "LINE",
    "METADATA",
    "OFFER",
    "ORDER",
    "ORDER_EVENT",
    "PARTY",
    "RECORD",
    "REFUND",
    "RUNTIME",
    "SAGA",
    "WEBHOOK_ATTEMPT",
    "WEBHOOK_DELIVERY",
    "WEBHOOK_ENDPOINT",
    "WEBHOOK_HOST",
    "WEBHOOK_KEY",
    "WEBHOOK_SECRET",
]
