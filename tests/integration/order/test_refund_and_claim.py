"""Refunds and claims over HTTP and facts: one of the two wins on the order's row."""

import asyncio
from datetime import date, timedelta
from uuid import UUID, uuid4

import pytest

from shared.contracts.messages.base import Refused
from shared.contracts.messages.settlement import (
    ClaimItemEnded,
    ClaimPaid,
    ClaimSubmitted,
    ItemOpened,
    ItemPayment,
    ItemRefused,
    OpenItem,
    RefuseItem,
)
from shared.contracts.messages.voucher import (
    ClaimVoucher,
    RedeemVoucher,
    RefundVoucher,
    UnclaimVoucher,
    VoucherClaimed,
    VoucherCommitted,
    VoucherRedeemed,
    VoucherRefunded,
    VoucherUnclaimed,
)
from shared.contracts.permissions import Role
from tests.factories.trade import Market

REASON = {"reason": "不再需要"}


async def submit(market: Market, *order_ids: UUID, claim_id: UUID | None = None) -> UUID:
    """A claim for these orders, as settlement tells of it."""
    claim_id = claim_id or uuid4()
    await market.platform.feed(
        ClaimSubmitted(
            version=0,
            claim_id=claim_id,
            provider_id=market.provider_id,
            order_ids=order_ids,
            window_closes_on=date(2030, 3, 31),
        )
    )
    return claim_id


async def claim_saga(market: Market, order_id: UUID, claim_id: UUID) -> UUID:
    """The saga of one item."""
    rows = await market.rows("SELECT id FROM saga WHERE claim_id = $1 AND order_id = $2", claim_id, order_id)
    found: UUID = rows[0]["id"]
    return found


async def claimed(market: Market) -> tuple[UUID, UUID, UUID]:
    """An order in an open item: (order, claim, saga)."""
    order_id = await market.confirmed()
    claim_id = await submit(market, order_id)
    saga_id = await claim_saga(market, order_id, claim_id)
    await market.reply(saga_id, 1, VoucherClaimed(order_id=order_id, amount_fen=4_000))
    await market.reply(saga_id, 2, ItemOpened(claim_id=claim_id, order_id=order_id), producer="settlement")
    return order_id, claim_id, saga_id


async def ask_refund(market: Market, order_id: UUID, *lines: int) -> int:
    """The status of a refund request for these lines."""
    body = {"lines": list(lines) or [1], **REASON}
    return (await market.post(f"/orders/{order_id}/refund-requests", Role.ENTERPRISE, body=body)).status_code


@pytest.mark.requirement("R73")
async def test_a_consent_that_comes_twice_at_once_is_answered_twice_alike(market: Market) -> None:
    order_id = await market.confirmed()
    assert await ask_refund(market, order_id) == 201
    path, key = f"/orders/{order_id}/refund/consent", str(uuid4())
    async with market.platform.runtime("order").work() as work:
        # Both calls find no answer of their key, and wait for the order's row.
        await work.connection.execute("SELECT FROM cloud_order WHERE id = $1 FOR UPDATE", order_id)
        twice = [asyncio.create_task(market.post(path, Role.PROVIDER, key=key)) for _ in range(2)]
        await market.until("SELECT 1 WHERE (SELECT count(*) FROM pg_locks WHERE NOT granted) >= 2")
    first, second = [await one for one in twice]
    assert [(one.status_code, one.json()["state"]) for one in (first, second)] == [(200, "refunded")] * 2
    assert first.json() == second.json()


@pytest.mark.requirement("R73")
async def test_a_refund_with_consent_returns_the_voucher_by_itself(market: Market) -> None:
    order_id = await market.confirmed()
    assert await ask_refund(market, order_id) == 201
    consent = await market.post(f"/orders/{order_id}/refund/consent", Role.PROVIDER)
    assert (consent.status_code, consent.json()["state"]) == (200, "refunded")
    (command,) = await market.asked(RefundVoucher)
    assert command.lines == (1,)
    refund = (await market.rows("SELECT id, state FROM refund"))[0]
    assert refund["state"] == "returning"
    await market.reply(refund["id"], 1, VoucherRefunded(order_id=order_id, amount_fen=4_000))
    order = await market.order(order_id)
    assert (order["refund_state"], order["refunded_voucher_fen"]) == ("none", 4_000)
    assert (await market.rows("SELECT state FROM refund"))[0]["state"] == "returned"
    assert (await market.facts(order_id))[-2:] == ["order.refund_requested", "order.refunded"]


@pytest.mark.requirement("R73")
async def test_a_part_refund_takes_whole_lines_only_and_leaves_the_rest_claimable(market: Market) -> None:
    line = market.order_body()["lines"][0]
    order_id = await market.confirmed(lines=[line, {**line, "quantity": 2}])
    assert await ask_refund(market, order_id, 3) == 422
    assert await ask_refund(market, order_id, 2) == 201
    consent = await market.post(f"/orders/{order_id}/refund/consent", Role.PROVIDER)
    assert consent.json()["state"] == "confirmed"
    await market.asked(RefundVoucher)
    refund_id = (await market.rows("SELECT id FROM refund"))[0]["id"]
    # 40 % of 200.02 yuan is 80.008 yuan, floored to fen.
    await market.reply(refund_id, 1, VoucherRefunded(order_id=order_id, amount_fen=8_000))
    assert await ask_refund(market, order_id, 2) == 422
    claim_id = await submit(market, order_id)
    saga_id = await claim_saga(market, order_id, claim_id)
    await market.reply(saga_id, 1, VoucherClaimed(order_id=order_id, amount_fen=4_000))
    (item,) = await market.asked(OpenItem)
    assert item.voucher_fen == 4_000


@pytest.mark.requirement("R73")
async def test_a_silent_provider_escalates_the_refund_to_the_operator_and_never_consents(market: Market) -> None:
    order_id = await market.confirmed()
    await ask_refund(market, order_id)
    early = await market.post(
        f"/orders/{order_id}/refund/decide", Role.OPERATOR_LEAD, body={"consent": True, "reason": "未到期"}
    )
    assert (early.status_code, early.json()["code"]) == (409, "order.refund_not_overdue")
    assert early.json()["detail"].startswith("该退款申请由云服务商答复")
    due_at = (await market.rows("SELECT due_at FROM refund"))[0]["due_at"]
    await market.platform.move_clock(due_at)
    order = await market.order(order_id)
    assert (order["state"], order["refund_state"]) == ("confirmed", "escalated")
    tasks = await market.get("/tasks", Role.OPERATOR_LEAD)
    assert tasks.json()["data"][0]["kind"] == "refund.decide"
    decided = await market.post(
        f"/orders/{order_id}/refund/decide", Role.OPERATOR_LEAD, body={"consent": True, "reason": "服务未提供"}
    )
    assert decided.json()["state"] == "refunded"


async def test_a_refused_refund_leaves_the_order_confirmed_and_may_be_asked_again(market: Market) -> None:
    order_id = await market.confirmed()
    await ask_refund(market, order_id)
    assert await ask_refund(market, order_id) == 409
    refused = await market.post(f"/orders/{order_id}/refund/refuse", Role.PROVIDER, body={"reason": "服务已交付"})
    assert refused.json()["state"] == "confirmed"
    assert (await market.get("/notices", Role.ENTERPRISE)).json()["data"][0]["reason"] == "服务已交付"
    assert await ask_refund(market, order_id) == 201


@pytest.mark.requirement("R74")
@pytest.mark.requirement("R76")
async def test_a_claim_locks_the_order_and_payment_redeems_it(market: Market) -> None:
    order_id, claim_id, saga_id = await claimed(market)
    assert (await market.order(order_id))["state"] == "claimed"
    cancel = await market.post(f"/orders/{order_id}/cancel", Role.ENTERPRISE)
    assert (cancel.status_code, cancel.json()["code"]) == (409, "order.already_claimed")
    refund = await market.post(f"/orders/{order_id}/refund-requests", Role.ENTERPRISE, body={"lines": [1], **REASON})
    assert (refund.status_code, refund.json()["code"]) == (409, "order.already_claimed")
    await market.platform.feed(
        ClaimPaid(
            version=0,
            claim_id=claim_id,
            provider_id=market.provider_id,
            items=(ItemPayment(order_id=order_id, paid_fen=3_500),),
            payment_reference="P1",
        )
    )
    (command,) = await market.asked(RedeemVoucher)
    assert command.paid_fen == 3_500
    await market.reply(saga_id, 3, VoucherRedeemed(order_id=order_id, amount_fen=4_000))
    order = await market.order(order_id)
    assert (order["state"], order["paid_fen"]) == ("redeemed", 3_500)
    assert (await market.facts(order_id))[-2:] == ["order.claimed", "order.redeemed"]


@pytest.mark.requirement("R73")
async def test_an_ended_item_gives_the_order_back_and_refund_is_open_again(market: Market) -> None:
    order_id, claim_id, saga_id = await claimed(market)
    await market.platform.feed(
        ClaimItemEnded(
            version=0, claim_id=claim_id, provider_id=market.provider_id, order_id=order_id, reason="withdrawn"
        )
    )
    await market.asked(UnclaimVoucher)
    assert (await market.order(order_id))["state"] == "claimed"
    await market.reply(saga_id, 3, VoucherUnclaimed(order_id=order_id, amount_fen=4_000))
    assert (await market.order(order_id))["state"] == "confirmed"
    assert (await market.facts(order_id))[-1] == "order.unclaimed"
    assert await ask_refund(market, order_id) == 201


async def test_each_item_of_a_claim_is_decided_for_itself(market: Market) -> None:
    good, unconfirmed = await market.confirmed(), await market.awaiting()
    own_cost = UUID((await market.place(voucher="none"))["id"])
    await market.post(f"/orders/{own_cost}/confirm", Role.PROVIDER)
    refunding = await market.confirmed()
    await ask_refund(market, refunding)
    nowhere = uuid4()
    await submit(market, good, unconfirmed, own_cost, refunding, nowhere)
    refused = await market.asked(RefuseItem, count=4)
    assert {item.order_id: item.code for item in refused} == {
        unconfirmed: "order.not_confirmed",
        own_cost: "order.nothing_to_claim",
        refunding: "order.refund_open",
        nowhere: "order.not_found",
    }
    (asked,) = await market.asked(ClaimVoucher)
    assert asked.order_id == good


async def test_a_claim_refused_by_voucher_gives_the_order_back_and_refuses_the_item_with_its_reason(
    market: Market,
) -> None:
    order_id = await market.confirmed()
    claim_id = await submit(market, order_id)
    saga_id = await claim_saga(market, order_id, claim_id)
    await market.reply(saga_id, 1, Refused(code="voucher.frozen", kind="state", article="A22", detail="额度冻结"))
    (item,) = await market.asked(RefuseItem)
    assert (item.code, item.article, item.detail) == ("voucher.frozen", "A22", "额度冻结")
    assert (await market.order(order_id))["state"] == "confirmed"
    await market.reply(saga_id, 2, ItemRefused(claim_id=claim_id, order_id=order_id), producer="settlement")
    assert await market.saga_state(saga_id) == "refused"


async def test_a_claim_waits_for_the_commit_of_its_order(market: Market) -> None:
    order_id = await market.awaiting()
    await market.post(f"/orders/{order_id}/confirm", Role.PROVIDER)
    claim_id = await submit(market, order_id)
    saga_id = await claim_saga(market, order_id, claim_id)
    assert (await market.order(order_id))["state"] == "claimed"
    assert await market.saga_state(saga_id) == "waiting_for_commit"
    await market.reply(order_id, 2, VoucherCommitted(order_id=order_id, amount_fen=4_000))
    (asked,) = await market.asked(ClaimVoucher)
    assert asked.claim_id == claim_id


@pytest.mark.requirement("R74")
async def test_of_refund_consent_and_claim_at_once_exactly_one_wins(market: Market) -> None:
    for _ in range(4):
        order_id = await market.confirmed()
        await ask_refund(market, order_id)
        claim_id, consent = await asyncio.gather(
            submit(market, order_id),
            market.post(f"/orders/{order_id}/refund/consent", Role.PROVIDER),
        )
        # An open request shuts the claim out, whoever comes first.
        assert consent.status_code == 200
        assert (await market.order(order_id))["state"] == "refunded"
        saga_id = await claim_saga(market, order_id, claim_id)
        assert await market.saga_state(saga_id) == "refusing"


@pytest.mark.requirement("R74")
async def test_of_refund_request_and_claim_at_once_exactly_one_wins(market: Market) -> None:
    for _ in range(4):
        order_id = await market.confirmed()
        claim_id, status = await asyncio.gather(submit(market, order_id), ask_refund(market, order_id))
        saga_id = await claim_saga(market, order_id, claim_id)
        outcome = (status, await market.saga_state(saga_id), (await market.order(order_id))["state"])
        assert outcome in {(201, "refusing", "confirmed"), (409, "claiming", "claimed")}


async def test_a_refund_after_the_year_ended_still_goes_to_voucher_for_the_old_year(market: Market) -> None:
    order_id = await market.confirmed()
    year = (await market.order(order_id))["year"]
    await market.platform.move_clock(market.platform.runtime("order").clock.now() + timedelta(days=60))
    await ask_refund(market, order_id)
    assert (await market.post(f"/orders/{order_id}/refund/consent", Role.PROVIDER)).status_code == 200
    await market.asked(RefundVoucher)
    assert (await market.order(order_id))["year"] == year
