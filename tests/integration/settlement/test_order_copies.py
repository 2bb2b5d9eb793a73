"""Settlement's copies of orders: whatever a batch holds, a row is what its facts one by one would have made."""

from collections.abc import AsyncIterator, Callable, Sequence
from random import Random
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import msgspec
import pytest

from services.settlement.subscriptions import SUBSCRIPTIONS
from services.settlement.tables import METADATA
from services.settlement.views.appropriations import AppropriationItem
from services.settlement.views.claims import ClaimDetail, ItemCard
from services.settlement.views.exports import PaymentRow
from shared.contracts.messages.order import (
    OrderAwaitingConfirmation,
    OrderCancelled,
    OrderClaimed,
    OrderConfirmed,
    OrderFact,
    OrderLine,
    OrderPlaced,
    OrderRecorded,
    OrderRedeemed,
    OrderRefunded,
    OrderUnclaimed,
    RefundEscalated,
    RefundRefused,
    RefundRequested,
)
from tests.factories.settlement import ENTERPRISE, PROVIDER, START, Flow, a_flow

ORDER, CLAIM = uuid4(), uuid4()
FACTS: dict[type[OrderFact], dict[str, Any]] = {
    OrderAwaitingConfirmation: {},
    OrderConfirmed: {"confirmed_at": START},
    OrderCancelled: {"reason": "enterprise"},
    OrderRecorded: {"record": "contract"},
    RefundRequested: {"lines": (1,)},
    RefundRefused: {},
    RefundEscalated: {},
    OrderClaimed: {"claim_id": CLAIM, "voucher_fen": 300},
    OrderUnclaimed: {"claim_id": CLAIM},
    OrderRedeemed: {"claim_id": CLAIM, "paid_fen": 300},
}
REFUNDS = [{"lines": (number,), "voucher_fen": 100, "whole": False} for number in (1, 2, 3)]


@pytest.fixture
async def flow(fresh_database: Callable[[], str]) -> AsyncIterator[Flow]:
    async with a_flow(fresh_database) as running:
        yield running


def placed() -> OrderPlaced:
    """An order with three lines."""
    lines = tuple(
        OrderLine(
            line=number,
            product_id=ORDER,
            edition=1,
            class_code="compute",
            component="base",
            quantity=1,
            fee_fen=200,
            voucher_fen=100,
        )
        for number in (1, 2, 3)
    )
    return OrderPlaced(
        version=0,
        order_id=ORDER,
        number="DD",
        enterprise_id=ENTERPRISE,
        provider_id=PROVIDER,
        year=2030,
        lines=lines,
        fee_fen=600,
        voucher_fen=300,
        agreement_version="1.0.0",
        placed_at=START,
    )


def history(random: Random) -> list[OrderFact]:
    """What happens to an order, in any order: the copy follows facts and judges none."""
    kinds = random.choices(list(FACTS), k=random.randint(0, 8))
    facts: list[OrderFact] = [kind(version=0, order_id=ORDER, **FACTS[kind]) for kind in kinds]
    for refund in random.sample(REFUNDS, k=random.randint(0, 3)):
        facts.insert(random.randint(0, len(facts)), OrderRefunded(version=0, order_id=ORDER, **refund))
    return [placed(), *facts]


def pieces(facts: Sequence[OrderFact], random: Random) -> list[Sequence[OrderFact]]:
    """A history in batches of any size."""
    cuts = sorted(random.sample(range(1, len(facts)), k=min(len(facts) - 1, random.randint(0, 3))))
    return [facts[start:end] for start, end in zip([0, *cuts], [*cuts, len(facts)], strict=True)]


async def feed(flow: Flow, batches: Sequence[Sequence[OrderFact]]) -> UUID:
    """Tell settlement of one more order with this history."""
    order_id = uuid4()
    for batch in batches:
        await flow.platform.feed(*[msgspec.structs.replace(fact, order_id=order_id) for fact in batch])
    return order_id


async def copy_of(flow: Flow, order_id: UUID) -> dict[str, object]:
    """The row of an order, but for its id."""
    async with flow.platform.runtime("settlement").reading() as connection:
        row: asyncpg.Record = await connection.fetchrow("SELECT * FROM order_copy WHERE order_id = $1", order_id)
    return {name: value for name, value in row.items() if name != "order_id"}


@pytest.mark.requirement("R76")
async def test_a_copy_does_not_depend_on_how_its_facts_came_in_batches(flow: Flow) -> None:
    random = Random(20180701)  # noqa: S311 - a game of dice, always the same
    for _ in range(40):
        facts = history(random)
        one_by_one = await feed(flow, [[fact] for fact in facts])
        in_batches = await feed(flow, pieces(facts, random))
        at_once = await feed(flow, [facts])
        expected = await copy_of(flow, one_by_one)
        told = [type(fact).__name__ for fact in facts]
        assert await copy_of(flow, in_batches) == expected, told
        assert await copy_of(flow, at_once) == expected, told


async def test_a_whole_history_in_one_batch_is_one_row_written_once(flow: Flow) -> None:
    kinds = (OrderAwaitingConfirmation, OrderConfirmed, OrderClaimed)
    facts = [placed(), *[kind(version=0, order_id=ORDER, **FACTS[kind]) for kind in kinds]]
    order_id = await feed(flow, [facts])
    copy = await copy_of(flow, order_id)
    assert (copy["state"], copy["claim_id"], copy["confirmed_at"], copy["version"]) == ("claimed", CLAIM, START, 4)
    async with flow.platform.runtime("settlement").reading() as connection:
        updates = await connection.fetchval("SELECT pg_stat_get_tuples_updated('order_copy'::regclass)")
    assert updates == 0


async def test_what_is_recorded_and_corrected_with_an_order_changes_nothing_here(flow: Flow) -> None:
    """ADR 0022: settlement keeps nothing of records, so no copy of an own payment can be old. Source: R69, R78."""
    before = [placed(), OrderConfirmed(version=0, order_id=ORDER, confirmed_at=START)]
    record_id = uuid4()
    recorded = [
        OrderRecorded(version=0, order_id=ORDER, record="payment", record_id=record_id),
        OrderRecorded(version=0, order_id=ORDER, record="payment", record_id=uuid4(), voids=record_id),
    ]
    assert await copy_of(flow, await feed(flow, [before, recorded])) == await copy_of(flow, await feed(flow, [before]))
    assert OrderRecorded not in SUBSCRIPTIONS
    columns = {column.name for table in METADATA.tables.values() for column in table.columns}
    shown = {name for card in (ClaimDetail, ItemCard, AppropriationItem, PaymentRow) for name in card.model_fields}
    # When facts were recorded that are said again is no record of an order.
    others = {"recorded_at", "recorded_from", "recorded_to"}
    assert not {name for name in columns | shown if name.startswith(("own_", "record"))} - others
