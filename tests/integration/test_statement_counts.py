"""What a purchase costs in statements, transactions, WAL flushes and envelopes: counted, never timed."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

import pytest
from asyncpg.connection import LoggedQuery

from bench.market import agreement_version
from bench.seed import CAP_FEN, Money, Population, fund, new_id, parties, population, publish
from services.order.service import SERVICE as ORDER
from services.voucher.service import SERVICE as VOUCHER
from shared.contracts.permissions import Role
from shared.runtime.bus.base import FACT_PARTITION
from shared.runtime.host import host
from shared.runtime.messaging import consumer, relay
from shared.runtime.schedule import scheduler
from tests.factories.harness import UNDER_WAY, Platform, open_platform

PURCHASES = 64
ROUNDS = 3
CANCELLED_EACH = 5
FOREVER_S = 600.0
TRANSACTION_WORDS = ("BEGIN", "COMMIT", "ROLLBACK", "START TRANSACTION")
NOT_OF_PURCHASES = frozenset({consumer._DUE.strip(), UNDER_WAY})
"""What is asked by the second: the retries' poll, and this test's own question whether everything is done."""
WRITING_WORDS = ("INSERT INTO", "UPDATE ", "DELETE FROM")


@dataclass
class Count:
    """What all connections of the platform were asked."""

    statements: int = 0
    transactions: int = 0
    flushes: int = 0
    by_text: dict[str, int] = field(default_factory=dict)

    def listener(self) -> Callable[[LoggedQuery], None]:
        """A query logger for one connection, which knows whether that connection is in a transaction."""
        state = {"open": False, "writes": False}

        def heard(said: LoggedQuery) -> None:
            text = said.query.strip()
            if text in NOT_OF_PURCHASES:
                return
            if text.startswith("BEGIN"):
                state.update(open=True, writes=False)
            elif text.startswith("COMMIT"):
                self.transactions += 1
                self.flushes += state["writes"]
                state.update(open=False)
            elif text.startswith("ROLLBACK"):
                state.update(open=False)
            else:
                self._statement(text, state)

        return heard

    def _statement(self, text: str, state: dict[str, bool]) -> None:
        self.statements += 1
        self.by_text[text[:80]] = self.by_text.get(text[:80], 0) + 1
        writes = any(word in text for word in WRITING_WORDS)
        state["writes"] |= writes
        if not state["open"]:
            self.transactions += 1
            self.flushes += writes


@pytest.fixture
def nothing_runs_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """Polls and schedules count by the second, not by the purchase: they wait until they are woken."""
    monkeypatch.setattr(relay, "POLL_S", FOREVER_S)
    monkeypatch.setattr(scheduler, "TIMER_POLL_S", FOREVER_S)
    monkeypatch.setattr(host, "SYNCHRONISE_S", FOREVER_S)


async def listen(platform: Platform, count: Count) -> None:
    """Hear every connection that the pools may ever open."""
    for runtime in platform.host.runtimes:
        pool = runtime.pool
        connections = [await pool.acquire() for _ in range(pool.get_max_size())]
        for connection in connections:
            connection.add_query_logger(count.listener())
        for connection in connections:
            await pool.release(connection)


async def open_market(platform: Platform) -> Population:
    """Enterprises with money, and providers with products."""
    people = population(enterprises=PURCHASES, providers=4)
    money = Money(plan_id=new_id(), total_fen=PURCHASES * CAP_FEN, grant_fen=CAP_FEN)
    await fund(platform.databases["voucher"], people, money)
    await publish(platform._outside, parties(people))
    handed = platform.runtime("voucher").handed[FACT_PARTITION]
    handed.forget()
    handed.wake.set()
    await platform.settle()
    return people


async def buy(platform: Platform, *, enterprise: UUID, provider: UUID, product: UUID, cancels: bool) -> None:
    """One purchase to the end of its saga."""
    line = {"product_id": str(product), "edition": 1, "component": "vm", "quantity": 1}
    body = {"lines": [line], "agreement_version": agreement_version(), "voucher": "max"}
    buyer = platform.headers(Role.ENTERPRISE, service="order", organisation_id=enterprise)
    placed = await platform.client.post("/api/order/v1/orders", json=body, headers={**buyer, "Prefer": "wait=20"})
    assert (placed.status_code, placed.json()["state"]) == (201, "awaiting_confirmation"), placed.text
    act, role, party = ("cancel", Role.ENTERPRISE, enterprise) if cancels else ("confirm", Role.PROVIDER, provider)
    headers = {**platform.headers(role, service="order", organisation_id=party), "Prefer": "wait=20"}
    ended = await platform.client.post(f"/api/order/v1/orders/{placed.json()['id']}/{act}", json={}, headers=headers)
    assert ended.status_code == 200, ended.text


async def buy_all(platform: Platform, people: Population) -> None:
    """64 purchases at once, one in five cancelled."""
    deals: Sequence[tuple[UUID, UUID]] = tuple(people.products.items())
    await asyncio.gather(
        *(
            buy(
                platform,
                enterprise=enterprise,
                provider=deals[index % len(deals)][0],
                product=deals[index % len(deals)][1],
                cancels=index % CANCELLED_EACH == 0,
            )
            for index, enterprise in enumerate(people.enterprises)
        )
    )
    await platform.settle()


def envelopes(platform: Platform) -> tuple[int, int]:
    """How many events and envelopes the relays have sent."""
    counts = [runtime.counts for runtime in platform.host.runtimes]
    return sum(count["events"] for count in counts), sum(count["envelopes"] for count in counts)


async def test_a_purchase_costs_few_statements_commits_and_envelopes(
    fresh_database: Callable[[], str], nothing_runs_by_itself: None
) -> None:
    """With full batches: at most 0.9 transactions, 2.8 statements and 0.6 flushes a purchase, 20 events an envelope."""
    services: list[Any] = [replace(ORDER, jobs=()), replace(VOUCHER, jobs=())]
    async with open_platform(services, fresh_database) as platform:
        people = await open_market(platform)
        await buy_all(platform, people)
        count = Count()
        await listen(platform, count)
        events_before, envelopes_before = envelopes(platform)
        for _ in range(ROUNDS):
            await buy_all(platform, people)
        events_after, envelopes_after = envelopes(platform)
        assert await platform.dead_letters() == []
    done = ROUNDS * PURCHASES
    said = f"{count.transactions / done:.2f} transactions, {count.statements / done:.2f} statements, {count.by_text}"
    assert count.transactions <= 0.9 * done, said
    assert count.statements <= 2.8 * done, said
    assert count.flushes <= 0.6 * done, said
    assert (events_after - events_before) >= 20 * (envelopes_after - envelopes_before), (
        f"{events_after - events_before} events in {envelopes_after - envelopes_before} envelopes"
    )
