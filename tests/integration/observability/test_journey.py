"""A purchase as its user makes it, from signing in to the committed voucher, over all five services."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from embedded.platform import SERVICES
from shared.kernel.calendar import BEIJING
from tests.factories.harness import Platform, open_platform
from tests.factories.staff import SETTINGS
from tests.factories.world import World
from tests.integration.observability.conftest import Receiver, a_traceparent, kinds
from tests.integration.security.example_data import PASSWORD, Story, Tenant
from tests.integration.security.platform_fixture import Estate

DONE = "SELECT state = 'committed' FROM saga WHERE id = $1"
HELD = "SELECT state = 'awaiting_confirmation' FROM cloud_order WHERE id = $1"
CONFIRM = "POST /api/order/v1/orders/{order_id}/confirm"


@dataclass
class Client:
    """What a portal does for one person: it signs in, and says with each call to which trace it belongs."""

    platform: Platform
    traceparent: str
    tokens: Mapping[str, str] = field(default_factory=dict)

    async def call(self, method: str, path: str, body: object = None) -> Any:
        """One call that must succeed; its answer."""
        service = path.partition("/")[0]
        headers = {"Idempotency-Key": uuid4().hex} if method == "POST" else {}
        headers |= {"traceparent": self.traceparent} if self.traceparent else {}
        headers |= {"Authorization": f"Bearer {self.tokens[service]}"} if self.tokens else {}
        url = f"/api/{service}/v1/{path.partition('/')[2]}"
        answer = await self.platform.client.request(method, url, json=body, headers=headers)
        assert answer.is_success, f"{method} {url}: {answer.status_code} {answer.text}"
        return answer.json()

    async def sign_in(self, who: Tenant) -> "Client":
        """Take the tokens of a session at identity."""
        session = {"sign_in_name": who.sign_in_name, "password": PASSWORD}
        self.tokens = (await self.call("POST", "identity/sessions", session))["access_tokens"]
        return self


@dataclass
class Market:
    """An enterprise with quota, a provider, and its product."""

    world: World
    enterprise: Tenant
    provider: Tenant

    def client(self, traceparent: str) -> Client:
        """Somebody's client."""
        return Client(self.world.platform, traceparent)

    async def buy(self, buyer: Client) -> UUID:
        """Find a product in the directory, ask what it costs, and place the order; it waits for its provider."""
        (found,) = [
            item
            for item in (await buyer.call("GET", "catalog/directory?voucher=true"))["data"]
            if item["provider_id"] == str(self.provider.id)
        ]
        product = await buyer.call("GET", f"catalog/directory/{found['product_id']}")
        line = {
            "product_id": product["product_id"],
            "edition": product["edition"],
            "component": product["components"][0]["code"],
            "quantity": 1,
        }
        wanted = {"lines": [line], "voucher": "max"}
        quote = await buyer.call("POST", "order/quotes", wanted)
        placed = await buyer.call("POST", "order/orders", wanted | {"agreement_version": quote["agreement_version"]})
        order_id = UUID(placed["id"])
        await self.world.until("order", HELD, order_id)
        return order_id

    async def confirm(self, seller: Client, order_id: UUID) -> None:
        """The provider confirms; the voucher is committed and everybody has heard of it."""
        await seller.call("POST", f"order/orders/{order_id}/confirm", {})
        await self.world.until("order", DONE, order_id)
        await self.world.platform.settle()


@asynccontextmanager
async def open_market(fresh_database: Callable[[], str]) -> AsyncIterator[Market]:
    """All five services, and two parties that came to them as anybody does."""
    async with open_platform(SERVICES, fresh_database, settings={"identity": SETTINGS}) as platform:
        await platform.settle()
        story, world = Story(Estate(platform)), World(platform)
        world.year = await world._next_year()
        await world.move_clock(datetime(world.year, 1, 2, 9, tzinfo=BEIJING))
        await story.plan(world, world.year)
        market = Market(world, await story.enter("A", "enterprise"), await story.enter("P", "provider"))
        await platform.settle()
        product_id = await story.list_products(market.provider)
        await platform.settle()
        world.enterprise_id, world.provider_id = market.enterprise.id, market.provider.id
        world.product_id = UUID(product_id)
        await world.grant(40_000)
        await platform.settle()
        yield market


JOURNEY = {
    ("identity", "server", "POST /api/identity/v1/sessions"),
    ("catalog", "server", "GET /api/catalog/v1/directory"),
    ("catalog", "server", "GET /api/catalog/v1/directory/{product_id}"),
    ("order", "server", "POST /api/order/v1/quotes"),
    ("order", "server", "POST /api/order/v1/orders"),
    ("voucher", "consumer", "process voucher.hold.v1"),
    ("order", "consumer", "process voucher.held.v1"),
    ("order", "server", CONFIRM),
    ("voucher", "consumer", "process voucher.commit.v1"),
    ("order", "consumer", "process voucher.committed.v1"),
    ("settlement", "consumer", "process order.placed.v1"),
    ("settlement", "consumer", "process order.confirmed.v1"),
}


async def test_one_purchase_is_one_trace_over_all_five_services_from_signing_in_to_the_committed_voucher(
    fresh_database: Callable[[], str], receiver: Receiver
) -> None:
    traceparent = a_traceparent()
    async with open_market(fresh_database) as market:
        buyer = await market.client(traceparent).sign_in(market.enterprise)
        order_id = await market.buy(buyer)
        seller = await market.client(traceparent).sign_in(market.provider)
        await market.confirm(seller, order_id)
    spans = receiver.of_trace(traceparent[3:35])
    assert kinds(spans) >= JOURNEY
    assert {span.service for span in spans} == {service.name for service in SERVICES}
    by_id = {span.span_id for span in spans}
    requests = [span for span in spans if span.kind == "server"]
    assert {span.parent_id for span in requests} == {traceparent[36:52]}, "each call hangs on the caller's span"
    assert all(span.parent_id in by_id for span in spans if span not in requests), "every other span on one of these"
    assert not any(span.failed for span in spans)
    assert not any(span.links for span in spans), "what is one trace needs no links"


@pytest.mark.parametrize("own", [a_traceparent(), ""], ids=["its caller's", "nobody else's"])
async def test_a_purchase_and_a_confirmation_with_a_trace_of_its_own_lead_to_each_other(
    own: str, fresh_database: Callable[[], str], receiver: Receiver
) -> None:
    traceparent = a_traceparent()
    async with open_market(fresh_database) as market:
        order_id = await market.buy(await market.client(traceparent).sign_in(market.enterprise))
        await market.confirm(await market.client(own).sign_in(market.provider), order_id)
    (confirmation,) = [span for span in receiver.spans if span.name == CONFIRM]
    assert confirmation.trace_id != traceparent[3:35]
    assert not own or confirmation.trace_id == own[3:35]
    spans = {span.span_id: span for span in receiver.of_trace(traceparent[3:35])}

    ((trace_id, span_id),) = confirmation.links
    assert (trace_id, spans[span_id].name) == (traceparent[3:35], "process voucher.held.v1")
    (forward,) = [span for span in spans.values() if span.links]
    assert (forward.service, forward.name) == ("order", "continued by order.confirmed.v1")
    assert forward.links == ((confirmation.trace_id, confirmation.span_id),)
    assert forward.parent_id == span_id
    assert str(order_id) in forward.attributes["messaging.message.conversation_id"]
    later = kinds(receiver.of_trace(confirmation.trace_id))
    assert later >= {
        ("voucher", "consumer", "process voucher.commit.v1"),
        ("settlement", "consumer", "process order.confirmed.v1"),
    }


async def test_a_sampled_purchase_leads_to_a_confirmation_that_nobody_samples(
    fresh_database: Callable[[], str], receiver: Receiver
) -> None:
    bought, confirmed = a_traceparent(), a_traceparent(sampled=False)
    async with open_market(fresh_database) as market:
        order_id = await market.buy(await market.client(bought).sign_in(market.enterprise))
        await market.confirm(await market.client(confirmed).sign_in(market.provider), order_id)
    assert receiver.of_trace(confirmed[3:35]) == []
    (forward,) = [span for span in receiver.of_trace(bought[3:35]) if span.links]
    assert forward.links[0][0] == confirmed[3:35], "its log lines are found by that trace"
