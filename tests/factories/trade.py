"""A small market for tests of orders: parties, an offer, a quota account, and what the order service answers."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import httpx
import msgspec
from sqlalchemy import MetaData

from shared.contracts.messages.base import Command, Event, Reply
from shared.contracts.messages.catalog import Component, ProductDelisted, ProductPublished
from shared.contracts.messages.identity import OrganisationAuthenticated, Party
from shared.contracts.messages.settlement import OpenItem, RefuseItem
from shared.contracts.messages.voucher import VOUCHER_COMMANDS, QuotaMoved, VoucherCommitted, VoucherHeld
from shared.contracts.permissions import Role
from shared.runtime.bus.base import command_key
from shared.runtime.database.tables import attach
from shared.runtime.service.service import Service
from shared.runtime.service.settings import ServiceSettings
from shared.runtime.unit_of_work.work import Work
from tests.factories.harness import Platform

AGREEMENT = "1.0.0"
COMMANDS: tuple[type[Command], ...] = (*VOUCHER_COMMANDS, OpenItem, RefuseItem)
CREDIT_CODES = {"enterprise": "91520100MA6DK0X17T", "provider": "91520100MA6DR26U9X"}
EPOCH = datetime(2018, 1, 1, tzinfo=UTC)


def a_party(kind: str, **changes: Any) -> Party:
    """An organisation in good standing."""
    values: dict[str, Any] = {
        "kind": kind,
        "name": f"测试{kind}",
        "credit_code": CREDIT_CODES[kind],
        "region": "520100",
        "authenticated": True,
        "recognised": kind == "provider",
        "legal_person": True,
    }
    return Party(**{**values, **changes})


def listeners(heard: list[Command]) -> list[Service]:
    """Voucher and settlement as ears only: they keep what they are asked, and the tests answer for them."""

    async def hear(work: Work, commands: Sequence[Command]) -> None:
        heard.extend(commands)

    return [_listener("voucher", hear), _listener("settlement", hear)]


def _listener(name: str, hear: Any) -> Service:
    metadata = MetaData()
    attach(metadata)
    subscriptions = dict.fromkeys([kind for kind in COMMANDS if kind.target() == name], hear)
    return Service(name=name, metadata=metadata, settings=ServiceSettings, subscriptions=subscriptions)


@dataclass
class Market:
    """One enterprise, one provider, one product of two classes, in a running platform."""

    platform: Platform
    heard: list[Command] = field(default_factory=list)
    enterprise_id: UUID = field(default_factory=uuid4)
    provider_id: UUID = field(default_factory=uuid4)
    product_id: UUID = field(default_factory=uuid4)

    async def open(self, *, available_fen: int = 5_000_000, price_fen: int = 10_001) -> "Market":
        """Feed the facts that the copies are made of; the class is compute, so 40 % may be voucher."""
        await self.feed_party(self.enterprise_id, a_party("enterprise"))
        await self.feed_party(self.provider_id, a_party("provider"))
        await self.feed_product(self.product_id, price_fen=price_fen)
        await self.platform.feed(
            QuotaMoved(
                version=0,
                quota_account_id=uuid4(),
                enterprise_id=self.enterprise_id,
                year=self.platform.runtime("order").clock.now().year,
                movement="grant",
                amount_fen=available_fen,
                available_fen=available_fen,
                held_fen=0,
                committed_fen=0,
                claimed_fen=0,
                redeemed_fen=0,
                taken_back_fen=0,
            )
        )
        return self

    async def feed_party(self, organisation_id: UUID, party: Party) -> None:
        """An organisation fact."""
        await self.platform.feed(OrganisationAuthenticated(version=0, organisation_id=organisation_id, party=party))

    async def feed_product(self, product_id: UUID, *, price_fen: int = 10_001, **changes: Any) -> None:
        """A published product."""
        values: dict[str, Any] = {
            "version": 0,
            "product_id": product_id,
            "provider_id": self.provider_id,
            "edition": 1,
            "product_name": "云服务器",
            "class_code": "compute",
            "components": (Component(code="month", name="包月", unit="月", price_fen=price_fen),),
            "voucher": True,
            "service_standard": "可用性不低于 99.9%",
            "effective_at": EPOCH,
        }
        await self.platform.feed(ProductPublished(**{**values, **changes}))

    def order_body(self, *, quantity: int = 1, edition: int = 1, **changes: Any) -> dict[str, Any]:
        """A purchase of one line; asks for all the voucher it may use unless told otherwise."""
        line = {"product_id": str(self.product_id), "edition": edition, "component": "month", "quantity": quantity}
        body: dict[str, Any] = {"lines": [line], "voucher": "max", "agreement_version": AGREEMENT, **changes}
        if "voucher_fen" in body:
            del body["voucher"]
        return body

    async def post(
        self,
        path: str,
        role: Role,
        *,
        body: dict[str, Any] | None = None,
        organisation_id: UUID | None = None,
        key: str | None = None,
        **headers: str,
    ) -> httpx.Response:
        """A command by the enterprise, the provider, or staff."""
        own = {Role.ENTERPRISE: self.enterprise_id, Role.PROVIDER: self.provider_id}.get(role)
        found = self.platform.headers(role, service="order", organisation_id=organisation_id or own, key=key)
        extra = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.platform.client.post(f"/api/order/v1{path}", json=body or {}, headers={**found, **extra})

    async def get(self, path: str, role: Role, *, organisation_id: UUID | None = None, **params: Any) -> httpx.Response:
        """A read."""
        own = {Role.ENTERPRISE: self.enterprise_id, Role.PROVIDER: self.provider_id}.get(role)
        region = params.pop("as_region", None)
        headers = self.platform.headers(role, service="order", organisation_id=organisation_id or own, region=region)
        return await self.platform.client.get(f"/api/order/v1{path}", params=params, headers=headers)

    async def place(self, **changes: Any) -> dict[str, Any]:
        """A placed order as the service answered it."""
        response = await self.post("/orders", Role.ENTERPRISE, body=self.order_body(**changes))
        assert response.status_code == 201, response.text
        found: dict[str, Any] = response.json()
        return found

    async def reply(
        self, saga_id: UUID, number: int, reply: Reply, *, producer: str = "voucher", sender: str = ""
    ) -> None:
        """A participant's answer, as it comes over the bus; `sender` says it in the producer's name."""
        event = Event(
            id=uuid4(),
            source=producer,
            type=reply.type_name(),
            subject=saga_id,
            time="",
            sequence=number,
            data=msgspec.Raw(msgspec.json.encode(reply)),
        )
        await self.platform.publish(sender or producer, command_key(sender or producer, "order"), [event])

    async def rows(self, statement: str, *arguments: Any) -> list[dict[str, Any]]:
        """Rows of the order service's database."""
        async with self.platform.runtime("order").reading() as connection:
            return [dict(row) for row in await connection.fetch(statement, *arguments)]

    async def order(self, order_id: str | UUID) -> dict[str, Any]:
        """An order's row."""
        return (await self.rows("SELECT * FROM cloud_order WHERE id = $1", UUID(str(order_id))))[0]

    async def facts(self, order_id: str | UUID) -> list[str]:
        """The names of an order's facts in version order; the versions must be gapless."""
        rows = await self.rows(
            "SELECT version, body FROM fact WHERE aggregate_id = $1 ORDER BY version", UUID(str(order_id))
        )
        assert [row["version"] for row in rows] == list(range(1, len(rows) + 1))
        return [msgspec.json.decode(row["body"])["type"].removesuffix(".v1") for row in rows]

    async def held(self, order_id: UUID) -> None:
        """Voucher holds the order's voucher part."""
        amount_fen = (await self.order(order_id))["voucher_fen"]
        await self.reply(order_id, 1, VoucherHeld(order_id=order_id, amount_fen=amount_fen))

    async def awaiting(self, **changes: Any) -> UUID:
        """A voucher order that waits for the provider."""
        order_id = UUID((await self.place(**changes))["id"])
        await self.held(order_id)
        return order_id

    async def confirmed(self, **changes: Any) -> UUID:
        """A confirmed order whose voucher is committed."""
        order_id = await self.awaiting(**changes)
        response = await self.post(f"/orders/{order_id}/confirm", Role.PROVIDER)
        assert response.status_code == 200, response.text
        amount_fen = (await self.order(order_id))["voucher_fen"]
        await self.reply(order_id, 2, VoucherCommitted(order_id=order_id, amount_fen=amount_fen))
        return order_id

    async def first_order(self) -> UUID:
        """The only order, as soon as it is there."""
        await self.until("SELECT 1 FROM cloud_order")
        found: UUID = (await self.rows("SELECT id FROM cloud_order"))[0]["id"]
        return found

    async def asked(self, kind: type[Command], *, count: int = 1) -> list[Any]:
        """The commands of a kind that were heard, as soon as there are so many."""
        async with asyncio.timeout(20):
            while len(found := [command for command in self.heard if isinstance(command, kind)]) < count:  # noqa: ASYNC110 - what is awaited is another service
                await asyncio.sleep(0.02)
        return found

    async def until(self, statement: str, *, timeout_s: float = 20.0) -> None:
        """Wait until a query finds something."""
        async with asyncio.timeout(timeout_s):
            while not await self.rows(statement):  # noqa: ASYNC110 - what is awaited is a row
                await asyncio.sleep(0.02)

    async def run_sql(self, statement: str) -> None:
        """Change something that only time or another process would."""
        async with self.platform.runtime("order").pool.acquire() as connection:
            await connection.execute(statement)

    async def saga_state(self, saga_id: UUID) -> str:
        """Where a saga stands."""
        found: str = (await self.rows("SELECT state FROM saga WHERE id = $1", saga_id))[0]["state"]
        return found

    async def delist(self, *, effective_at: datetime) -> None:
        """The product leaves the directory."""
        await self.platform.feed(
            ProductDelisted(
                version=0,
                product_id=self.product_id,
                provider_id=self.provider_id,
                effective_at=effective_at,
                ground="own_will",
            )
        )
