"""A client that never gives up on a request: same key, until it is answered or the time is over."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx

from embedded.front import SignIn

PATIENCE_S = 120.0
PAUSE_S = 0.25
AGAIN = frozenset({401, 429, 502, 503, 504})


class Unanswered(AssertionError):
    """A request was repeated for as long as its client has patience, and was never answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What became of one request; moments are seconds of the monotonic clock."""

    kind: str
    began_s: float
    asked_s: float
    """When the attempt was sent that was answered, or else the last one."""
    ended_s: float
    attempts: int
    status: int | None
    """None: never answered."""


def kind_of(method: str, path: str) -> str:
    """What a request is about, in a word or two: "cancel", "place", "read order"."""
    service, *rest = path.split("/")[2:]
    if method == "GET":
        return f"read {service}"
    last = rest[-1]
    return {"orders": "place", "refund-requests": "ask for refund", "consent": "refund", "sessions": "sign in"}.get(
        last, last
    )


@dataclass
class Buyer:
    """Somebody who is signed in, and the log of what the platform acknowledged to them."""

    client: httpx.AsyncClient
    sign_in: SignIn
    organisation_id: str = ""
    tokens: Mapping[str, str] = field(default_factory=dict)
    acknowledged: list[dict[str, Any]] = field(default_factory=list)
    log: list[Request] = field(default_factory=list)

    async def open(self) -> None:
        """Sign in."""
        body = {"sign_in_name": self.sign_in.name, "password": self.sign_in.password}
        answer = await self._persist("POST", "/api/identity/v1/sessions", body, {})
        assert answer.is_success, answer.text
        self.tokens = answer.json()["access_tokens"]
        self.organisation_id = answer.json()["organisation_id"] or ""

    async def read(self, path: str, **query: Any) -> httpx.Response:
        """Ask for something, whatever the answer is."""
        return await self._persist("GET", path, None, self._headers(path), query)

    async def get(self, path: str, **query: Any) -> Any:
        """Read something that is there."""
        answer = await self.read(path, **query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def post(self, path: str, body: Mapping[str, Any], **extra: str) -> httpx.Response:
        """Do something once, however often it must be said."""
        headers = {**self._headers(path), "Idempotency-Key": uuid4().hex, **extra}
        answer = await self._persist("POST", path, body, headers)
        if answer.is_success:
            self.acknowledged.append(answer.json())
        return answer

    def _headers(self, path: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.tokens[path.split('/')[2]]}"}

    async def _persist(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None,
        headers: dict[str, str],
        query: Mapping[str, Any] | None = None,
    ) -> httpx.Response:
        began_s, attempts = time.monotonic(), 0
        last = ""

        def note(status: int | None) -> None:
            moments = {"began_s": began_s, "asked_s": asked_s, "ended_s": time.monotonic()}
            self.log.append(Request(kind=kind_of(method, path), attempts=attempts, status=status, **moments))

        while time.monotonic() < began_s + PATIENCE_S:
            asked_s, attempts = time.monotonic(), attempts + 1
            try:
                answer = await self.client.request(method, path, json=body, headers=headers, params=query)
            except httpx.TransportError as error:
                last = repr(error)
            else:
                if answer.status_code not in AGAIN:
                    note(answer.status_code)
                    return answer
                last = answer.text
                if answer.status_code == 401 and self.tokens:
                    await self.open()
                    headers["Authorization"] = self._headers(path)["Authorization"]
            await asyncio.sleep(PAUSE_S)
        note(None)
        raise Unanswered(f"{method} {path} was not answered in {PATIENCE_S} s: {last}")


@dataclass(frozen=True)
class Offer:
    """A product that can be bought with a voucher."""

    product_id: str
    edition: int
    component: str

    def order(self, *, voucher_fen: int, agreement_version: str) -> dict[str, Any]:
        """The body of an order for one of it."""
        line = {
            "product_id": self.product_id,
            "edition": self.edition,
            "component": self.component,
            "quantity": 1,
        }
        return {"lines": [line], "voucher_fen": voucher_fen, "agreement_version": agreement_version}


async def offers_of(buyer: Buyer, provider_id: str) -> Sequence[Offer]:
    """The voucher products of a provider in the public directory."""
    page = await buyer.get("/api/catalog/v1/directory", provider=provider_id, voucher="true")
    return [
        Offer(item["product_id"], item["edition"], component["code"])
        for item in page["data"]
        for component in item["components"]
    ]
