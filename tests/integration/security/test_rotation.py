"""Every key is changed while people buy and read: no purchase is lost, nothing is unreadable and the books balance."""

import asyncio
import base64
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from embedded.platform import SERVICES
from shared.kernel.calendar import BEIJING
from tests.factories.harness import Platform, open_platform, with_tables
from tests.factories.people import Acknowledged
from tests.factories.staff import ADMIN, ADMIN_PASSWORD, SETTINGS
from tests.factories.world import AGREEMENT, World
from tests.integration.security.example_data import PASSWORD, Story, Tenant
from tests.integration.security.platform_fixture import Estate
from tests.saga.checks import check_quiet

KEYS = {kid: base64.b64encode(bytes([number]) * 32).decode() for number, kid in enumerate(("old", "new"), start=1)}
RINGS = (("old", ""), ("old", "new"), ("new", "old"))
"""The key that seals and the other one that opens, from one start to the next: the new key is known before it seals."""

BUYERS, LEAD_S, EACH_S = 3, 10, 30
CONTACT = {"name": "周小满", "phone": "13985120000", "email": "zhou@example.com"}


def settings(ring: tuple[str, str], folder: Path) -> Mapping[str, Mapping[str, Any]]:
    """What an operator gives the services that seal."""
    current, other = ring
    sealing = {
        "encryption_kid": current,
        "encryption_key": KEYS[current],
        "former_encryption_keys": f"{other}:{KEYS[other]}" if other else "",
    }
    return {
        "identity": {**SETTINGS, **sealing, "documents_folder": folder, "key_lead_s": LEAD_S},
        "order": sealing,
    }


@dataclass
class Market:
    """Two parties who trade on whatever platform runs just now, as clients do who come again until they are told."""

    enterprise: Tenant
    provider: Tenant
    product_id: str
    estate: Estate | None = None
    bought: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    kids: set[str] = field(default_factory=set)
    log: list[Acknowledged] = field(default_factory=list)
    devices: dict[tuple[str, str], str] = field(default_factory=dict)
    """The token that each buyer's last sign-in of a party gave to its device, as clients keep it: else the tries that a
    stop broke off count against all who sign in from this network."""

    async def insist(self, tenant: Tenant, method: str, path: str, body: object = None) -> dict[str, Any]:
        """A request under one key that is sent until it is answered; a token of its own, signed in for each try."""
        key = uuid4().hex
        async with asyncio.timeout(EACH_S * 4):
            while True:
                if (answer := await self._try(tenant, method, path, body, key)) is not None:
                    return answer
                await asyncio.sleep(0.2)

    async def _try(self, tenant: Tenant, method: str, path: str, body: object, key: str) -> dict[str, Any] | None:
        estate = self.estate
        if estate is None:
            return None
        try:
            task = asyncio.current_task()
            device = (task.get_name() if task else "", tenant.sign_in_name)
            form = {"sign_in_name": tenant.sign_in_name, "password": PASSWORD}
            form["device_token"] = self.devices.get(device, "")
            session = await estate.call("POST", "/api/identity/v1/sessions", form)
            if session.status_code != 201:
                self._later(session)
                return None
            self.devices[device] = session.json()["device_token"]
            token = session.json()["access_tokens"][path.partition("/")[0]]
            self.kids.add(token.partition(".")[0])
            headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": key, "Prefer": "wait=5"}
            answer = await estate.platform.client.request(method, f"/api/{path}", json=body, headers=headers)
        # A platform that ends in the middle of a call breaks it off in one of its own ways; the client comes again.
        except Exception:
            if self.estate is estate:
                raise
            return None
        if not answer.is_success:
            self._later(answer)
            return None
        told: dict[str, Any] = answer.json()
        if path == "order/v1/orders":
            self.log.append(Acknowledged("order", "orders", key, 201, UUID(told["id"]), told["version"]))
        return told

    def _later(self, answer: httpx.Response) -> None:
        if answer.status_code not in {409, 503}:
            self.refused.append(answer.text)

    async def buy(self, stop: asyncio.Event) -> None:
        """Purchases, each read by its buyer and confirmed by its provider, until the test says stop."""
        line = {"product_id": self.product_id, "edition": 1, "component": "month", "quantity": 1}
        body = {"lines": [line], "voucher_fen": 100, "agreement_version": AGREEMENT, "contact": CONTACT}
        while not stop.is_set():
            order_id = (await self.insist(self.enterprise, "POST", "order/v1/orders", body))["id"]
            seen = await self.insist(self.enterprise, "GET", f"order/v1/orders/{order_id}")
            assert seen["contact"] == CONTACT
            await self.insist(self.provider, "POST", f"order/v1/orders/{order_id}/confirm", {})
            self.bought.append(order_id)


async def more(market: Market, number: int) -> None:
    """Wait for so many further purchases."""
    wanted = len(market.bought) + number
    async with asyncio.timeout(EACH_S * 3):
        while len(market.bought) < wanted:  # noqa: ASYNC110 - other tasks are awaited
            await asyncio.sleep(0.1)


async def rotate_signing_key(market: Market, estate: Estate) -> None:
    """A new signing key, until tokens are signed with it."""
    session = await estate.done(
        "POST", "/api/identity/v1/sessions", {"sign_in_name": ADMIN, "password": ADMIN_PASSWORD}
    )
    bearer = {"Authorization": f"Bearer {session['access_tokens']['identity']}"}
    await estate.done("POST", "/api/identity/v1/keys/rotation", {"reason": "定期轮换"}, headers=bearer)
    before = len(market.kids)
    async with asyncio.timeout(EACH_S * 2):
        while len(market.kids) == before:  # noqa: ASYNC110 - other tasks are awaited
            await asyncio.sleep(0.1)


async def open_market(estate: Estate) -> tuple[Market, World]:
    """A year with its plan, an enterprise with quota and a provider with a product."""
    story, world = Story(estate), World(estate.platform)
    world.year = await world._next_year()
    await world.move_clock(datetime(world.year, 1, 2, 9, tzinfo=BEIJING))
    await story.plan(world, world.year)
    buyer, seller = await story.enter("A", "enterprise"), await story.enter("P", "provider")
    await estate.platform.settle()
    product_id = await story.list_products(seller)
    await estate.platform.settle()
    world.enterprise_id, world.provider_id, world.product_id = buyer.id, seller.id, UUID(product_id)
    await world.grant(40_000)
    return Market(buyer, seller, product_id), world


async def check_readable(market: Market, estate: Estate) -> None:
    """Everything that was ever sealed opens, whichever key sealed it."""
    async with estate.platform.runtime("order").reading() as connection:
        envelopes = [row[0] for row in await connection.fetch("SELECT sealed FROM contact")]
    # Magic and the length of the kid come first.
    assert {envelope[5:8].decode() for envelope in envelopes} == set(KEYS)
    for order_id in market.bought:
        for tenant in (market.enterprise, market.provider):
            seen = await estate.done("GET", f"/api/order/v1/orders/{order_id}", **tenant.who)
            assert (seen["contact"], seen["state"]) == (CONTACT, "confirmed")
    for tenant in (market.enterprise, market.provider):
        for document_id in tenant.own["document_id"]:
            file = await estate.call("GET", f"/api/identity/v1/documents/{document_id}", **tenant.who)
            assert (file.status_code, file.content[:4]) == (200, b"\x89PNG")
        path = f"/api/identity/v1/organisations/{tenant.id}"
        assert (await estate.done("GET", path, **tenant.who))["contact"]["name"] == f"联系人{tenant.name}"


async def check_books(estate: Estate, told: World, log: list[Acknowledged]) -> None:
    """Nothing is under way any more, and the services agree to the fen."""
    world = World(estate.platform)
    world.year, world.plan_id, world.log = told.year, told.plan_id, log
    world.enterprise_id, world.provider_id, world.product_id = told.enterprise_id, told.provider_id, told.product_id
    await world.rest()
    assert await check_quiet(world) == []
    assert await estate.platform.dead_letters() == []


@pytest.mark.requirement("R7")
async def test_signing_and_encryption_keys_change_while_people_buy_and_read(
    fresh_database: Callable[[], str], tmp_path: Path
) -> None:
    databases = {service.name: await with_tables(service, fresh_database) for service in SERVICES}

    def running(ring: tuple[str, str]) -> AbstractAsyncContextManager[Platform]:
        return open_platform(SERVICES, fresh_database, settings=settings(ring, tmp_path), databases=databases)

    async with running(RINGS[0]) as platform:
        await platform.settle()
        market, world = await open_market(Estate(platform))
    stop = asyncio.Event()
    buyers = [asyncio.ensure_future(market.buy(stop)) for _ in range(BUYERS)]
    try:
        for ring in RINGS:
            async with running(ring) as platform:
                market.estate = estate = Estate(platform)
                await more(market, 4)
                if ring != RINGS[0]:
                    await rotate_signing_key(market, estate)
                    await more(market, 4)
                if ring == RINGS[-1]:
                    stop.set()
                    await asyncio.gather(*buyers)
                    await check_books(estate, world, market.log)
                    await check_readable(market, estate)
                # It ends in the middle of whatever its clients have under way.
                market.estate = None
    finally:
        stop.set()
        for buyer in buyers:
            buyer.cancel()
        await asyncio.gather(*buyers, return_exceptions=True)
    assert market.refused == [], "a token is believed before and after each change"
    assert len(market.kids) == len(RINGS)
    assert len(market.bought) >= 20
