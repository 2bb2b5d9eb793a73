"""The event feed: complete and in order whoever commits when, resumable, filtered, and waited for."""

import asyncio
import random
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.order.domain.events import EventType
from services.order.handlers.events import sequence_events
from shared.contracts.messages.order import OrderRecorded
from shared.contracts.permissions import Role
from tests.factories.trade import Market

WRITERS = 6
ORDERS = 8
ROUNDS = 10


async def events_of(market: Market, **params: Any) -> dict[str, Any]:
    """One page of the provider's feed."""
    response = await market.get("/events", Role.PROVIDER, **params)
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


async def all_events(market: Market, **params: Any) -> list[dict[str, Any]]:
    """The feed to its end as it stands, in small pages."""
    found: list[dict[str, Any]] = []
    page = await events_of(market, limit=7, **params)
    while True:
        found += page["data"]
        if not page["has_more"]:
            return found
        page = await events_of(market, limit=7, cursor=page["next_cursor"], **params)


async def sequenced(market: Market) -> None:
    """Wait until every fact is in the feed."""
    await market.platform.settle()
    for _ in range(200):
        left = await market.rows(
            "SELECT (SELECT count(*) FROM fact WHERE aggregate_type = 'order')"
            " - (SELECT count(*) FROM order_event) AS n"
        )
        if left[0]["n"] == 0:
            return
        await asyncio.sleep(0.05)
    raise AssertionError(left)


async def test_each_fact_of_an_order_is_one_thin_event_in_the_sequence_of_the_order(market: Market) -> None:
    order_id = (await market.place(voucher_fen=0))["id"]
    await market.post(f"/orders/{order_id}/confirm", Role.PROVIDER)
    await sequenced(market)
    events = await all_events(market)
    assert [event["type"] for event in events] == ["order.placed", "order.awaiting_confirmation", "order.confirmed"]
    assert [event["sequence"] for event in events] == [1, 2, 3]
    assert len({event["id"] for event in events}) == 3
    assert {event["data"]["order_id"] for event in events} == {order_id}
    assert events[2]["data"] == {"order_id": order_id, "version": 3}


async def _append(market: Market, order_id: UUID, *, pause_s: float) -> None:
    """One more fact of an order by a transaction that waits between its writing and its commit."""
    runtime = market.platform.runtime("order")
    async with runtime.work() as work:
        # The number of the transaction is taken before the lock, so that it says nothing of the order of the facts.
        await work.connection.fetchval("SELECT pg_current_xact_id()::text")
        version = await work.connection.fetchval("SELECT version FROM cloud_order WHERE id = $1 FOR UPDATE", order_id)
        work.emit(OrderRecorded(version=version + 1, order_id=order_id, record="delivery"))
        await work.connection.execute("UPDATE cloud_order SET version = version + 1 WHERE id = $1", order_id)
        await work.flush()
        await asyncio.sleep(pause_s)


async def test_a_follower_misses_nothing_and_sees_nothing_twice_while_writers_commit_out_of_order(
    market: Market,
) -> None:
    chance = random.Random(7)  # noqa: S311 - it keeps no secret
    order_ids = [UUID((await market.place(voucher_fen=0))["id"]) for _ in range(ORDERS)]
    done = asyncio.Event()
    followed: list[dict[str, Any]] = []

    async def write() -> None:
        for _ in range(ROUNDS):
            await _append(market, chance.choice(order_ids), pause_s=chance.choice([0.0, 0.01, 0.15]))

    async def follow() -> None:
        cursor: dict[str, str] = {}
        while True:
            ending = done.is_set()
            page = await events_of(market, limit=5, **cursor)
            followed.extend(page["data"])
            cursor = {"cursor": page["next_cursor"]}
            if ending and not page["has_more"]:
                return

    async def finish() -> None:
        await asyncio.gather(*(write() for _ in range(WRITERS // 2)))
        await sequenced(market)
        done.set()

    await asyncio.gather(finish(), follow())
    facts = await market.rows("SELECT event_id FROM fact WHERE aggregate_type = 'order'")
    assert len(facts) == 2 * ORDERS + WRITERS // 2 * ROUNDS
    assert sorted(event["id"] for event in followed) == sorted(str(row["event_id"]) for row in facts)
    for order_id in order_ids:
        own = [event["sequence"] for event in followed if event["data"]["order_id"] == str(order_id)]
        assert own == list(range(1, len(own) + 1))


async def test_a_transaction_that_began_first_and_commits_last_holds_nobody_up_and_is_not_forgotten(
    market: Market,
) -> None:
    early, late = [UUID((await market.place(voucher_fen=0))["id"]) for _ in range(2)]
    await sequenced(market)
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def begin_first() -> None:
        async with market.platform.runtime("order").work() as work:
            work.emit(OrderRecorded(version=3, order_id=early, record="delivery"))
            await work.flush()
            begun.set()
            await go_on.wait()

    first = asyncio.create_task(begin_first())
    await begun.wait()
    await _append(market, late, pause_s=0)
    page = await events_of(market)
    while len(page["data"]) < 5:
        page = await events_of(market)
    assert page["data"][-1]["data"]["order_id"] == str(late), "the one that committed is told at once"
    go_on.set()
    await first
    await sequenced(market)
    rest = await events_of(market, cursor=page["next_cursor"])
    assert [event["data"]["order_id"] for event in rest["data"]] == [str(early)]


async def test_a_batch_that_is_cut_keeps_the_sequence_of_each_order(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.order.handlers.events.BATCH_MAX", 3)
    order_ids = [UUID((await market.place(voucher_fen=0))["id"]) for _ in range(3)]
    await asyncio.gather(*(_append(market, order_id, pause_s=0) for order_id in order_ids * 2))
    await sequenced(market)
    events = await all_events(market)
    for order_id in order_ids:
        own = [event["sequence"] for event in events if event["data"]["order_id"] == str(order_id)]
        assert own == [1, 2, 3, 4]


async def test_the_feed_is_filtered_by_type_and_order_and_a_cursor_belongs_to_its_filter(market: Market) -> None:
    one, other = [(await market.place(voucher_fen=0))["id"] for _ in range(2)]
    await sequenced(market)
    awaiting = EventType.ORDER_AWAITING_CONFIRMATION
    found = await all_events(market, type=awaiting)
    assert [event["data"]["order_id"] for event in found] == [one, other]
    assert [event["sequence"] for event in await all_events(market, order_id=other)] == [1, 2]
    both = await all_events(market, type=[awaiting, EventType.ORDER_PLACED], order_id=one)
    assert len(both) == 2
    page = await events_of(market, type=awaiting, limit=1)
    wrong = await market.get("/events", Role.PROVIDER, cursor=page["next_cursor"])
    assert (wrong.status_code, wrong.json()["code"]) == (400, "list.cursor_invalid")
    unknown = await market.get("/events", Role.PROVIDER, type="order.exploded")
    assert unknown.status_code == 400


async def test_another_provider_sees_none_of_it_and_an_enterprise_may_not_ask(market: Market) -> None:
    await market.place(voucher_fen=0)
    await sequenced(market)
    other = await market.get("/events", Role.PROVIDER, organisation_id=uuid4())
    assert other.json()["data"] == []
    assert (await market.get("/events", Role.ENTERPRISE)).status_code == 403


async def _waited(market: Market, *, wait_s: int, **params: Any) -> dict[str, Any]:
    headers = market.platform.headers(Role.PROVIDER, service="order", organisation_id=market.provider_id)
    response = await market.platform.client.get(
        "/api/order/v1/events", params=params, headers={**headers, "Prefer": f"wait={wait_s}"}
    )
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


async def test_a_caller_that_waits_is_answered_by_the_next_event_that_it_wants(market: Market) -> None:
    order_id = (await market.place(voucher_fen=0))["id"]
    await sequenced(market)
    cursor = (await events_of(market, type="order.confirmed"))["next_cursor"]
    waiting = asyncio.create_task(_waited(market, wait_s=30, cursor=cursor, type="order.confirmed"))
    await market.place(voucher_fen=0)
    await sequenced(market)
    assert not waiting.done(), "an event of another type is no answer"
    await market.post(f"/orders/{order_id}/confirm", Role.PROVIDER)
    found = await waiting
    assert [event["type"] for event in found["data"]] == ["order.confirmed"]


async def test_a_caller_that_waits_in_vain_is_told_where_to_go_on(market: Market) -> None:
    found = await _waited(market, wait_s=1)
    assert (found["data"], found["has_more"]) == ([], False)
    order_id = (await market.place(voucher_fen=0))["id"]
    await sequenced(market)
    after = await events_of(market, cursor=found["next_cursor"])
    assert {event["data"]["order_id"] for event in after["data"]} == {order_id}


async def test_a_second_process_puts_nothing_into_the_feed_twice(market: Market) -> None:
    runtime = market.platform.runtime("order")

    async def once() -> None:
        for _ in range(20):
            async with runtime.work() as work:
                await sequence_events(work)

    await asyncio.gather(once(), once(), *(market.place(voucher_fen=0) for _ in range(10)))
    await sequenced(market)
    rows = await market.rows("SELECT seq FROM order_event ORDER BY seq")
    assert [row["seq"] for row in rows] == list(range(1, 21))
