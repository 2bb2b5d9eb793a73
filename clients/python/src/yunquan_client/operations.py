"""The operations of the platform as calls: what is sent for each, said once for both clients."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from yunquan_client.calls import Call
from yunquan_client.models import Claim, Order

HEADERS: Final = {"user-agent": "yunquan-client/0.1"}
PAGE: Final = 100
WAIT_S_MAX: Final = 30
"""The platform answers after so long at the latest; ask again then."""

_ORDER, _SETTLEMENT = "order", "settlement"


def list_orders(filters: Mapping[str, Any], cursor: str | None) -> Call:
    """A page of orders, newest first."""
    return Call(method="GET", service=_ORDER, path="/orders", params={**filters, "limit": PAGE, "cursor": cursor})


def read_order(order_id: str) -> Call:
    """One order."""
    return Call(method="GET", service=_ORDER, path=f"/orders/{order_id}")


def place_order(body: Mapping[str, Any], key: str | None, wait_s: int) -> Call:
    """Buy; with `wait_s` the answer comes when the voucher is held, or was refused."""
    return Call(method="POST", service=_ORDER, path="/orders", body=body, idempotency_key=key, wait_s=wait_s)


def order_act(order: Order, act: str, body: Mapping[str, Any], key: str | None, wait_s: int = 0) -> Call:
    """An act on an order as it was read; a later version is refused (VersionChanged)."""
    return Call(
        method="POST",
        service=_ORDER,
        path=f"/orders/{order.id}/{act}",
        body=body,
        if_match=order.version,
        idempotency_key=key,
        wait_s=wait_s,
    )


def list_events(types: Sequence[str], order_id: str | None, cursor: str | None, wait_s: int) -> Call:
    """A page of the feed, oldest first, from a cursor on."""
    params = {"type": list(types) or None, "order_id": order_id, "cursor": cursor, "limit": PAGE}
    return Call(method="GET", service=_ORDER, path="/events", params=params, wait_s=wait_s)


def open_endpoint(url: str, types: Sequence[str], ordering: str, key: str | None) -> Call:
    """Be sent events; the answer shows the secret once."""
    body = {"url": url, "types": list(types), "ordering": ordering}
    return Call(method="POST", service=_ORDER, path="/webhook-endpoints", body=body, idempotency_key=key)


def webhook_keys() -> Call:
    """The platform's public keys."""
    return Call(method="GET", service=_ORDER, path="/webhook-keys")


def draft_claim(order_ids: Sequence[str], key: str | None) -> Call:
    """Begin a claim for confirmed orders."""
    body = {"order_ids": list(order_ids)}
    return Call(method="POST", service=_SETTLEMENT, path="/claims", body=body, idempotency_key=key)


def read_claim(claim_id: str) -> Call:
    """One claim with the result of every order."""
    return Call(method="GET", service=_SETTLEMENT, path=f"/claims/{claim_id}")


def put_evidence(  # noqa: PLR0913 - the parts of a document
    claim_id: str, order_id: str, kind: str, *, content: bytes, content_type: str, key: str | None
) -> Call:
    """File a document for an order of a claim."""
    return Call(
        method="PUT",
        service=_SETTLEMENT,
        path=f"/claims/{claim_id}/documents/{order_id}/{kind}",
        content=content,
        content_type=content_type,
        idempotency_key=key,
    )


def submit_claim(claim: Claim, declaration_version: str, key: str | None) -> Call:
    """File a draft; the claim tells the result of each order later."""
    return Call(
        method="POST",
        service=_SETTLEMENT,
        path=f"/claims/{claim.id}/submit",
        body={"declaration_version": declaration_version},
        if_match=claim.version,
        idempotency_key=key,
    )
