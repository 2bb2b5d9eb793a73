"""Claims that come a moment early or late: for a commit that is not known yet, after a refund that was just refused."""

from datetime import date
from uuid import UUID, uuid4

import pytest

from services.order.handlers.timeouts import sweep_sagas
from shared.contracts.messages.settlement import ClaimSubmitted
from shared.contracts.messages.voucher import ClaimVoucher, VoucherCommitted
from shared.contracts.permissions import Role
from tests.factories.trade import Market


async def submit(market: Market, order_id: UUID) -> UUID:
    """A claim for an order, as settlement tells of it; the saga of its item."""
    claim_id = uuid4()
    fact = ClaimSubmitted(
        version=0,
        claim_id=claim_id,
        provider_id=market.provider_id,
        order_ids=(order_id,),
        window_closes_on=date(2030, 3, 31),
    )
    await market.platform.feed(fact)
    rows = await market.rows("SELECT id FROM saga WHERE claim_id = $1 AND order_id = $2", claim_id, order_id)
    found: UUID = rows[0]["id"]
    return found


async def sweep(market: Market) -> None:
    """A round of the sweeper in which every saga is due."""
    await market.run_sql("UPDATE saga SET resend_at = clock_timestamp() WHERE resend_at IS NOT NULL")
    async with market.platform.runtime("order").work() as work:
        await sweep_sagas(work)


async def test_the_sweeper_wakes_a_claim_once_the_commit_it_waits_for_is_known_and_not_before(market: Market) -> None:
    order_id = await market.awaiting()
    await market.post(f"/orders/{order_id}/confirm", Role.PROVIDER)
    saga_id = await submit(market, order_id)
    await sweep(market)
    assert await market.saga_state(saga_id) == "waiting_for_commit"
    assert await market.rows("SELECT 1 FROM saga WHERE id = $1 AND resend_at IS NOT NULL", saga_id) != []
    await market.reply(order_id, 2, VoucherCommitted(order_id=order_id, amount_fen=4_000))
    await sweep(market)
    assert await market.saga_state(saga_id) == "claiming"
    (asked,) = await market.asked(ClaimVoucher)
    assert asked.order_id == order_id


@pytest.mark.requirement("R73")
async def test_a_claim_that_comes_right_after_a_refused_refund_is_taken_by_the_orders_own_row(market: Market) -> None:
    order_id = await market.confirmed()
    asked = await market.post(
        f"/orders/{order_id}/refund-requests", Role.ENTERPRISE, body={"lines": [1], "reason": "不再需要"}
    )
    assert asked.status_code == 201
    refused = await market.post(f"/orders/{order_id}/refund/refuse", Role.PROVIDER, body={"reason": "已交付"})
    assert refused.status_code == 200
    saga_id = await submit(market, order_id)
    assert (await market.order(order_id))["state"] == "claimed"
    assert await market.saga_state(saga_id) == "claiming"


@pytest.mark.requirement("R73")
async def test_an_item_refused_for_an_open_refund_may_be_claimed_again_once_that_is_refused(market: Market) -> None:
    order_id = await market.confirmed()
    await market.post(f"/orders/{order_id}/refund-requests", Role.ENTERPRISE, body={"lines": [1], "reason": "不再需要"})
    first = await submit(market, order_id)
    assert await market.saga_state(first) == "refusing"
    await market.post(f"/orders/{order_id}/refund/refuse", Role.PROVIDER, body={"reason": "已交付"})
    second = await submit(market, order_id)
    assert await market.saga_state(second) == "claiming"
