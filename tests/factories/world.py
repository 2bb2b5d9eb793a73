"""All services in one process, year after year: people's acts over HTTP, a client's log, and kills that keep the data.

A history begins with a new business year, plan and enterprise, so the databases need no emptying between histories.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID, uuid4

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.catalog.service import SERVICE as CATALOG
from services.identity.service import SERVICE as IDENTITY
from services.order.service import SERVICE as ORDER
from services.settlement.service import SERVICE as SETTLEMENT
from services.voucher.service import SERVICE as VOUCHER
from shared.contracts.messages.catalog import Component, ProductPublished
from shared.contracts.messages.identity import OrganisationAuthenticated, Party
from shared.contracts.permissions import Role
from shared.kernel.calendar import BEIJING, year_closes_at
from shared.runtime.auth.tokens import TokenSigner
from shared.runtime.bus.memory import MemoryBus, MemoryExchange
from shared.runtime.database.sql import is_transient
from shared.runtime.host.host import open_host
from shared.runtime.schedule.scheduler import run_job
from shared.runtime.service.service import Service
from tests.factories.harness import ISSUER, Platform, _trust, settings_for
from tests.factories.people import DECLARATION, People

SERVICES: tuple[Service, ...] = (IDENTITY, CATALOG, VOUCHER, ORDER, SETTLEMENT)
PRICE_FEN = 10_000
# The class compute carries 40 % voucher.
VOUCHER_MAX_FEN = 4_000
# Parties of one code never trade.
CREDIT_CODES = {"enterprise": "91520100MA6DK0X17T", "provider": "91520100MA6DR26U9X"}
TOTAL_FEN = 10_000_000
AGREEMENT = "1.0.0"
ROUNDS_MAX = 40
_RESTLESS = """
SELECT count(*) FROM saga WHERE state NOT IN
    ('held', 'refused', 'committed', 'released', 'returned', 'open', 'ended', 'redeemed')
"""
# As if nothing had moved them for longer than the sweeper waits.
_STAND_STILL = """
UPDATE saga SET resend_at = clock_timestamp(), moved_at = clock_timestamp() - interval '1 minute'
WHERE resend_at IS NOT NULL
"""


@dataclass
class World(People):
    """A running platform, year after year."""

    # The year, its plan and its parties.

    async def begin_year(self, *, granted_fen: int = 20_000) -> "World":
        """The next business year with a published plan, a new enterprise with quota, a provider and a product."""
        year = await self._next_year()
        await self.move_clock(datetime(year, 1, 2, 9, tzinfo=BEIJING))
        self.year = year
        await self._tell_parties()
        body = {"year": year, "total_fen": TOTAL_FEN, "lane_share_bp": 0, "opens_at": f"{year}-01-01T00:00:00+08:00"}
        plan = await self.done("voucher/plans", Role.BUREAU_OFFICER, body)
        self.plan_id = UUID(plan["id"])
        await self.done(f"voucher/plans/{self.plan_id}/approve", Role.BUREAU_LEAD)
        await self.done(f"voucher/plans/{self.plan_id}/publish", Role.OPERATOR_LEAD)
        await self._await_parties()
        await self.grant(granted_fen)
        return self

    async def join_year(self, *, granted_fen: int) -> "World":
        """New parties in the plan of the business year; a new year is begun when there is none with enough left."""
        async with self.platform.runtime("voucher").reading() as connection:
            plan = await connection.fetchrow(
                "SELECT id, year FROM plan WHERE state = 'published' AND closes_at > $1 AND left_fen >= $2"
                " ORDER BY year DESC LIMIT 1",
                self.now,
                granted_fen,
            )
        if plan is None:
            return await self.begin_year(granted_fen=granted_fen)
        self.plan_id, self.year = plan["id"], plan["year"]
        return await self.new_parties(granted_fen=granted_fen)

    async def _next_year(self) -> int:
        async with self.platform.runtime("voucher").reading() as connection:
            last: int | None = await connection.fetchval("SELECT max(year) FROM plan")
        this_year = self.now.astimezone(BEIJING).year
        return this_year + 1 if last is None else max(this_year, last + 1)

    async def new_parties(self, *, granted_fen: int) -> "World":
        """A new enterprise with quota in this year's plan, and a new provider with its product."""
        await self._tell_parties()
        await self._await_parties()
        if granted_fen:
            await self.grant(granted_fen)
        return self

    async def _tell_parties(self) -> None:
        """Identity's and catalog's outboxes tell of new parties and a product."""
        self.enterprise_id, self.provider_id, self.product_id = uuid4(), uuid4(), uuid4()
        async with self.platform.runtime("identity").work() as work:
            for organisation_id, kind in ((self.enterprise_id, "enterprise"), (self.provider_id, "provider")):
                party = a_party(kind)
                work.emit(OrganisationAuthenticated(version=1, organisation_id=organisation_id, party=party))
        async with self.platform.runtime("catalog").work() as work:
            work.emit(a_product(self.product_id, provider_id=self.provider_id))

    async def _await_parties(self) -> None:
        """Wait until whoever decides about them knows the parties."""
        known = "SELECT count(*) = 2 FROM party WHERE organisation_id = ANY($1::uuid[])"
        for service in ("voucher", "order", "settlement"):
            await self.until(service, known, [self.enterprise_id, self.provider_id])
        await self.until("order", "SELECT true FROM offer WHERE product_id = $1", self.product_id)

    async def apply(self, amount_fen: int) -> httpx.Response:
        """The enterprise applies for quota."""
        body = {
            "plan_id": str(self.plan_id),
            "amount_fen": amount_fen,
            "truth_declaration_version": DECLARATION,
        }
        return await self.send("voucher/applications", Role.ENTERPRISE, body)

    async def grant(self, amount_fen: int) -> None:
        """An application, decided by the allocator and granted by the operator."""
        applied = await self.apply(amount_fen)
        assert applied.status_code == 201, applied.text
        application_id = UUID(applied.json()["application_id"])
        await self.until("voucher", "SELECT state = 'earmarked' FROM application WHERE id = $1", application_id)
        await self.done(f"voucher/applications/{application_id}/grant", Role.OPERATOR_LEAD, {})

    # Orders.

    def order_body(self, vouchers_fen: Sequence[int]) -> dict[str, Any]:
        """An order of as many lines as there are shares; voucher shares are spread by the service's own rule."""
        line = {"product_id": str(self.product_id), "edition": 1, "component": "month"}
        lines = [{**line, "quantity": number} for number, _ in enumerate(vouchers_fen, start=1)]
        return {"lines": lines, "voucher_fen": sum(vouchers_fen), "agreement_version": AGREEMENT}

    async def place(self, *vouchers_fen: int, **others: Any) -> httpx.Response:
        """Place an order."""
        return await self.send("order/orders", Role.ENTERPRISE, self.order_body(vouchers_fen), **others)

    async def placed(self, *vouchers_fen: int) -> UUID:
        """A placed order whose voucher is still asked for."""
        response = await self.place(*vouchers_fen)
        assert response.status_code == 201, response.text
        return UUID(response.json()["id"])

    async def awaiting(self, *vouchers_fen: int) -> UUID:
        """An order that waits for its provider."""
        order_id = await self.placed(*vouchers_fen)
        await self.until("order", "SELECT state = 'awaiting_confirmation' FROM cloud_order WHERE id = $1", order_id)
        return order_id

    async def confirmed(self, *vouchers_fen: int) -> UUID:
        """A confirmed order whose voucher is committed and which every service knows of."""
        order_id = await self.awaiting(*vouchers_fen)
        await self.confirm(order_id)
        await self.platform.settle()
        return order_id

    async def confirm(self, order_id: UUID) -> httpx.Response:
        """The provider confirms."""
        return await self.send(f"order/orders/{order_id}/confirm", Role.PROVIDER)

    async def cancel(self, order_id: UUID) -> httpx.Response:
        """The enterprise cancels."""
        return await self.send(f"order/orders/{order_id}/cancel", Role.ENTERPRISE)

    async def request_refund(self, order_id: UUID, *lines: int) -> httpx.Response:
        """The enterprise wants lines back."""
        body = {"lines": list(lines), "reason": "不再需要"}
        return await self.send(f"order/orders/{order_id}/refund-requests", Role.ENTERPRISE, body)

    async def consent(self, order_id: UUID) -> httpx.Response:
        """The provider consents to the refund."""
        return await self.send(f"order/orders/{order_id}/refund/consent", Role.PROVIDER, {"reason": "同意"})

    async def refuse_refund(self, order_id: UUID) -> httpx.Response:
        """The provider refuses the refund."""
        return await self.send(f"order/orders/{order_id}/refund/refuse", Role.PROVIDER, {"reason": "已交付"})

    async def end_year(self) -> None:
        """24:00 on 31 December; the order service's job cancels what is unconfirmed."""
        await self.move_clock(year_closes_at(self.year))
        await self.run_order_job("end_years")

    # Waiting.

    async def run_order_job(self, name: str) -> None:
        """Run one of the order service's jobs now instead of in seconds."""
        runtime = self.platform.runtime("order")
        (job,) = [job for job in runtime.service.jobs if job.name == name]
        # A deadlock with a timer that fires at the same moment is one of the faults the schedule repeats.
        for pause_s in (0.05, 0.1, 0.2, 0.0):
            try:
                await run_job(runtime, job)
            except Exception as error:
                if not (pause_s and is_transient(error)):
                    raise
                await asyncio.sleep(pause_s)
            else:
                return

    async def rest(self) -> None:
        """Wait until nothing is under way; what a participant refused is asked again at once, not in 30 seconds."""
        for _ in range(ROUNDS_MAX):
            for runtime in self.platform.host.runtimes:
                runtime.timers_changed.set()
            await self.platform.settle()
            async with self.platform.runtime("order").pool.acquire() as connection:
                if not await connection.fetchval(_RESTLESS):
                    return
                await connection.execute(_STAND_STILL)
            await self.run_order_job("sweep_sagas")
        raise AssertionError("I11: a saga never rests")


def a_party(kind: str) -> Party:
    """An organisation in good standing."""
    return Party(
        kind=kind,
        name="贵州示例科技有限公司",
        credit_code=CREDIT_CODES[kind],
        region="520100",
        authenticated=True,
        recognised=kind == "provider",
        legal_person=True,
        established_on=date(2010, 5, 1),
    )


def a_product(product_id: UUID, *, provider_id: UUID) -> ProductPublished:
    """A product on offer for a voucher."""
    return ProductPublished(
        version=1,
        product_id=product_id,
        provider_id=provider_id,
        edition=1,
        product_name="云服务器",
        class_code="compute",
        components=(Component(code="month", name="包月", unit="月", price_fen=PRICE_FEN),),
        voucher=True,
        service_standard="可用性不低于 99.9%",
        effective_at=datetime(2018, 1, 1, tzinfo=UTC),
    )


@asynccontextmanager
async def open_world(
    databases: Mapping[str, str],
    *,
    exchange: MemoryExchange | None = None,
    prepare: Callable[[Platform], None] | None = None,
    given: Mapping[str, Mapping[str, Any]] | None = None,
) -> AsyncIterator[World]:
    """Run all services on their databases until the block ends; `prepare` may change the platform before it is used.

    `given` are settings by service.
    """
    private = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    await _trust(databases.values(), private.public_key())
    exchange = exchange or MemoryExchange([service.wiring() for service in SERVICES])
    buses = {service.name: MemoryBus(exchange) for service in SERVICES}
    with TemporaryDirectory(prefix="yunquan-") as folder:
        others = given or {}
        settings = {
            service.name: settings_for(service, databases[service.name], Path(folder), others.get(service.name, {}))
            for service in SERVICES
        }
        async with open_host(SERVICES, settings, buses) as host:
            transport = httpx.ASGITransport(app=host.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://platform", timeout=30) as client:
                signer = TokenSigner(private, kid="test", issuer=ISSUER, ttl_s=300, now=time.time)
                platform = Platform(host, exchange, client, signer, databases, MemoryBus(exchange))
                if prepare is not None:
                    prepare(platform)
                yield World(platform)


async def ended(task: "asyncio.Task[Any]") -> None:
    """Cancel a client's task and wait until it has ended."""
    task.cancel()
    with suppress(asyncio.CancelledError, Exception):
        await task
