"""What may be approved and paid."""

import csv
import io
from collections.abc import AsyncIterator
from datetime import date
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.settlement.domain.appropriations import ApprovedItem, check_approval, check_payment
from services.settlement.domain.refusals import (
    ApprovedAboveClaimed,
    ApprovedItemsDiffer,
    PaymentAmountDiffers,
    PaymentDateWrong,
    ReductionUnexplained,
)
from services.settlement.views.exports import PaymentRow, payments_csv

FIRST, SECOND = UUID(int=1), UUID(int=2)
CLAIMED = {FIRST: 300_000, SECOND: 200_000}


def approval(first_fen: int, second_fen: int, *, reason: str = "") -> list[ApprovedItem]:
    return [
        ApprovedItem(order_id=FIRST, approved_fen=first_fen, reason=reason),
        ApprovedItem(order_id=SECOND, approved_fen=second_fen, reason=reason),
    ]


@pytest.mark.requirement("R80")
def test_the_approved_sum_is_the_sum_of_its_items() -> None:
    assert check_approval(CLAIMED, approved=approval(300_000, 150_000, reason="核减")) == 450_000


@pytest.mark.requirement("R80")
@given(st.integers(1, 400_000), st.integers(1, 400_000))
def test_nothing_above_claimed_is_ever_approved(first_fen: int, second_fen: int) -> None:
    approved = approval(first_fen, second_fen, reason="核减")
    if first_fen > 300_000 or second_fen > 200_000:
        with pytest.raises(ApprovedAboveClaimed):
            check_approval(CLAIMED, approved=approved)
    else:
        assert check_approval(CLAIMED, approved=approved) == first_fen + second_fen


@pytest.mark.requirement("R80")
def test_one_fen_above_claimed_is_refused() -> None:
    with pytest.raises(ApprovedAboveClaimed):
        check_approval(CLAIMED, approved=approval(300_000, 200_001))


def test_a_reduction_without_a_reason_is_refused() -> None:
    with pytest.raises(ReductionUnexplained):
        check_approval(CLAIMED, approved=approval(300_000, 199_999))


@pytest.mark.parametrize("given_items", [[FIRST], [FIRST, FIRST], [FIRST, SECOND, UUID(int=3)], []])
def test_an_approval_names_every_order_once_and_no_other(given_items: list[UUID]) -> None:
    approved = [ApprovedItem(order_id=order_id, approved_fen=1, reason="x") for order_id in given_items]
    with pytest.raises(ApprovedItemsDiffer):
        check_approval(CLAIMED, approved=approved)


@pytest.mark.requirement("R80")
@pytest.mark.parametrize("paid_fen", [449_999, 450_001, 0])
def test_a_payment_of_another_amount_is_refused(paid_fen: int) -> None:
    day = date(2018, 12, 31)
    with pytest.raises(PaymentAmountDiffers):
        check_payment(paid_fen, approved_fen=450_000, paid_on=day, approved_on=day, today=day)


@pytest.mark.requirement("R80")
@pytest.mark.parametrize("paid_on", [date(2018, 12, 29), date(2019, 1, 3)])
def test_money_is_paid_after_approval_and_not_in_the_future(paid_on: date) -> None:
    with pytest.raises(PaymentDateWrong):
        check_payment(1, approved_fen=1, paid_on=paid_on, approved_on=date(2018, 12, 30), today=date(2019, 1, 2))


@pytest.mark.requirement("R80")
@pytest.mark.parametrize("paid_on", [date(2018, 12, 30), date(2018, 12, 31), date(2019, 1, 2)])
def test_money_is_paid_from_the_day_of_approval_to_the_day_it_is_recorded(paid_on: date) -> None:
    check_payment(
        450_000, approved_fen=450_000, paid_on=paid_on, approved_on=date(2018, 12, 30), today=date(2019, 1, 2)
    )


@pytest.mark.parametrize("reason", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1"])
async def test_no_cell_of_the_export_begins_as_a_formula(reason: str) -> None:
    row = PaymentRow(
        appropriation_number="BF2018-000001",
        claim_number="DX2018-000001",
        order_number="DD1",
        voucher_year=2018,
        provider_name="甲",
        provider_credit_code="91520100MA6DK0X17T",
        enterprise_name="丙",
        claimed_fen=12_345,
        approved_fen=12_300,
        reason=reason,
        state="approved",
        payment_reference="",
        paid_on=None,
    )

    async def one_page() -> AsyncIterator[list[PaymentRow]]:
        yield [row]

    text = b"".join([part async for part in payments_csv(one_page())]).decode()
    assert f",123.45,123.00,'{reason}," in text.replace(f'"\'{reason}"', f"'{reason}")
    # Users read the table by its columns: the line of totals has as many as the head (RFC 4180, 2.4).
    assert {len(line) for line in csv.reader(io.StringIO(text, newline=""), strict=True)} == {18}
