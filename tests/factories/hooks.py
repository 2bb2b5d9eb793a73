"""A market whose provider has webhooks, and the acts of people on them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from services.order.service import SERVICE
from shared.contracts.messages.base import Command
from shared.contracts.permissions import Role
from tests.factories.harness import open_platform
from tests.factories.receiver import Receiver
from tests.factories.trade import Market, listeners


@asynccontextmanager
async def open_hook_market(fresh_database: Callable[[], str], **settings: Any) -> AsyncIterator[Market]:
    """A market that may call this machine; nothing may be dead-lettered."""
    heard: list[Command] = []
    given = {"order": {"webhook_local_targets": True, **settings}}
    async with open_platform([SERVICE, *listeners(heard)], fresh_database, settings=given) as platform:
        yield await Market(platform, heard).open()
        assert await platform.dead_letters() == []


async def add_endpoint(market: Market, receiver: Receiver, *, approve: bool = True, **body: Any) -> dict[str, Any]:
    """An endpoint of the market's provider; its host is approved unless told otherwise."""
    given = {"url": receiver.url, **body}
    made = await market.post("/webhook-endpoints", Role.PROVIDER, body=given)
    assert made.status_code == 201, made.text
    if approve:
        await approve_hosts(market)
    found: dict[str, Any] = made.json()
    return found


async def approve_hosts(market: Market) -> None:
    """The operator approves every host that was asked for."""
    hosts = await market.get("/webhook-hosts", Role.OPERATOR_LEAD, state="requested")
    for host in hosts.json()["data"]:
        approved = await market.post(f"/webhook-hosts/{host['id']}/approve", Role.OPERATOR_LEAD)
        assert approved.status_code == 200, approved.text


async def deliveries(market: Market, **params: Any) -> list[dict[str, Any]]:
    """The newest deliveries of the provider."""
    response = await market.get("/webhook-deliveries", Role.PROVIDER, limit=100, **params)
    assert response.status_code == 200, response.text
    found: list[dict[str, Any]] = response.json()["data"]
    return found


async def ended(market: Market, count: int, *, state: str) -> list[dict[str, Any]]:
    """The deliveries of a state, once there are so many."""
    for _ in range(400):
        found = await deliveries(market, state=state)
        if len(found) >= count:
            return found
        await asyncio.sleep(0.05)
    raise AssertionError(await deliveries(market))


async def skip(market: Market, *, seconds: float) -> None:
    """Let machine time pass for everything that waits: dues, pauses and how long an endpoint fails."""
    runtime = market.platform.runtime("order")
    for table, columns in (
        ("webhook_delivery", ("due_at",)),
        ("webhook_endpoint", ("paused_until", "failing_since", "flagged_at", "lane_until")),
        ("webhook_secret", ("expires_at",)),
    ):
        moved = ", ".join(f"{column} = {column} - make_interval(secs => $1)" for column in columns)
        # One at a time: lanes are at work, and lock these tables in another order.
        async with runtime.work() as work:
            await work.connection.execute(f"UPDATE {table} SET {moved}", seconds)  # noqa: S608 - names of our own
