"""Refund, claim and payment of a confirmed order, one act at a time."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from services.order.domain import order as rules
from services.order.domain import refusals
from services.order.domain.order import Order, RefundableLine
from services.order.domain.states import CancelReason, OrderState, RefundState
from shared.kernel.refusals import Bug

NOW = datetime(2026, 3, 1, tzinfo=UTC)
ORDER_ID, PROVIDER, CLAIM_ID = UUID(int=1), UUID(int=2), UUID(int=7)
LINES = (
    RefundableLine(line=1, fee_fen=1_000, voucher_fen=400, refunded=False),
    RefundableLine(line=2, fee_fen=2_000, voucher_fen=100, refunded=False),
    RefundableLine(line=3, fee_fen=500, voucher_fen=0, refunded=False),
)
CONFIRMED = Order(
    id=ORDER_ID,
    number="2026-0000-0000-0001",
    enterprise_id=UUID(int=3),
    provider_id=PROVIDER,
    region="520100",
    year=2026,
    state=OrderState.CONFIRMED,
    version=3,
    fee_fen=3_500,
    voucher_fen=500,
    placed_at=NOW,
    confirmed_at=NOW,
)
REQUESTED = replace(CONFIRMED, refund_state=RefundState.REQUESTED)
OPEN_STATES = [RefundState.REQUESTED, RefundState.ESCALATED]
CLOSED_STATES = [RefundState.NONE, RefundState.RETURNING]


def test_a_placed_order_whose_voucher_is_held_waits_for_its_provider() -> None:
    placed = replace(CONFIRMED, state=OrderState.PLACED, confirmed_at=None)
    after, fact = rules.await_confirmation(placed, due_at=NOW)
    assert after == replace(placed, state=OrderState.AWAITING_CONFIRMATION, version=4, confirm_due_at=NOW)
    assert (fact.version, fact.order_id) == (4, ORDER_ID)


def test_the_refusal_of_the_voucher_is_kept_with_the_order_it_ends() -> None:
    placed = replace(CONFIRMED, state=OrderState.PLACED, confirmed_at=None)
    after, fact = rules.refuse(placed, code="voucher.insufficient", article="A21", detail="额度不足", now=NOW)
    assert (after.state, after.ended_at) == (OrderState.REFUSED, NOW)
    assert (after.refusal_code, after.refusal_article, after.refusal_detail) == (
        "voucher.insufficient",
        "A21",
        "额度不足",
    )
    assert (fact.version, fact.code, fact.article) == (4, "voucher.insufficient", "A21")


@pytest.mark.requirement("R72")
@pytest.mark.parametrize("state", [OrderState.PLACED, OrderState.AWAITING_CONFIRMATION])
def test_an_unconfirmed_order_ends_with_the_reason_of_its_cancellation(state: OrderState) -> None:
    after, fact = rules.cancel(replace(CONFIRMED, state=state), reason=CancelReason.PROVIDER, now=NOW)
    assert (after.state, after.reason, after.ended_at) == (OrderState.CANCELLED, "provider", NOW)
    assert (fact.version, fact.reason) == (4, "provider")


@pytest.mark.requirement("R72")
def test_a_confirmed_order_is_neither_cancelled_nor_confirmed_again() -> None:
    with pytest.raises(refusals.AlreadyConfirmed):
        rules.cancel(CONFIRMED, reason=CancelReason.ENTERPRISE, now=NOW)
    with pytest.raises(refusals.AlreadyConfirmed):
        rules.confirm(CONFIRMED, now=NOW)


@pytest.mark.requirement("R73")
def test_a_refund_is_asked_for_and_moves_no_money_yet() -> None:
    after, fact = rules.request_refund(CONFIRMED, lines=LINES, wanted=[2, 1])
    assert after == replace(CONFIRMED, refund_state=RefundState.REQUESTED, version=4)
    assert (fact.version, fact.lines) == (4, (1, 2))


@pytest.mark.parametrize("open_state", [*OPEN_STATES, RefundState.RETURNING])
def test_one_refund_at_a_time_and_no_claim_meanwhile(open_state: RefundState) -> None:
    order = replace(CONFIRMED, refund_state=open_state)
    with pytest.raises(refusals.RefundOpen):
        rules.request_refund(order, lines=LINES, wanted=[1])
    with pytest.raises(refusals.RefundOpen):
        rules.claim(order, claim_id=CLAIM_ID, provider_id=PROVIDER)


@pytest.mark.parametrize("open_state", OPEN_STATES)
def test_a_refused_refund_may_be_asked_for_again(open_state: RefundState) -> None:
    after, fact = rules.refuse_refund(replace(CONFIRMED, refund_state=open_state))
    assert (after.refund_state, fact.version) == (RefundState.NONE, 4)
    assert rules.request_refund(after, lines=LINES, wanted=[1])[0].version == 5


def test_silence_hands_a_refund_to_the_operator_once_and_never_consents() -> None:
    after, fact = rules.escalate_refund(REQUESTED)
    assert (after.refund_state, after.refunded_voucher_fen, fact.version) == (RefundState.ESCALATED, 0, 4)
    with pytest.raises(refusals.NoRefundOpen):
        rules.escalate_refund(after)


@pytest.mark.parametrize("closed_state", CLOSED_STATES)
def test_where_no_refund_is_open_there_is_none_to_decide(closed_state: RefundState) -> None:
    order = replace(CONFIRMED, refund_state=closed_state)
    with pytest.raises(refusals.NoRefundOpen):
        rules.refuse_refund(order)
    with pytest.raises(refusals.NoRefundOpen):
        rules.consent_refund(order, lines=LINES, wanted=[1])
    with pytest.raises(refusals.NoRefundOpen):
        rules.escalate_refund(order)


@pytest.mark.requirement("R73")
@pytest.mark.parametrize("open_state", OPEN_STATES)
def test_a_consented_line_gives_back_its_own_share_and_the_order_lives_on(open_state: RefundState) -> None:
    after, fact = rules.consent_refund(replace(CONFIRMED, refund_state=open_state), lines=LINES, wanted=[1])
    assert (after.state, after.refund_state) == (OrderState.CONFIRMED, RefundState.RETURNING)
    assert (after.refunded_fee_fen, after.refunded_voucher_fen, after.voucher_left_fen) == (1_000, 400, 100)
    assert (fact.version, fact.lines, fact.voucher_fen, fact.whole) == (4, (1,), 400, False)
    assert rules.returned(after) == replace(after, refund_state=RefundState.NONE)


@pytest.mark.requirement("R73")
def test_the_last_line_refunded_ends_the_order() -> None:
    lines = (replace(LINES[0], refunded=True), LINES[1], replace(LINES[2], refunded=True))
    order = replace(REQUESTED, refunded_fee_fen=1_500, refunded_voucher_fen=400)
    after, fact = rules.consent_refund(order, lines=lines, wanted=[2])
    assert (after.state, after.version) == (OrderState.REFUNDED, 4)
    assert (after.refunded_fee_fen, after.refunded_voucher_fen) == (3_500, 500)
    assert (fact.voucher_fen, fact.whole) == (100, True)


def test_a_line_without_voucher_has_nothing_to_return() -> None:
    after, fact = rules.consent_refund(REQUESTED, lines=LINES, wanted=[3])
    assert (after.refund_state, fact.voucher_fen) == (RefundState.NONE, 0)


@pytest.mark.requirement("R74")
def test_a_claim_locks_what_is_not_refunded() -> None:
    after, fact = rules.claim(replace(CONFIRMED, refunded_voucher_fen=400), claim_id=CLAIM_ID, provider_id=PROVIDER)
    assert (after.state, after.claim_id) == (OrderState.CLAIMED, CLAIM_ID)
    assert (fact.version, fact.claim_id, fact.voucher_fen) == (4, CLAIM_ID, 100)


def test_an_order_is_claimed_by_its_own_provider_only() -> None:
    with pytest.raises(refusals.OrderNotFound):
        rules.claim(CONFIRMED, claim_id=CLAIM_ID, provider_id=UUID(int=99))
    with pytest.raises(refusals.OrderNotFound):
        rules.claim(None, claim_id=CLAIM_ID, provider_id=PROVIDER)


@pytest.mark.parametrize(("voucher_fen", "refunded_fen"), [(0, 0), (500, 500)])
def test_an_order_with_no_voucher_left_has_nothing_to_claim(voucher_fen: int, refunded_fen: int) -> None:
    order = replace(CONFIRMED, voucher_fen=voucher_fen, refunded_voucher_fen=refunded_fen)
    with pytest.raises(refusals.NothingToClaim):
        rules.claim(order, claim_id=CLAIM_ID, provider_id=PROVIDER)


@pytest.mark.requirement("R74")
def test_a_claim_that_ended_unpaid_opens_refund_again() -> None:
    claimed, _ = rules.claim(CONFIRMED, claim_id=CLAIM_ID, provider_id=PROVIDER)
    with pytest.raises(refusals.AlreadyClaimed):
        rules.request_refund(claimed, lines=LINES, wanted=[1])
    after, fact = rules.unclaim(claimed)
    assert (after.state, after.claim_id, fact.claim_id, fact.version) == (OrderState.CONFIRMED, None, CLAIM_ID, 5)
    assert rules.request_refund(after, lines=LINES, wanted=[1])[0].refund_state is RefundState.REQUESTED


def test_a_paid_claim_redeems_the_order_and_keeps_the_amount() -> None:
    claimed, _ = rules.claim(CONFIRMED, claim_id=CLAIM_ID, provider_id=PROVIDER)
    after, fact = rules.redeem(claimed, paid_fen=480, now=NOW)
    assert (after.state, after.paid_fen, after.ended_at) == (OrderState.REDEEMED, 480, NOW)
    assert (fact.version, fact.claim_id, fact.paid_fen) == (5, CLAIM_ID, 480)


def test_only_a_claimed_order_is_unclaimed_or_redeemed() -> None:
    with pytest.raises(Bug):
        rules.unclaim(CONFIRMED)
    with pytest.raises(Bug):
        rules.redeem(CONFIRMED, paid_fen=1, now=NOW)


@pytest.mark.requirement("R73")
@given(rounds=st.permutations([1, 2, 3]), first=st.integers(1, 3))
def test_in_whatever_order_lines_are_refunded_the_whole_order_comes_back(rounds: list[int], first: int) -> None:
    order, lines = CONFIRMED, list(LINES)
    for wanted in (rounds[:first], rounds[first:]):
        if not wanted:
            continue
        order, _ = rules.request_refund(order, lines=lines, wanted=wanted)
        order, _ = rules.consent_refund(order, lines=lines, wanted=wanted)
        order = rules.returned(order)
        lines = [replace(line, refunded=line.refunded or line.line in wanted) for line in lines]
    assert (order.state, order.refunded_fee_fen, order.refunded_voucher_fen) == (OrderState.REFUNDED, 3_500, 500)
