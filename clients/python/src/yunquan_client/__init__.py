"""Client of the Yunquan platform for the systems of providers and enterprises: see the README."""

from yunquan_client.aio import AsyncYunquan
from yunquan_client.calls import Call, Reply
from yunquan_client.client import Yunquan
from yunquan_client.errors import (
    BadRequest,
    NotAllowed,
    NotFound,
    NotReached,
    NotSignedIn,
    Refused,
    RuleRefused,
    TooManyRequests,
    Unavailable,
    VersionChanged,
    WaitEnded,
    WrongState,
    YunquanError,
)
from yunquan_client.inbox import Arrival, Inbox
from yunquan_client.keys import ClientKey
from yunquan_client.models import Claim, Event, Order
from yunquan_client.webhooks import WebhookRefused, Webhooks

__all__ = [
    "Arrival",
    "AsyncYunquan",
    "BadRequest",
    "Call",
    "Claim",
    "ClientKey",
    "Event",
    "Inbox",
    "NotAllowed",
    "NotFound",
    "NotReached",
    "NotSignedIn",
    "Order",
    "Refused",
    "Reply",
    "RuleRefused",
    "TooManyRequests",
    "Unavailable",
    "VersionChanged",
    "WaitEnded",
    "WebhookRefused",
    "Webhooks",
    "WrongState",
    "Yunquan",
    "YunquanError",
]
