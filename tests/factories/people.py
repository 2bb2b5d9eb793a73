"""People in front of a running platform: requests in their roles, a log of what they were told, and claims."""

import asyncio
import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

import httpx

from embedded.sample_documents import paper_pdf
from shared.contracts.permissions import Role
from shared.kernel.calendar import business_date
from tests.factories.harness import Platform

DECLARATION = "1.0.0"
KINDS = ("invoice", "contract", "transfer", "usage")
NOBODY = UUID(int=0)
_STAFF = UUID(int=77)


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """A success that a client was told: what it is about and the version it was told."""

    service: str
    path: str
    key: str
    status: int
    subject: UUID
    version: int


@dataclass
class People:
    """The people of one history: their requests, what they were told, and their claims."""

    platform: Platform
    year: int = 0
    plan_id: UUID = NOBODY
    enterprise_id: UUID = NOBODY
    provider_id: UUID = NOBODY
    product_id: UUID = NOBODY
    log: list[Acknowledged] = field(default_factory=list)
    _papers: int = field(default_factory=lambda: time.time_ns() % 10**12)

    # Requests.

    async def send(
        self,
        path: str,
        role: Role,
        body: object = None,
        *,
        key: str | None = None,
        account_id: UUID | None = None,
        wait_s: int = 0,
    ) -> httpx.Response:
        """POST `<service>/<rest>` as a role of this history's parties; a success goes into the client's log."""
        service, _, rest = path.partition("/")
        own = {Role.ENTERPRISE: self.enterprise_id, Role.PROVIDER: self.provider_id}.get(role)
        account_id = account_id or uuid5(_STAFF, role.value)
        headers = self.platform.headers(role, service=service, organisation_id=own, account_id=account_id, key=key)
        headers |= {"Prefer": f"wait={wait_s}"} if wait_s else {}
        url = f"/api/{service}/v1/{rest}"
        response = await self.platform.client.post(url, json=body if body is not None else {}, headers=headers)
        if response.is_success:
            self._remember(service, rest, headers["Idempotency-Key"], response)
        return response

    def _remember(self, service: str, path: str, key: str, response: httpx.Response) -> None:
        told = response.json()
        subject = UUID(told.get("id") or told["application_id"])
        self.log.append(Acknowledged(service, path, key, response.status_code, subject, told.get("version", 0)))

    async def done(self, path: str, role: Role, body: object = None, **others: Any) -> dict[str, Any]:
        """A request that must succeed."""
        response = await self.send(path, role, body, **others)
        assert response.is_success, f"{path}: {response.status_code} {response.text}"
        found: dict[str, Any] = response.json()
        return found

    @property
    def now(self) -> datetime:
        """Business time."""
        return self.platform.runtime("order").clock.now()

    async def move_clock(self, target: datetime) -> None:
        """Move every business clock and wake what waits for it; nothing is awaited.

        Histories go on for more years than people may move the clock, so it follows instead of being moved.
        """
        for runtime in self.platform.host.runtimes:
            # A clock that is there already, or a moment past it, stays.
            if target > runtime.clock.now() + timedelta(seconds=1):
                async with runtime.pool.acquire() as connection:
                    offset = target - runtime.clock.machine_now()
                    runtime.clock.take(await runtime.clock.follow(connection, offset=offset))
            runtime.timers_changed.set()

    async def pass_days(self, days: int) -> None:
        """Let days pass."""
        await self.move_clock(self.now + timedelta(days=days))

    async def until(self, service: str, statement: str, *arguments: object, timeout_s: float = 20) -> None:
        """Wait until a query says true."""
        async with asyncio.timeout(timeout_s):
            while True:
                async with self.platform.runtime(service).reading() as connection:
                    if await connection.fetchval(statement, *arguments):
                        return
                await asyncio.sleep(0.005)

    # Claims.

    async def draft(self, *order_ids: UUID) -> UUID | None:
        """A draft with all its evidence, or None when settlement does not offer an order for a claim."""
        body = {"order_ids": [str(order_id) for order_id in order_ids]}
        response = await self.send("settlement/claims", Role.PROVIDER, body)
        if not response.is_success:
            return None
        claim_id = UUID(response.json()["id"])
        for order_id in order_ids:
            for kind in KINDS:
                await self._evidence(claim_id, order_id, kind)
        return claim_id

    async def _evidence(self, claim_id: UUID, order_id: UUID, kind: str) -> None:
        self._papers += 1
        facts = {"reference": f"{kind}-{self._papers}", "amount_fen": "1000", "dated_on": str(business_date(self.now))}
        headers = self.platform.headers(Role.PROVIDER, service="settlement", organisation_id=self.provider_id)
        response = await self.platform.client.put(
            f"/api/settlement/v1/claims/{claim_id}/documents/{order_id}/{kind}",
            params=facts if kind in {"invoice", "transfer"} else {},
            content=paper_pdf(self._papers),
            headers=headers,
        )
        assert response.status_code == 200, response.text

    async def submit(self, claim_id: UUID) -> httpx.Response:
        """File a draft."""
        body = {"declaration_version": DECLARATION}
        return await self.send(f"settlement/claims/{claim_id}/submit", Role.PROVIDER, body)

    async def claimed(self, *order_ids: UUID) -> UUID:
        """A claim whose items are all open."""
        claim_id = await self.draft(*order_ids)
        assert claim_id is not None
        assert (await self.submit(claim_id)).status_code == 202
        await self.until("settlement", "SELECT state = 'accepted' FROM claim WHERE id = $1", claim_id)
        await self.platform.settle()
        return claim_id

    async def withdraw(self, claim_id: UUID) -> httpx.Response:
        """The provider takes its claim back."""
        return await self.send(f"settlement/claims/{claim_id}/withdraw", Role.PROVIDER, {"reason": "材料有误"})

    async def reviewed(self, claim_id: UUID, *, passed: bool = True) -> None:
        """The window closes and the operator judges every open item."""
        async with self.platform.runtime("settlement").reading() as connection:
            closes_at = await connection.fetchval("SELECT window_closes_at FROM claim WHERE id = $1", claim_id)
        await self.move_clock(closes_at)
        await self.until(
            "settlement", "SELECT state NOT IN ('submitted', 'accepted') FROM claim WHERE id = $1", claim_id
        )
        body = {"pass": passed, "truth_opinion": "材料与业务一致", "validity_opinion": "服务已交付"}
        for order_id in await self.items(claim_id, "open"):
            await self.done(f"settlement/claims/{claim_id}/items/{order_id}/first-review", Role.OPERATOR_CLERK, body)

    async def items(self, claim_id: UUID, state: str) -> list[UUID]:
        """The orders of a claim's items in a state."""
        async with self.platform.runtime("settlement").reading() as connection:
            rows = await connection.fetch(
                "SELECT order_id FROM claim_item WHERE claim_id = $1 AND state = $2", claim_id, state
            )
        return [row["order_id"] for row in rows]

    async def approved(self, claim_id: UUID, *, short_fen: int = 0) -> tuple[UUID, int]:
        """Both reviews and the bureau's approval; the appropriation, and what is to be paid in fen."""
        await self.reviewed(claim_id)
        agreed = {"approve": True, "reason": "符合规定"}
        for order_id in await self.items(claim_id, "passed"):
            await self.done(f"settlement/claims/{claim_id}/items/{order_id}/bureau-review", Role.BUREAU_OFFICER, agreed)
        async with self.platform.runtime("settlement").reading() as connection:
            rows = await connection.fetch(
                "SELECT order_id, voucher_fen FROM claim_item WHERE claim_id = $1 AND state = 'endorsed'", claim_id
            )
        body = {"claim_ids": [str(claim_id)], "declaration_version": DECLARATION}
        asked = await self.done("settlement/appropriations", Role.PROVIDER, body)
        amounts = [
            {"order_id": str(row["order_id"]), "approved_fen": max(1, row["voucher_fen"] - short_fen), "reason": "核减"}
            for row in rows
        ]
        await self.done(f"settlement/appropriations/{asked['id']}/approve", Role.BUREAU_LEAD, {"items": amounts})
        return UUID(asked["id"]), sum(int(str(item["approved_fen"])) for item in amounts)

    async def pay(self, appropriation_id: UUID, *, amount_fen: int) -> httpx.Response:
        """Finance records the payment."""
        body = {
            "reference": f"ZF{appropriation_id.hex}",
            "paid_on": str(business_date(self.now)),
            "amount_fen": amount_fen,
        }
        return await self.send(f"settlement/appropriations/{appropriation_id}/payments", Role.FINANCE, body)
