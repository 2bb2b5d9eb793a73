"""Deliveries outlive the process that makes them, and two processes share the lanes."""

import asyncio
from collections.abc import Callable
from typing import Any

from services.order.service import SERVICE
from services.order.webhooks import lanes
from tests.factories.harness import open_platform
from tests.factories.hooks import add_endpoint, ended, open_hook_market
from tests.factories.receiver import answer, open_receiver
from tests.factories.trade import Market, listeners


async def _lane(market: Market) -> dict[str, Any]:
    return (await market.rows("SELECT lane_owner, lane_epoch, lane_until FROM webhook_endpoint"))[0]


async def test_what_a_killed_process_was_sending_is_sent_again_with_the_same_ids(
    fresh_database: Callable[[], str],
) -> None:
    async with open_receiver() as receiver, open_hook_market(fresh_database) as market:
        await add_endpoint(market, receiver, types=["order.placed"])
        runtime = market.platform.runtime("order")
        # Another process has the lane and ends in the middle: its lease stands, nothing is written.
        async with runtime.work() as work:
            await work.connection.execute(
                "UPDATE webhook_endpoint SET lane_owner = 'order-killed', lane_epoch = 7,"
                " lane_until = clock_timestamp() + interval '2 seconds'"
            )
        await market.place(voucher_fen=0)
        await asyncio.sleep(0.7)
        assert receiver.received == [], "the lease of the other one stands"
        request = (await receiver.wait_for(1))[0]
        assert (await ended(market, 1, state="delivered"))[0]["event_id"] == request.headers["webhook-id"]
        assert (await _lane(market))["lane_epoch"] == 8


async def test_a_process_that_lost_its_lane_writes_nothing_of_what_it_sent(
    fresh_database: Callable[[], str],
) -> None:
    async with open_receiver() as receiver, open_hook_market(fresh_database) as market:
        receiver.answer = lambda _: answer(500)
        await add_endpoint(market, receiver, types=["order.placed"])
        await market.place(voucher_fen=0)
        await receiver.wait_for(1)
        runtime = market.platform.runtime("order")
        await asyncio.sleep(0.5)
        batch = None
        async with runtime.work() as work:
            await work.connection.execute("UPDATE webhook_delivery SET due_at = clock_timestamp() - interval '1 s'")
            endpoint_id = await work.connection.fetchval("SELECT id FROM webhook_endpoint")
            batch = await lanes.begin_lane(work, endpoint_id, owner="order-other")
        assert batch is not None
        async with runtime.work() as work:
            await work.connection.execute("UPDATE webhook_endpoint SET lane_epoch = lane_epoch + 1")
        before = await market.rows("SELECT * FROM webhook_delivery")
        async with runtime.work() as work:
            assert await lanes.go_on(work, batch, []) is None
        assert await market.rows("SELECT * FROM webhook_delivery") == before


async def test_a_process_that_is_stopped_gives_its_lanes_back_at_once(fresh_database: Callable[[], str]) -> None:
    async with open_receiver() as receiver:
        receiver.delay_s = 60.0
        async with open_hook_market(fresh_database) as market:
            await add_endpoint(market, receiver, types=["order.placed"])
            await market.place(voucher_fen=0)
            for _ in range(100):
                if receiver.received:
                    break
                await asyncio.sleep(0.05)
            await market.platform.host.stop()
            lane = await _lane(market)
        assert lane["lane_until"] is None


async def test_two_processes_deliver_everything_once_in_the_strict_order(fresh_database: Callable[[], str]) -> None:
    async with open_receiver() as receiver, open_hook_market(fresh_database) as first:
        await add_endpoint(first, receiver, ordering="strict")
        databases = first.platform.databases
        async with open_second(databases, fresh_database):
            for _ in range(10):
                await first.place(voucher_fen=0)
            await ended(first, 20, state="delivered")
        rows = await first.rows("SELECT event_id FROM order_event ORDER BY seq")
        assert [request.headers["webhook-id"] for request in receiver.received] == [str(r["event_id"]) for r in rows]
        assert (await first.rows("SELECT count(*) AS n FROM webhook_attempt"))[0]["n"] == 20


def open_second(databases: Any, fresh_database: Callable[[], str]) -> Any:
    """Another process of the order service on the same databases."""
    settings = {"order": {"webhook_local_targets": True, "instance": "1"}}
    return open_platform([SERVICE, *listeners([])], fresh_database, settings=settings, databases=databases)
