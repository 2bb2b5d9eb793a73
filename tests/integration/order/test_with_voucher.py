"""Order and voucher together: after any mix of purchases, cancels, refunds and year ends the money agrees."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.order.service import SERVICE as ORDER
from services.voucher.proof import prove
from services.voucher.service import SERVICE as VOUCHER
from shared.contracts.messages.voucher import QuotaMoved
from shared.contracts.permissions import Role
from shared.kernel.calendar import year_closes_at
from tests.factories.harness import open_platform
from tests.factories.trade import Market
from tests.factories.voucher import a_plan, a_quota_account

GRANTED_FEN = 50_000
# The voucher state that goes with each state of an order, once quiet.
AGREES = {
    "awaiting_confirmation": {"held"},
    "refused": {"refused"},
    "cancelled": {"released", "closed"},
    "confirmed": {"committed"},
    "refunded": {"committed"},
}


@dataclass
class Trade(Market):
    """A market whose enterprise has real quota."""

    account_id: UUID = field(default_factory=uuid4)

    async def grant(self) -> "Trade":
        """A plan, a quota account, and the fact that tells of it."""
        year = self.platform.runtime("voucher").clock.now().year
        async with self.platform.runtime("voucher").pool.acquire() as connection:
            plan_id = await a_plan(connection, year=year, total_fen=100_000_000)
            self.account_id = await a_quota_account(
                connection, plan_id=plan_id, enterprise_id=self.enterprise_id, year=year, granted_fen=GRANTED_FEN
            )
        await self.platform.feed(
            QuotaMoved(
                version=1,
                quota_account_id=self.account_id,
                enterprise_id=self.enterprise_id,
                year=year,
                movement="grant",
                amount_fen=GRANTED_FEN,
                available_fen=GRANTED_FEN,
                held_fen=0,
                committed_fen=0,
                claimed_fen=0,
                redeemed_fen=0,
                taken_back_fen=0,
            )
        )
        return self

    async def account(self) -> dict[str, Any]:
        """The quota account's row."""
        async with self.platform.runtime("voucher").reading() as connection:
            return dict(await connection.fetchrow("SELECT * FROM quota_account WHERE id = $1", self.account_id))

    async def check_agreement(self) -> None:
        """I1, I3 and I11: balances equal postings, each order agrees with its hold, every saga rests."""
        await self.platform.settle()
        async with self.platform.runtime("voucher").reading() as connection:
            assert (await prove(connection)).holds
            holds = {row["order_id"]: row["state"] for row in await connection.fetch("SELECT * FROM hold")}
        for order in await self.rows("SELECT id, state FROM cloud_order WHERE voucher_fen > 0"):
            assert holds[order["id"]] in AGREES[order["state"]], order
        assert await self.rows("SELECT * FROM saga WHERE pending IS NOT NULL") == []
        for order in await self.rows("SELECT id FROM cloud_order"):
            await self.facts(order["id"])


@pytest.fixture
async def trade(fresh_database: Callable[[], str]) -> AsyncIterator[Trade]:
    """Order and voucher, running."""
    async with open_platform([ORDER, VOUCHER], fresh_database) as platform:
        trade = Trade(platform)
        await trade.open(available_fen=0)
        yield await trade.grant()
        assert await platform.dead_letters() == []


@pytest.mark.requirement("R72")
@pytest.mark.requirement("R73")
async def test_a_mix_of_purchases_never_spends_more_than_was_granted_and_always_agrees(trade: Trade) -> None:
    body = trade.order_body(voucher_fen=4_000)
    answers = await asyncio.gather(
        *(trade.post("/orders", Role.ENTERPRISE, body=body, Prefer="wait=20") for _ in range(20))
    )
    states = [answer.json()["state"] for answer in answers]
    # 50,000 fen of quota hold twelve times 4,000 fen.
    assert (states.count("awaiting_confirmation"), states.count("refused")) == (12, 8)
    await trade.check_agreement()
    open_ids = [answer.json()["id"] for answer in answers if answer.json()["state"] == "awaiting_confirmation"]
    await asyncio.gather(
        *(trade.post(f"/orders/{one}/confirm", Role.PROVIDER, Prefer="wait=20") for one in open_ids[:8]),
        *(trade.post(f"/orders/{one}/cancel", Role.ENTERPRISE) for one in open_ids[4:]),
    )
    await trade.check_agreement()
    confirmed = await trade.rows("SELECT id FROM cloud_order WHERE state = 'confirmed' ORDER BY id")
    for row in confirmed[:2]:
        await trade.post(
            f"/orders/{row['id']}/refund-requests", Role.ENTERPRISE, body={"lines": [1], "reason": "不再需要"}
        )
        await trade.post(f"/orders/{row['id']}/refund/consent", Role.PROVIDER)
    await trade.check_agreement()
    account = await trade.account()
    assert account["committed_fen"] == 4_000 * (len(confirmed) - 2)
    assert account["available_fen"] == GRANTED_FEN - account["committed_fen"]


async def test_a_caller_whose_news_another_replica_took_in_is_answered_all_the_same(
    trade: Trade, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As if every reply were applied by another process: no commit here wakes anybody.
    monkeypatch.setattr("services.order.handlers.orders.OrderBatch._notify_waiters", lambda _: None)
    body = trade.order_body(voucher_fen=4_000)
    async with asyncio.timeout(10):
        placed = (await trade.post("/orders", Role.ENTERPRISE, body=body, Prefer="wait=25")).json()
        assert (placed["state"], placed["saga"]) == ("awaiting_confirmation", "held")
        confirmed = await trade.post(f"/orders/{placed['id']}/confirm", Role.PROVIDER, Prefer="wait=25")
        assert (confirmed.json()["state"], confirmed.json()["saga"]) == ("confirmed", "committed")


async def test_a_cancel_that_races_the_hold_leaves_nothing_held(trade: Trade) -> None:
    # The replies wait for the same rows as the cancels: what they read before the wait must not count.
    for _ in range(12):
        order_id = (await trade.place(voucher_fen=4_000))["id"]
        await trade.post(f"/orders/{order_id}/cancel", Role.ENTERPRISE)
    await trade.check_agreement()
    assert (await trade.account())["available_fen"] == GRANTED_FEN


@pytest.mark.requirement("R72")
async def test_the_year_end_cancels_the_unconfirmed_and_their_money_is_taken_back(trade: Trade) -> None:
    body = trade.order_body(voucher_fen=4_000)
    for _ in range(3):
        await trade.post("/orders", Role.ENTERPRISE, body=body, Prefer="wait=20")
    first = (await trade.rows("SELECT id, year FROM cloud_order ORDER BY id"))[0]
    await trade.post(f"/orders/{first['id']}/confirm", Role.PROVIDER, Prefer="wait=20")
    await trade.platform.move_clock(year_closes_at(first["year"]))
    async with asyncio.timeout(20):
        while (await trade.account())["held_fen"]:  # noqa: ASYNC110 - what is awaited is another service
            await asyncio.sleep(0.05)
    await trade.check_agreement()
    account = await trade.account()
    assert (account["committed_fen"], account["held_fen"]) == (4_000, 0)
    ended = await trade.rows("SELECT DISTINCT state, reason FROM cloud_order WHERE id <> $1", first["id"])
    assert [(row["state"], row["reason"]) for row in ended] in (
        [("cancelled", "year_end")],
        [("cancelled", "timeout")],
    )


async def test_a_hundred_purchases_cost_few_statements_and_commits(trade: Trade) -> None:
    body = trade.order_body(voucher_fen=100)
    statements = 0

    def count(query: Any) -> None:
        nonlocal statements
        statements += "cloud_order" in query.query or "order_line" in query.query

    runtime = trade.platform.runtime("order")
    async with runtime.pool.acquire() as one, runtime.pool.acquire() as two, runtime.pool.acquire() as three:
        for connection in (one, two, three):
            connection.add_query_logger(count)
    before = runtime.counts["commits"]
    answers = await asyncio.gather(
        *(trade.post("/orders", Role.ENTERPRISE, body=body, Prefer="wait=20") for _ in range(100))
    )
    assert {answer.json()["state"] for answer in answers} == {"awaiting_confirmation"}
    # A batch of places and a few of replies; one by one it would be two hundred commits.
    assert 0 < runtime.counts["commits"] - before < 20
    assert 0 < statements < 30


async def test_a_repeated_purchase_tells_how_the_order_stands_and_never_an_older_state(trade: Trade) -> None:
    async def buy(**headers: str) -> Any:
        return await trade.post("/orders", Role.ENTERPRISE, body=body, key="one", **headers)

    body = trade.order_body(voucher_fen=4_000)
    first = await buy(Prefer="wait=20")
    assert first.json()["state"] == "awaiting_confirmation"
    for again in (await buy(), await buy(Prefer="wait=20")):
        assert again.headers["Idempotent-Replayed"] == "true"
        assert (again.json(), again.headers["ETag"]) == (first.json(), first.headers["ETag"])
    path = f"/orders/{first.json()['id']}/confirm"
    confirmed = await trade.post(path, Role.PROVIDER, key="two", Prefer="wait=20")
    echo = await trade.post(path, Role.PROVIDER, key="two")
    later = await buy()
    assert later.json()["state"] == confirmed.json()["state"] == echo.json()["state"] == "confirmed"
    assert later.headers["ETag"] == echo.headers["ETag"] == confirmed.headers["ETag"] != first.headers["ETag"]
    assert len(await trade.rows("SELECT id FROM cloud_order")) == 1


async def test_a_purchase_repeated_while_its_hold_is_under_way_can_wait_for_it_too(trade: Trade) -> None:
    body = trade.order_body(voucher_fen=4_000)
    first = await trade.post("/orders", Role.ENTERPRISE, body=body, key="one")
    assert first.json()["state"] == "placed"
    again = await trade.post("/orders", Role.ENTERPRISE, body=body, key="one", Prefer="wait=20")
    assert (again.headers["Idempotent-Replayed"], again.json()["state"]) == ("true", "awaiting_confirmation")
    assert again.headers["ETag"] == f'"{again.json()["version"]}"'
