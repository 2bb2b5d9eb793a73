"""What may go on record with an order, when, and with which scores."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from services.order.domain import order as rules
from services.order.domain import refusals
from services.order.domain.order import Order
from services.order.domain.records import RecordKind, check_recordable, check_scores
from services.order.domain.states import OrderState
from shared.kernel.refusals import Refusal

NOW = datetime(2026, 3, 1, tzinfo=UTC)
AFTER_CONFIRMATION = [RecordKind.DELIVERY, RecordKind.ACCEPTANCE, RecordKind.EVALUATION]
AT_ANY_TIME = [RecordKind.COMPLAINT, RecordKind.COMPLAINT_ANSWER]
AXES = ["quality", "service", "price"]


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
        check_recordable(WAITING, kind, present=[RecordKind.DELIVERY])


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
        check_recordable(CONFIRMED, RecordKind.ACCEPTANCE, present=[RecordKind.CONTRACT])
    check_recordable(CONFIRMED, RecordKind.ACCEPTANCE, present=[RecordKind.DELIVERY])


@pytest.mark.parametrize("kind", [RecordKind.CONTRACT, RecordKind.ACCEPTANCE, RecordKind.EVALUATION])
def test_contract_acceptance_and_evaluation_come_once(kind: RecordKind) -> None:
    with pytest.raises(refusals.RecordTwice):
        check_recordable(CONFIRMED, kind, present=[RecordKind.DELIVERY, kind])


@pytest.mark.parametrize("kind", [RecordKind.PAYMENT, RecordKind.DELIVERY, *AT_ANY_TIME])
def test_payments_deliveries_and_complaints_may_come_again(kind: RecordKind) -> None:
    check_recordable(CONFIRMED, kind, present=list(RecordKind))


@pytest.mark.parametrize("state", [OrderState.CLAIMED, OrderState.REDEEMED, OrderState.REFUNDED])
def test_a_confirmed_order_is_evaluated_whatever_became_of_its_money(state: OrderState) -> None:
    check_recordable(replace(CONFIRMED, state=state), RecordKind.EVALUATION, present=[])


def test_a_record_is_a_version_of_the_order_and_leaves_the_rest_alone() -> None:
    after, fact = rules.record(CONFIRMED, kind="contract", document_sha256="ab" * 32)
    assert after == replace(CONFIRMED, version=5)
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
    assert caught.value.facts == {"axes": "price、quality、service"}
