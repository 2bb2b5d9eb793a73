"""What may go on record with an order, when, and with which scores."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from services.order.domain import order as rules
from services.order.domain import refusals
from services.order.domain.order import Order
from services.order.domain.records import (
    RECORDS_MAX,
    Known,
    RecordKind,
    check_date,
    check_payment,
    check_recordable,
    check_scores,
    former_of,
)
from services.order.domain.states import OrderState
from shared.kernel.refusals import Refusal

NOW = datetime(2026, 3, 1, tzinfo=UTC)
AFTER_CONFIRMATION = [RecordKind.DELIVERY, RecordKind.ACCEPTANCE, RecordKind.EVALUATION]
AT_ANY_TIME = [RecordKind.COMPLAINT, RecordKind.COMPLAINT_ANSWER, RecordKind.WITHDRAWAL]
AXES = {"quality": "质量", "service": "服务", "price": "价格"}


def an_order(state: OrderState, *, confirmed_at: datetime | None = None) -> Order:
    """An order in a state, with the moment of its confirmation if it came that far."""
    return Order(
        id=UUID(int=1),
        number="2026-0000-0000-0001",
        enterprise_id=UUID(int=3),
        provider_id=UUID(int=2),
        region="520100",
        year=2026,
        state=state,
        version=4,
        fee_fen=3_000,
        voucher_fen=400,
        placed_at=NOW,
        confirmed_at=confirmed_at,
    )


def a_record(kind: RecordKind, **changes: Any) -> Known:
    """A record that stands, of the order's enterprise."""
    values: dict[str, Any] = {
        "id": uuid4(),
        "kind": kind,
        "organisation_id": UUID(int=3),
        "dated_on": None,
        "amount_fen": None,
        "voided": False,
        "answered": False,
    }
    return Known(**{**values, **changes})


def known(*kinds: RecordKind) -> list[Known]:
    """Records of these kinds."""
    return [a_record(kind) for kind in kinds]


WAITING = an_order(OrderState.AWAITING_CONFIRMATION)
CONFIRMED = an_order(OrderState.CONFIRMED, confirmed_at=NOW)
ENDED = [
    (an_order(OrderState.CANCELLED), refusals.AlreadyCancelled),
    (an_order(OrderState.REFUSED), refusals.AlreadyRefused),
]


@pytest.mark.requirement("R71")
@pytest.mark.parametrize("kind", [RecordKind.CONTRACT, RecordKind.PAYMENT, *AT_ANY_TIME])
def test_contract_payment_and_complaint_may_come_before_the_confirmation(kind: RecordKind) -> None:
    check_recordable(WAITING, kind, present=[])


@pytest.mark.parametrize("kind", AFTER_CONFIRMATION)
def test_nothing_is_delivered_accepted_or_evaluated_before_the_confirmation(kind: RecordKind) -> None:
    with pytest.raises(refusals.NotConfirmed):
        check_recordable(WAITING, kind, present=known(RecordKind.DELIVERY))


@pytest.mark.parametrize(("order", "refusal"), ENDED)
def test_an_order_that_ended_unconfirmed_takes_complaints_and_their_answers_only(
    order: Order, refusal: type[Refusal]
) -> None:
    for kind in RecordKind:
        if kind in AT_ANY_TIME:
            check_recordable(order, kind, present=[])
        else:
            with pytest.raises(refusal):
                check_recordable(order, kind, present=[])


def test_only_what_was_delivered_is_accepted() -> None:
    with pytest.raises(refusals.NotDelivered):
        check_recordable(CONFIRMED, RecordKind.ACCEPTANCE, present=known(RecordKind.CONTRACT))
    check_recordable(CONFIRMED, RecordKind.ACCEPTANCE, present=known(RecordKind.DELIVERY))


@pytest.mark.parametrize("kind", [RecordKind.CONTRACT, RecordKind.ACCEPTANCE, RecordKind.EVALUATION])
def test_contract_acceptance_and_evaluation_come_once(kind: RecordKind) -> None:
    with pytest.raises(refusals.RecordTwice):
        check_recordable(CONFIRMED, kind, present=known(RecordKind.DELIVERY, kind))


@pytest.mark.parametrize("kind", [RecordKind.PAYMENT, RecordKind.DELIVERY, *AT_ANY_TIME])
def test_payments_deliveries_and_complaints_may_come_again(kind: RecordKind) -> None:
    check_recordable(CONFIRMED, kind, present=known(*RecordKind))


@pytest.mark.parametrize("state", [OrderState.CLAIMED, OrderState.REDEEMED, OrderState.REFUNDED])
def test_a_confirmed_order_is_evaluated_whatever_became_of_its_money(state: OrderState) -> None:
    check_recordable(replace(CONFIRMED, state=state), RecordKind.EVALUATION, present=[])


def test_a_record_is_a_version_of_the_order_and_leaves_the_rest_alone() -> None:
    after, fact = rules.record(
        CONFIRMED, kind="contract", document_sha256="ab" * 32, record_id=UUID(int=8), voids=UUID(int=9)
    )
    assert after == replace(CONFIRMED, version=5)
    assert (fact.record_id, fact.voids) == (UUID(int=8), UUID(int=9))
    assert (fact.version, fact.order_id, fact.record, fact.document_sha256) == (5, UUID(int=1), "contract", "ab" * 32)


@pytest.mark.requirement("R21")
@given(scores=st.fixed_dictionaries({axis: st.integers(-1, 7) for axis in AXES}))
def test_every_score_is_one_to_five(scores: dict[str, int]) -> None:
    if set(scores.values()) <= {1, 2, 3, 4, 5}:
        check_scores(scores, axes=AXES)
    else:
        with pytest.raises(refusals.ScoresMissing):
            check_scores(scores, axes=AXES)


@pytest.mark.requirement("R21")
@pytest.mark.parametrize("score", [1, 5])
def test_the_lowest_and_the_highest_score_count(score: int) -> None:
    check_scores(dict.fromkeys(AXES, score), axes=AXES)


@pytest.mark.requirement("R21")
@pytest.mark.parametrize(
    "scores", [{}, {"quality": 3, "service": 3}, {"quality": 3, "service": 3, "price": 3, "speed": 3}]
)
def test_each_axis_has_a_score_and_nothing_else_has(scores: dict[str, int]) -> None:
    with pytest.raises(refusals.ScoresMissing) as caught:
        check_scores(scores, axes=AXES)
    assert caught.value.facts == {"axes": "price、quality、service", "axes_zh": "质量、服务、价格"}
    assert caught.value.detail == "请对以下每个方面评分（1 至 5 分）：质量、服务、价格"


# NOW is 8 in the morning of 1 March in Beijing, and still February nowhere but in the west.
DAY = date(2026, 3, 1)


@pytest.mark.parametrize("kind", [RecordKind.CONTRACT, RecordKind.PAYMENT, RecordKind.DELIVERY, RecordKind.ACCEPTANCE])
def test_the_day_of_a_record_lies_between_the_order_and_today_in_beijing(kind: RecordKind) -> None:
    later = NOW + timedelta(days=3)
    for day in (DAY, DAY + timedelta(days=3)):
        check_date(CONFIRMED, kind, day, present=[], now=later)
    for day in (DAY + timedelta(days=4), date(2099, 1, 1), date(9999, 12, 31)):
        with pytest.raises(refusals.DateInFuture):
            check_date(CONFIRMED, kind, day, present=[], now=later)
    for day in (DAY - timedelta(days=1), date.min):
        with pytest.raises(refusals.DateBeforeOrder):
            check_date(CONFIRMED, kind, day, present=[], now=later)
    # 23:59:59 of the day in Beijing, and the first second of the next one.
    closes = datetime(2026, 3, 4, 15, 59, 59, tzinfo=UTC)
    with pytest.raises(refusals.DateInFuture):
        check_date(CONFIRMED, kind, date(2026, 3, 5), present=[], now=closes)
    check_date(CONFIRMED, kind, date(2026, 3, 5), present=[], now=closes + timedelta(seconds=1))


def test_nothing_is_accepted_before_the_first_delivery_that_stands() -> None:
    delivered = [
        a_record(RecordKind.DELIVERY, dated_on=DAY + timedelta(days=2)),
        a_record(RecordKind.DELIVERY, dated_on=DAY + timedelta(days=5)),
    ]
    now = NOW + timedelta(days=9)
    check_date(CONFIRMED, RecordKind.ACCEPTANCE, DAY + timedelta(days=2), present=delivered, now=now)
    with pytest.raises(refusals.DateBeforeOrder):
        check_date(CONFIRMED, RecordKind.ACCEPTANCE, DAY + timedelta(days=1), present=delivered, now=now)


@pytest.mark.requirement("R69")
def test_own_payments_sum_to_the_own_part_at_most() -> None:
    # The fee is 3,000 fen, 400 of it voucher.
    check_payment(CONFIRMED, 2_600, present=[])
    paid = [a_record(RecordKind.PAYMENT, amount_fen=1_000), a_record(RecordKind.PAYMENT, amount_fen=1_500)]
    check_payment(CONFIRMED, 100, present=paid)
    for amount_fen, present in ((101, paid), (2_601, []), (10**15, [])):
        with pytest.raises(refusals.PaymentAboveOwnPart):
            check_payment(CONFIRMED, amount_fen, present=present)
    # Other records have no part in the sum.
    check_payment(CONFIRMED, 2_600, present=[a_record(RecordKind.DELIVERY, amount_fen=1_000)])


def test_a_correction_takes_the_place_of_one_record_of_its_kind_once() -> None:
    former = a_record(RecordKind.CONTRACT)
    check_recordable(CONFIRMED, RecordKind.CONTRACT, present=[former], voids=former)
    check_recordable(CONFIRMED, RecordKind.WITHDRAWAL, present=[former], voids=former)
    with pytest.raises(refusals.RecordNotCorrectable):
        check_recordable(CONFIRMED, RecordKind.PAYMENT, present=[former], voids=former)
    voided = a_record(RecordKind.CONTRACT, voided=True)
    with pytest.raises(refusals.RecordNotCorrectable):
        check_recordable(CONFIRMED, RecordKind.CONTRACT, present=[voided], voids=voided)
    withdrawal = a_record(RecordKind.WITHDRAWAL)
    with pytest.raises(refusals.RecordNotCorrectable):
        check_recordable(CONFIRMED, RecordKind.WITHDRAWAL, present=[withdrawal], voids=withdrawal)
    # A second contract beside one that was corrected is still a second one.
    with pytest.raises(refusals.RecordTwice):
        check_recordable(CONFIRMED, RecordKind.CONTRACT, present=[voided, former], voids=None)


def test_evidence_that_was_paid_upon_is_not_corrected_and_an_opinion_is() -> None:
    redeemed = replace(CONFIRMED, state=OrderState.REDEEMED)
    for kind in (RecordKind.CONTRACT, RecordKind.PAYMENT, RecordKind.DELIVERY, RecordKind.ACCEPTANCE):
        former = a_record(kind)
        present = [former] if kind is not RecordKind.ACCEPTANCE else [former, a_record(RecordKind.DELIVERY)]
        with pytest.raises(refusals.AlreadyRedeemed):
            check_recordable(redeemed, kind, present=present, voids=former)
    former = a_record(RecordKind.EVALUATION)
    check_recordable(redeemed, RecordKind.EVALUATION, present=[former], voids=former)


def test_a_complaint_that_was_answered_is_not_taken_back() -> None:
    former = a_record(RecordKind.COMPLAINT, answered=True)
    with pytest.raises(refusals.RecordNotCorrectable):
        check_recordable(CONFIRMED, RecordKind.WITHDRAWAL, present=[former], voids=former)


def test_the_only_delivery_is_not_taken_back_from_under_an_acceptance() -> None:
    delivery, acceptance = a_record(RecordKind.DELIVERY), a_record(RecordKind.ACCEPTANCE)
    with pytest.raises(refusals.RecordNotCorrectable):
        check_recordable(CONFIRMED, RecordKind.WITHDRAWAL, present=[delivery, acceptance], voids=delivery)
    second = a_record(RecordKind.DELIVERY)
    check_recordable(CONFIRMED, RecordKind.WITHDRAWAL, present=[delivery, second, acceptance], voids=delivery)


def test_a_record_is_corrected_by_whose_it_is() -> None:
    former = a_record(RecordKind.PAYMENT)
    assert former_of([former], former.id, organisation_id=UUID(int=3)) is former
    for record_id, organisation_id in ((former.id, UUID(int=2)), (former.id, None), (UUID(int=99), UUID(int=3))):
        with pytest.raises(refusals.RecordNotFound):
            former_of([former], record_id, organisation_id=organisation_id)


def test_an_order_holds_a_bounded_number_of_records() -> None:
    full = known(*[RecordKind.PAYMENT] * RECORDS_MAX)
    with pytest.raises(refusals.TooManyRecords):
        check_recordable(CONFIRMED, RecordKind.PAYMENT, present=full)
    check_recordable(CONFIRMED, RecordKind.PAYMENT, present=full[1:])
