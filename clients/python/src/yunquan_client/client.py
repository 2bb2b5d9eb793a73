"""The client for threads. `aio` is made from this file (`twin.py`); both do what `calls.conversation` says."""

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx2

from yunquan_client import operations
from yunquan_client.calls import Call, NoReply, Outcome, Renew, Reply, Send, Steps, conversation
from yunquan_client.errors import WaitEnded
from yunquan_client.keys import ClientKey
from yunquan_client.models import Claim, Event, Order, Page
from yunquan_client.tokens import Tokens


class Yunquan:
    """A machine client of one organisation. Safe to share among threads; close it, or use it in a `with`.

    `host` is where the platform answers. `key` is the private key or the file that holds it. `scopes` asks for less
    than the client has. `transport` is for tests.
    """

    def __init__(
        self,
        host: str,
        client_id: str,
        key: ClientKey | str | Path,
        *,
        scopes: Sequence[str] = (),
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        loaded = key if isinstance(key, ClientKey) else ClientKey.load(key)
        self._tokens = Tokens(client_id, loaded, scopes)
        self._renewing = threading.Lock()
        self._http = httpx2.Client(base_url=host, transport=transport, headers=operations.HEADERS)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def call(self, call: Call) -> Reply:
        """Do any operation, also one that has no method here. Raises: Refused, NotReached."""
        self.token()
        return self._run(conversation(call, token=lambda: self._tokens.value))

    def token(self) -> str:
        """An access token that is good now, for a call that this package does not make. Raises: Refused, NotReached."""
        if self._tokens.due:
            self._renew(self._tokens.value)
        return self._tokens.value

    def _renew(self, refused: str) -> None:
        with self._renewing:
            # Whoever came first has renewed it for all.
            if self._tokens.due or self._tokens.value == refused:
                self._run(self._tokens.obtain())

    def _run(self, steps: Steps) -> Reply:
        outcome: Outcome = None
        while True:
            try:
                step = steps.send(outcome)
            except StopIteration as ended:
                reply: Reply = ended.value
                return reply
            outcome = None
            if isinstance(step, Send):
                outcome = self._send(step)
            elif isinstance(step, Renew):
                self._renew(step.refused)
            else:
                time.sleep(step.seconds)

    def _send(self, step: Send) -> Reply | NoReply:
        try:
            found = self._http.request(
                step.method,
                step.url,
                params=step.params or None,
                headers=step.headers,
                json=step.json,
                content=step.content,
                data=step.form,
                timeout=step.timeout_s,
            )
        except httpx2.TransportError as error:
            return NoReply(f"{type(error).__name__}: {error}")
        return Reply(found.status_code, {name.lower(): value for name, value in found.headers.items()}, found.content)

    # Orders

    def orders(self, **filters: str | int | None) -> Iterator[Order]:
        """All orders, newest first, page by page as they are taken; filters are those of the list, as `state`."""
        cursor: str | None = None
        while True:
            reply = self.call(operations.list_orders(filters, cursor))
            page = Page.of(reply.json())
            for each in page.data:
                yield Order.of(each)
            if not page.has_more:
                return
            cursor = page.next_cursor

    def order(self, order_id: str) -> Order:
        """One order as it is now."""
        reply = self.call(operations.read_order(order_id))
        return Order.of(reply.json(), reply.etag)

    def place_order(self, body: Mapping[str, Any], *, idempotency_key: str | None = None, wait_s: int = 10) -> Order:
        """Buy (enterprises). A refusal of the voucher service is an order in state `refused`."""
        reply = self.call(operations.place_order(body, idempotency_key, wait_s))
        return Order.of(reply.json(), reply.etag)

    def confirm(self, order: Order, *, idempotency_key: str | None = None, wait_s: int = 10) -> Order:
        """Confirm the transaction; the voucher is spent. Raises: VersionChanged when it was changed since."""
        return self._act(order, "confirm", {}, idempotency_key, wait_s)

    def refuse(self, order: Order, reason: str, *, idempotency_key: str | None = None) -> Order:
        """Do not take an order; its buyer reads why."""
        return self._act(order, "refuse", {"reason": reason}, idempotency_key)

    def cancel(self, order: Order, reason: str, *, idempotency_key: str | None = None) -> Order:
        """Take an order back before it is confirmed (enterprises)."""
        return self._act(order, "cancel", {"reason": reason}, idempotency_key)

    def consent_refund(self, order: Order, reason: str = "", *, idempotency_key: str | None = None) -> Order:
        """Consent to the refund that is asked for; the voucher returns by itself."""
        return self._act(order, "refund/consent", {"reason": reason}, idempotency_key)

    def refuse_refund(self, order: Order, reason: str, *, idempotency_key: str | None = None) -> Order:
        """Refuse the refund that is asked for."""
        return self._act(order, "refund/refuse", {"reason": reason}, idempotency_key)

    def record_delivery(
        self, order: Order, *, delivered_on: str, text: str = "", idempotency_key: str | None = None
    ) -> Mapping[str, Any]:
        """Put a delivery on record."""
        body = {"delivered_on": delivered_on, "text": text}
        reply = self.call(operations.order_act(order, "deliveries", body, idempotency_key))
        found: Mapping[str, Any] = reply.json()
        return found

    def wait_for(self, order_id: str, *states: str, timeout_s: float = 60.0) -> Order:
        """The order, once it is in one of these states. Raises: WaitEnded."""
        until_s = time.monotonic() + timeout_s
        while True:
            order = self.order(order_id)
            if order.state in states:
                return order
            left_s = until_s - time.monotonic()
            if left_s <= 0:
                raise WaitEnded(f"order {order_id} is {order.state}, not {' or '.join(states)}", last=order)
            time.sleep(min(0.5, left_s))

    def _act(self, order: Order, act: str, body: Mapping[str, Any], key: str | None, wait_s: int = 0) -> Order:
        reply = self.call(operations.order_act(order, act, body, key, wait_s))
        return Order.of(reply.json(), reply.etag)

    # Events and webhooks

    def events(
        self, *, cursor: str | None = None, types: Sequence[str] = (), order_id: str | None = None, follow: bool = True
    ) -> Iterator[Event]:
        """The feed from a cursor on, oldest first, for ever, or to its present end without `follow`.

        Keep the `cursor` of an event once you have dealt with it. Within a page it is still that of the page before, so
        that nothing is passed by: what you have seen of a page may come again, and `Inbox` passes over it.
        """
        cursor = cursor or None
        while True:
            wait_s = operations.WAIT_S_MAX if follow else 0
            reply = self.call(operations.list_events(types, order_id, cursor, wait_s))
            page = Page.of(reply.json())
            # Only the last event of a page may move a cursor that is kept; the others keep that of before.
            for place, each in enumerate(page.data, 1):
                yield Event.of(each, cursor=str(page.next_cursor if place == len(page.data) else cursor or ""))
            cursor = page.next_cursor
            if not follow and not page.has_more:
                return

    def open_endpoint(
        self, url: str, *, types: Sequence[str] = (), ordering: str = "none", idempotency_key: str | None = None
    ) -> Mapping[str, Any]:
        """Be sent events. The answer shows the `secret` this once."""
        reply = self.call(operations.open_endpoint(url, types, ordering, idempotency_key))
        found: Mapping[str, Any] = reply.json()
        return found

    def webhook_public_keys(self) -> list[str]:
        """The keys (`whpk_…`) with which the platform signs webhooks now."""
        reply = self.call(operations.webhook_keys())
        return [str(each["public_key"]) for each in reply.json()["keys"]]

    # Claims

    def draft_claim(self, order_ids: Sequence[str], *, idempotency_key: str | None = None) -> Claim:
        """Begin a claim for confirmed orders."""
        reply = self.call(operations.draft_claim(order_ids, idempotency_key))
        return Claim.of(reply.json(), reply.etag)

    def put_evidence(  # noqa: PLR0913 - the parts of a document
        self,
        claim: Claim,
        order_id: str,
        kind: str,
        content: bytes,
        *,
        content_type: str = "application/pdf",
        idempotency_key: str | None = None,
    ) -> None:
        """File a document of a kind for an order of a claim."""
        call = operations.put_evidence(
            claim.id, order_id, kind, content=content, content_type=content_type, key=idempotency_key
        )
        self.call(call)

    def claim(self, claim_id: str) -> Claim:
        """One claim as it is now."""
        reply = self.call(operations.read_claim(claim_id))
        return Claim.of(reply.json(), reply.etag)

    def submit_claim(self, claim: Claim, *, declaration_version: str, idempotency_key: str | None = None) -> Claim:
        """File a draft with the truth declaration of that version. Raises: VersionChanged."""
        reply = self.call(operations.submit_claim(claim, declaration_version, idempotency_key))
        return Claim.of(reply.json(), reply.etag)
