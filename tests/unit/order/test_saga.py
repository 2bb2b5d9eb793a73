"""Sagas, given a reply, expect a command: every step, every step failing, answers late, twice and swapped."""

from uuid import UUID

import pytest
from msgspec.structs import replace

from services.order.domain.saga import (
    CLAIM,
    PURCHASE,
    REFUND,
    RESTING,
    Answer,
    Cancelled,
    CommitKnown,
    Confirmed,
    ItemEnded,
    ItemPaid,
    Kind,
    Move,
    Saga,
    Signal,
    Step,
    Stepped,
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
    saga = Saga(id=ORDER, kind=Kind.PURCHASE, order_id=ORDER, state=Step.HOLDING)
    return begin(saga, HOLD).saga


def a_claim() -> Saga:
    """A claim whose lock is asked for."""
    saga = Saga(id=UUID(int=9), kind=Kind.CLAIM, order_id=ORDER, state=Step.CLAIMING, claim_id=CLAIM_ID)
    return begin(saga, ClaimVoucher(order_id=ORDER, claim_id=CLAIM_ID)).saga


def after(saga: Saga, *signals: Signal | Reply) -> Stepped:
    """The last step; a bare reply answers the pending command."""
    stepped = Stepped(saga=saga)
    for signal in signals:
        saga = stepped.saga
        stepped = step(saga, Answer(number=saga.number, reply=signal) if isinstance(signal, Reply) else signal)
    return stepped


CANCEL = Cancelled(reason="enterprise")


@pytest.mark.parametrize(
    ("signals", "state", "command", "move"),
    [
        ([HELD], Step.HELD, None, Move.AWAIT),
        ([NO], Step.REFUSED, None, Move.REFUSE),
        ([CANCEL], Step.RELEASING, ReleaseVoucher(order_id=ORDER, reason="enterprise"), None),
        ([HELD, CANCEL], Step.RELEASING, ReleaseVoucher(order_id=ORDER, reason="enterprise"), None),
        ([HELD, CANCEL, RELEASED], Step.RELEASED, None, None),
        ([HELD, Confirmed()], Step.COMMITTING, CommitVoucher(order_id=ORDER), None),
        ([HELD, Confirmed(), COMMITTED], Step.COMMITTED, None, None),
        ([HELD, Confirmed(), NO], Step.COMMITTING, None, None),
        ([HELD, CANCEL, NO], Step.RELEASING, None, None),
    ],
)
def test_a_purchase_goes_from_hold_to_commit_or_release(
    signals: list[Signal | Reply], state: Step, command: Command | None, move: Move | None
) -> None:
    found = after(a_purchase(), *signals)
    assert (found.saga.state, found.command, found.move) == (state, command, move)


@pytest.mark.parametrize(
    ("signals", "state", "command", "move"),
    [
        ([CLAIMED], Step.OPENING, OpenItem(claim_id=CLAIM_ID, order_id=ORDER, voucher_fen=400), None),
        (
            [NO],
            Step.REFUSING,
            RefuseItem(claim_id=CLAIM_ID, order_id=ORDER, code="x.no", article="A1", detail="不行"),
            Move.UNCLAIM,
        ),
        ([NO, REFUSED], Step.REFUSED, None, None),
        ([CLAIMED, OPENED], Step.OPEN, None, None),
        ([CLAIMED, NO], Step.UNCLAIMING, UnclaimVoucher(order_id=ORDER, claim_id=CLAIM_ID), None),
        ([CLAIMED, OPENED, ItemEnded()], Step.UNCLAIMING, UnclaimVoucher(order_id=ORDER, claim_id=CLAIM_ID), None),
        ([CLAIMED, OPENED, ItemEnded(), UNCLAIMED], Step.ENDED, None, Move.UNCLAIM),
        ([CLAIMED, ItemEnded()], Step.UNCLAIMING, UnclaimVoucher(order_id=ORDER, claim_id=CLAIM_ID), None),
        ([ItemEnded()], Step.CLAIMING_ENDED, None, None),
        ([ItemEnded(), CLAIMED], Step.UNCLAIMING, UnclaimVoucher(order_id=ORDER, claim_id=CLAIM_ID), None),
        ([ItemEnded(), NO], Step.ENDED, None, Move.UNCLAIM),
        (
            [CLAIMED, OPENED, ItemPaid(paid_fen=300)],
            Step.REDEEMING,
            RedeemVoucher(order_id=ORDER, claim_id=CLAIM_ID, paid_fen=300),
            None,
        ),
        ([CLAIMED, OPENED, ItemPaid(paid_fen=300), NO], Step.REDEEMING, None, None),
        ([CLAIMED, OPENED, ItemPaid(paid_fen=300), REDEEMED], Step.REDEEMED, None, Move.REDEEM),
    ],
)
def test_a_claim_goes_from_lock_to_payment_or_back(
    signals: list[Signal | Reply], state: Step, command: Command | None, move: Move | None
) -> None:
    found = after(a_claim(), *signals)
    assert (found.saga.state, found.command, found.move) == (state, command, move)


def test_a_claim_waits_for_the_commit_and_ends_without_it() -> None:
    waiting = replace(a_claim(), state=Step.WAITING_FOR_COMMIT, number=0, pending=None)
    assert after(waiting, CommitKnown()).command == ClaimVoucher(order_id=ORDER, claim_id=CLAIM_ID)
    ended = after(waiting, ItemEnded())
    assert (ended.saga.state, ended.move) == (Step.ENDED, Move.UNCLAIM)


def test_a_refund_is_asked_until_it_is_answered() -> None:
    begun = begin_refund(refund_id=UUID(int=5), order_id=ORDER, lines=(1, 3))
    assert begun.command == RefundVoucher(order_id=ORDER, lines=(1, 3))
    assert after(begun.saga, NO).saga.pending == begun.command
    done = after(begun.saga, NO, VoucherRefunded(order_id=ORDER, amount_fen=4))
    assert (done.saga.state, done.move) == (Step.RETURNED, Move.RETURN)


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
    found = step(before, Answer(number=1, reply=HELD))
    assert (found.saga.state, found.saga.pending, found.command, found.move) == (
        before.state,
        before.pending,
        None,
        None,
    )
    assert (found.late, found.saga.late) == (True, 1)


@pytest.mark.parametrize("signals", [[NO], [CANCEL, RELEASED]])
def test_a_hold_that_turns_out_to_stand_is_released_again(signals: list[Signal | Reply]) -> None:
    before = after(a_purchase(), *signals).saga
    found = step(before, Answer(number=1, reply=HELD))
    assert found.command == ReleaseVoucher(order_id=ORDER, reason="late")
    assert found.saga.number == before.number + 1
    assert (after(found.saga, RELEASED).saga.state, found.move) == (Step.RELEASED, None)


@pytest.mark.parametrize("signals", [[NO], [NO, REFUSED]])
def test_a_lock_that_turns_out_to_stand_is_undone_and_the_item_stays_refused(signals: list[Signal | Reply]) -> None:
    before = after(a_claim(), *signals).saga
    undoing = step(before, Answer(number=1, reply=CLAIMED))
    assert undoing.command == UnclaimVoucher(order_id=ORDER, claim_id=CLAIM_ID)
    again = after(undoing.saga, UNCLAIMED)
    assert isinstance(again.command, RefuseItem)
    assert after(again.saga, REFUSED).saga.state is Step.REFUSED


def test_answers_swapped_in_time_end_where_they_would_in_order() -> None:
    confirmed = after(a_purchase(), HELD, Confirmed()).saga
    swapped = step(step(confirmed, Answer(number=2, reply=COMMITTED)).saga, Answer(number=1, reply=HELD)).saga
    assert (swapped.state, swapped.pending) == (Step.COMMITTED, None)


def test_a_payment_for_an_item_that_never_opened_is_a_bug() -> None:
    with pytest.raises(Bug):
        after(a_claim(), ItemPaid(paid_fen=1))


def test_a_payment_told_twice_redeems_once() -> None:
    redeeming = after(a_claim(), CLAIMED, OPENED, ItemPaid(paid_fen=300)).saga
    assert after(redeeming, ItemPaid(paid_fen=300)).command is None


def test_every_state_that_waits_has_a_way_on_and_every_other_rests() -> None:
    leaving = {state for table in (PURCHASE, REFUND, CLAIM) for state, _ in table}
    assert set(Step) - RESTING <= leaving
