"""The market that is multiplied: one real life of each kind, through the services' own HTTP, messages and jobs.

It is made in stages, and what each stage writes is multiplied in its own way (`template.Kind`): what exists once, what
a group of copies shares, and what each copy has for itself. A few rare states are left open at the end, once.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeAlias
from uuid import UUID, uuid4

import httpx

from bench.growth.template import Kind
from shared.contracts.messages.identity import OrganisationAuthenticated
from shared.contracts.permissions import Role
from shared.kernel.calendar import BEIJING
from tests.factories.world import World, a_party, a_product

Mark: TypeAlias = Callable[[Kind], Awaitable[None]]

PLAN_FEN = 6_000_000
"""Of it a tenth is the lane of listed enterprises, who never come: so others wait although money is left."""
LANE_BP = 1_000
GRANT_FEN = 40_000
ABSORBED_FEN = PLAN_FEN * (10_000 - LANE_BP) // 10_000
ENTERPRISES = 3
"""In each copy; every third purchase is the large provider's."""
LATE = (11, 2)
"""The day on which the rare states are left open: all that was multiplied has ended before it."""
CAP_FEN = 5_000_000


@dataclass(slots=True)
class Street:
    """Who lives in the market, and what may be asked about it by id."""

    ids: dict[str, str] = field(default_factory=dict)
    purchases: int = 0
    granted_fen: int = 0

    def say(self) -> Mapping[str, Any]:
        """What a later measurement needs."""
        return {"ids": self.ids, "purchases": self.purchases, "granted_fen": self.granted_fen}


class Lives(World):
    """One enterprise and whom it buys from."""

    async def tell_provider(self) -> None:
        """A provider with one product."""
        self.provider_id, self.product_id = uuid4(), uuid4()
        await self._tell(self.provider_id, "provider")
        async with self.platform.runtime("catalog").work() as work:
            work.emit(a_product(self.product_id, provider_id=self.provider_id))
        await self.until("order", "SELECT true FROM offer WHERE product_id = $1", self.product_id)

    async def tell_enterprise(self) -> None:
        """An enterprise."""
        self.enterprise_id = uuid4()
        await self._tell(self.enterprise_id, "enterprise")

    async def _tell(self, organisation_id: UUID, kind: str) -> None:
        async with self.platform.runtime("identity").work() as work:
            work.emit(OrganisationAuthenticated(version=1, organisation_id=organisation_id, party=a_party(kind)))
        for service in ("voucher", "order", "settlement"):
            await self.until(service, "SELECT true FROM party WHERE organisation_id = $1", organisation_id)

    async def publish_plan(self) -> None:
        """The plan of the next business year, open from its first day."""
        self.year = await self._next_year()
        await self.move_clock(datetime(self.year, 1, 2, 9, tzinfo=BEIJING))
        opens_at = f"{self.year}-01-01T00:00:00+08:00"
        body = {"year": self.year, "total_fen": PLAN_FEN, "lane_share_bp": LANE_BP, "opens_at": opens_at}
        plan = await self.done("voucher/plans", Role.BUREAU_OFFICER, body)
        self.plan_id = UUID(plan["id"])
        await self.done(f"voucher/plans/{self.plan_id}/approve", Role.BUREAU_LEAD)
        await self.done(f"voucher/plans/{self.plan_id}/publish", Role.OPERATOR_LEAD)

    def beside(self, other: World) -> "Lives":
        """Another enterprise's life in this plan with this provider; it shares no state."""
        return Lives(
            self.platform,
            year=self.year,
            plan_id=self.plan_id,
            enterprise_id=other.enterprise_id,
            provider_id=self.provider_id,
            product_id=self.product_id,
        )

    async def act(self, order_id: UUID, what: str, role: Role) -> None:
        """One act on an order that must succeed, heard by every service."""
        await self.done(f"order/orders/{order_id}/{what}", role, {"reason": "库存不足"} if what == "refuse" else {})

    async def ended(self, order_id: UUID, state: str) -> None:
        """Wait for an order's state."""
        await self.until("order", "SELECT state = $2 FROM cloud_order WHERE id = $1", order_id, state)

    async def live(self) -> UUID:
        """Cancelled, declined, refused, refunded, confirmed and claimed; the claim is still to be reviewed."""
        too_dear = await self.placed(4_000, 8_000, 12_000, 16_000, 20_000)
        await self.ended(too_dear, "refused")
        cancelled, declined = await self.awaiting(4_000), await self.awaiting(4_000)
        await self.act(cancelled, "cancel", Role.ENTERPRISE)
        await self.act(declined, "refuse", Role.PROVIDER)
        await self.ended(cancelled, "cancelled")
        await self.ended(declined, "cancelled")
        # Five are confirmed: one is refunded, two are claimed, one has no voucher, and one waits to be claimed.
        refunded, first, second = [await self.bought(4_000) for _ in range(3)]
        await self.request_refund(refunded, 1)
        await self.done(f"order/orders/{refunded}/refund/consent", Role.PROVIDER, {"reason": "同意"})
        await self.ended(refunded, "refunded")
        await self.bought(0)
        await self.bought(1_000)
        await self.until("settlement", "SELECT count(*) = 2 FROM order_copy WHERE order_id = ANY($1::uuid[])"
                         " AND state = 'confirmed'", [first, second])  # fmt: skip
        return await self.claimed(first, second)

    async def bought(self, *vouchers_fen: int) -> UUID:
        """A confirmed order."""
        order_id = await self.awaiting(*vouchers_fen)
        await self.act(order_id, "confirm", Role.PROVIDER)
        return order_id

    async def paid(self, claim_id: UUID) -> UUID:
        """Reviewed, endorsed, appropriated and paid."""
        appropriation_id, amount_fen = await self.approved(claim_id)
        require(await self.pay(appropriation_id, amount_fen=amount_fen))
        return appropriation_id


def require(answer: httpx.Response) -> None:
    """An act that must succeed. Raises: RuntimeError."""
    if not answer.is_success:
        raise RuntimeError(f"{answer.request.url}: {answer.status_code} {answer.text}")


async def make_market(world: World, mark: Mark) -> Street:
    """Live through every stage; `mark` is told after each how its rows are multiplied."""
    street, large = Street(), Lives(world.platform)
    await large.publish_plan()
    await large.tell_provider()
    await mark(Kind.ONCE)
    small = [large.beside(large) for _ in range(ENTERPRISES - 1)]
    for lives in small:
        await lives.tell_provider()
    await mark(Kind.GROUP)
    buyers = [lives.beside(lives) for lives in (large, *small)]
    for buyer in buyers:
        await buyer.tell_enterprise()
        await buyer.grant(GRANT_FEN)
    street.granted_fen = GRANT_FEN * ENTERPRISES
    await mark(Kind.COPY)
    absorber = large.beside(large)
    await absorber.tell_enterprise()
    await absorber.grant(CAP_FEN)
    rest = large.beside(large)
    await rest.tell_enterprise()
    await rest.grant(ABSORBED_FEN - CAP_FEN - street.granted_fen)
    await mark(Kind.ONCE)
    await _live(street, large, buyers)
    await mark(Kind.COPY)
    await _leave_open(street, absorber)
    await mark(Kind.ONCE)
    return street


async def _live(street: Street, large: Lives, buyers: list[Lives]) -> None:
    waiting = large.beside(large)
    await waiting.tell_enterprise()
    applied = await waiting.apply(GRANT_FEN)
    require(applied)
    claims = await asyncio.gather(*(buyer.live() for buyer in buyers))
    paid = [await buyer.paid(claim_id) for buyer, claim_id in zip(buyers, claims, strict=True)]
    await buyers[0].rest()
    # Every timer of these lives has fired, and nothing of them is due any more.
    await large.move_clock(datetime(large.year, *LATE, 9, tzinfo=BEIJING))
    await buyers[0].rest()
    async with large.platform.runtime("order").reading() as connection:
        street.purchases = await connection.fetchval("SELECT count(*) FROM cloud_order")
        order_id = await connection.fetchval("SELECT max(id::text) FROM cloud_order")
    street.ids |= {
        "enterprise_id": str(buyers[0].enterprise_id),
        "provider_id": str(large.provider_id),
        "small_provider_id": str(buyers[1].provider_id),
        "product_id": str(large.product_id),
        "plan_id": str(large.plan_id),
        "order_id": order_id,
        "claim_id": str(claims[0]),
        "appropriation_id": str(paid[0]),
        "application_id": applied.json()["application_id"],
        "year": str(large.year),
    }


async def _leave_open(street: Street, lives: Lives) -> None:
    """One of each rare state with the large provider."""
    refunding, drafted, filed = [await lives.bought(4_000) for _ in range(3)]
    await lives.awaiting(4_000)
    require(await lives.request_refund(refunding, 1))
    await lives.rest()
    await lives.draft(drafted)
    await lives.claimed(filed)
    await lives.rest()
    async with lives.platform.runtime("voucher").reading() as connection:
        account_id = await connection.fetchval(
            "SELECT id FROM quota_account WHERE enterprise_id = $1", lives.enterprise_id
        )
    street.ids |= {"account_id": str(account_id), "open_order_id": str(refunding)}
