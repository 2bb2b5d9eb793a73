"""Sagas, given a reply, expect a command: every step, every step failing, answers late, twice and swapped."""

from uuid import UUID

import pytest
from msgspec.structs import replace

from services.order.domain.saga import (
    CLAIM,
    PURCHASE,
    REFUND,
    RESTING,
    Answered,
    Cancelled,
    CommitKnown,
    Confirmed,
    ItemEnded,
    ItemPaid,
    OrderEffect,
    Saga,
    SagaKind,
    SagaState,
    SagaStep,
    Signal,
    begin,
    begin_refund,
    step,
)
from shared.contracts.messages.base import Command, Refused, Reply
from shared.contracts.messages.settlement import ItemOpened, ItemRefused, OpenItem, RefuseItem
from shared.contracts.messages.voucher import (
    ClaimVoucher,
    CommitVoucher,
    HoldVoucher,
    LineAmount,
    RedeemVoucher,
    RefundVoucher,
    ReleaseVoucher,
    UnclaimVoucher,
    VoucherClaimed,
    VoucherCommitted,
    VoucherHeld,
    VoucherRedeemed,
    VoucherRefunded,
    VoucherReleased,
    VoucherUnclaimed,
)
from shared.kernel.refusals import Bug

ORDER, CLAIM_ID = UUID(int=1), UUID(int=2)
NO = Refused(code="x.no", kind="state", article="A1", detail="不行")
HELD = VoucherHeld(order_id=ORDER, amount_fen=400)
RELEASED = VoucherReleased(order_id=ORDER, amount_fen=400)
COMMITTED = VoucherCommitted(order_id=ORDER, amount_fen=400)
CLAIMED = VoucherClaimed(order_id=ORDER, amount_fen=400)
UNCLAIMED = VoucherUnclaimed(order_id=ORDER, amount_fen=400)
REDEEMED = VoucherRedeemed(order_id=ORDER, amount_fen=400)
OPENED = ItemOpened(claim_id=CLAIM_ID, order_id=ORDER)
REFUSED = ItemRefused(claim_id=CLAIM_ID, order_id=ORDER)
HOLD = HoldVoucher(order_id=ORDER, enterprise_id=UUID(int=3), year=2026, lines=(LineAmount(line=1, amount_fen=400),))


def a_purchase() -> Saga:
    """A purchase whose hold is asked for."""
    saga = Saga(id=ORDER, kind=SagaKind.PURCHASE, order_id=ORDER, state=SagaState.HOLDING)
    return begin(saga, HOLD).saga


def a_claim() -> Saga:
    """A claim whose lock is asked for."""
    saga = Saga(id=UUID(int=9), kind=SagaKind.CLAIM, order_id=ORDER, state=SagaState.CLAIMING, claim_id=CLAIM_ID)
    return begin(saga, ClaimVoucher(order_id=ORDER, claim_id=CLAIM_ID)).saga


def after(saga: Saga, *signals: Signal | Reply) -> SagaStep:
    """The last step; a bare reply answers the pending command."""
    stepped = SagaStep(saga=saga)
    for signal in signals:
        saga = stepped.saga
        stepped = step(saga, Answered(number=saga.number, reply=signal) if isinstance(signal, Reply) else signal)
    return stepped


CANCEL = Cancelled(reason="enterprise")


@pytest.mark.parametrize(
    ("signals", "state", "command", "effect"),
    [
        ([HELD], SagaState.HELD, None, OrderEffect.AWAIT),
        ([NO], SagaState.REFUSED, None, OrderEffect.REFUSE),
        ([CANCEL], SagaState.RELEASING, ReleaseVoucher(order_id=ORDER, reason="enterprise"), None),
        ([HELD, CANCEL], SagaState.RELEASING, ReleaseVoucher(order_id=ORDER, reason="enterprise"), None),
        ([HELD, CANCEL, RELEASED], SagaState.RELEASED, None, None),
        ([HELD, Confirmed()], SagaState.COMMITTING, CommitVoucher(order_id=ORDER), None),
        ([HELD, Confirmed(), COMMITTED], SagaState.COMMITTED, None, None),
        ([HELD, Confirmed(), NO], SagaState.COMMITTING, None, None),
        ([HELD, CANCEL, NO], SagaState.RELEASING, None, None),
    ],
)
def test_a_purchase_goes_from_hold_to_commit_or_release(
    signals: list[Signal | Reply], state: SagaState, command: Command | None, effect: OrderEffect | None
) -> None:
    found = after(a_purchase(), *signals)
    assert (found.saga.state, found.command, found.effect) == (state, command, effect)


@pytest.mark.parametrize(
    ("signals", "state", "command", "effect"),
    [
        ([CLAIMED], SagaState.OPENING, OpenItem(claim_id=CLAIM_ID, order_id=ORDER, voucher_fen=400), None),
        (
            [NO],
            SagaState.REFUSING,
            RefuseItem(claim_id=CLAIM_ID, order_id=ORDER, code="x.no", article="A1", detail="不行"),
            OrderEffect.UNCLAIM,
        ),
        ([NO, REFUSED], SagaState.REFUSED, None, None),
        ([CLAIMED, OPENED], SagaState.OPEN, None, None),
        ([CLAIMED, NO], SagaState.UNCLAIMING, UnclaimVoucher(order_id=ORDER, claim_id=CLAIM_ID), None),
        ([CLAIMED, OPENED, ItemEnded()], SagaState.UNCLAIMING, UnclaimVoucher(order_id=ORDER, claim_id=CLAIM_ID), None),
        ([CLAIMED, OPENED, ItemEnded(), UNCLAIMED], SagaState.ENDED, None, OrderEffect.UNCLAIM),
        ([CLAIMED, ItemEnded()], SagaState.UNCLAIMING, UnclaimVoucher(order_id=ORDER, claim_id=CLAIM_ID), None),
        ([ItemEnded()], SagaState.CLAIMING_ENDED, None, None),
        ([ItemEnded(), CLAIMED], SagaState.UNCLAIMING, UnclaimVoucher(order_id=ORDER, claim_id=CLAIM_ID), None),
        ([ItemEnded(), NO], SagaState.ENDED, None, OrderEffect.UNCLAIM),
        (
            [CLAIMED, OPENED, ItemPaid(paid_fen=300)],
            SagaState.REDEEMING,
            RedeemVoucher(order_id=ORDER, claim_id=CLAIM_ID, paid_fen=300),
            None,
        ),
        ([CLAIMED, OPENED, ItemPaid(paid_fen=300), NO], SagaState.REDEEMING, None, None),
        ([CLAIMED, OPENED, ItemPaid(paid_fen=300), REDEEMED], SagaState.REDEEMED, None, OrderEffect.REDEEM),
    ],
)
def test_a_claim_goes_from_lock_to_payment_or_back(
    signals: list[Signal | Reply], state: SagaState, command: Command | None, effect: OrderEffect | None
) -> None:
    found = after(a_claim(), *signals)
    assert (found.saga.state, found.command, found.effect) == (state, command, effect)


def test_a_claim_waits_for_the_commit_and_ends_without_it() -> None:
    waiting = replace(a_claim(), state=SagaState.WAITING_FOR_COMMIT, number=0, pending=None)
    assert after(waiting, CommitKnown()).command == ClaimVoucher(order_id=ORDER, claim_id=CLAIM_ID)
    ended = after(waiting, ItemEnded())
    assert (ended.saga.state, ended.effect) == (SagaState.ENDED, OrderEffect.UNCLAIM)


def test_a_refund_is_asked_until_it_is_answered() -> None:
    begun = begin_refund(refund_id=UUID(int=5), order_id=ORDER, lines=(1, 3))
    assert begun.command == RefundVoucher(order_id=ORDER, lines=(1, 3))
    assert after(begun.saga, NO).saga.pending == begun.command
    done = after(begun.saga, NO, VoucherRefunded(order_id=ORDER, amount_fen=4))
    assert (done.saga.state, done.effect) == (SagaState.RETURNED, OrderEffect.RETURN)


@pytest.mark.parametrize(
    "signals",
    [
        [HELD],
        [HELD, Confirmed()],
        [HELD, Confirmed(), COMMITTED],
        [CANCEL],
        [HELD, CANCEL],
    ],
)
def test_an_answer_of_an_earlier_step_or_twice_is_counted_and_changes_nothing(signals: list[Signal | Reply]) -> None:
    before = after(a_purchase(), *signals).saga
    found = step(before, Answered(number=1, reply=HELD))
    assert (found.saga.state, found.saga.pending, found.command, found.effect) == (
        before.state,
        before.pending,
        None,
        None,
    )
    assert (found.late, found.saga.late) == (True, 1)


@pytest.mark.parametrize("signals", [[NO], [CANCEL, RELEASED]])
def test_a_hold_that_turns_out_to_stand_is_released_again(signals: list[Signal | Reply]) -> None:
    before = after(a_purchase(), *signals).saga
    found = step(before, Answered(number=1, reply=HELD))
    assert found.command == ReleaseVoucher(order_id=ORDER, reason="late")
    assert found.saga.number == before.number + 1
    assert (after(found.saga, RELEASED).saga.state, found.effect) == (SagaState.RELEASED, None)


@pytest.mark.parametrize("signals", [[NO], [NO, REFUSED]])
def test_a_lock_that_turns_out_to_stand_is_undone_and_the_item_stays_refused(signals: list[Signal | Reply]) -> None:
    before = after(a_claim(), *signals).saga
    undoing = step(before, Answered(number=1, reply=CLAIMED))
    assert undoing.command == UnclaimVoucher(order_id=ORDER, claim_id=CLAIM_ID)
    again = after(undoing.saga, UNCLAIMED)
    assert isinstance(again.command, RefuseItem)
    assert after(again.saga, REFUSED).saga.state is SagaState.REFUSED


def test_answers_swapped_in_time_end_where_they_would_in_order() -> None:
    confirmed = after(a_purchase(), HELD, Confirmed()).saga
    swapped = step(step(confirmed, Answered(number=2, reply=COMMITTED)).saga, Answered(number=1, reply=HELD)).saga
    assert (swapped.state, swapped.pending) == (SagaState.COMMITTED, None)


def test_a_payment_for_an_item_that_never_opened_is_a_bug() -> None:
    with pytest.raises(Bug):
        after(a_claim(), ItemPaid(paid_fen=1))


def test_a_payment_told_twice_redeems_once() -> None:
    redeeming = after(a_claim(), CLAIMED, OPENED, ItemPaid(paid_fen=300)).saga
    assert after(redeeming, ItemPaid(paid_fen=300)).command is None


def test_every_state_that_waits_has_a_way_on_and_every_other_rests() -> None:
    leaving = {state for table in (PURCHASE, REFUND, CLAIM) for state, _ in table}
    assert set(SagaState) - RESTING <= leaving
