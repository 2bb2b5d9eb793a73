"""A copy that may be a moment behind says "again", not "no"."""

import pytest

from services.settlement.domain.claimable import NOT_CLAIMABLE, Claimability, OrderCopy, claimability
from services.settlement.domain.refusals import OrderNotClaimable, OrderNotClaimableNow, OrderUnknown


def an_order(state: str = "confirmed", *, refund_open: bool = False, voucher_fen: int = 100) -> OrderCopy:
    return OrderCopy(state, refund_open, voucher_fen)


@pytest.mark.requirement("R76")
@pytest.mark.parametrize(
    ("order", "held", "said"),
    [
        (an_order(), False, Claimability.CLAIMABLE),
        (an_order(), True, Claimability.HELD),
        (an_order(refund_open=True), False, Claimability.NOT_NOW),
        (an_order("placed"), False, Claimability.NOT_NOW),
        (an_order("awaiting_confirmation"), False, Claimability.NOT_NOW),
        (an_order("claimed"), False, Claimability.NOT_NOW),
        (an_order("claimed"), True, Claimability.HELD),
        (an_order("cancelled"), False, Claimability.NEVER),
        (an_order("refused"), False, Claimability.NEVER),
        (an_order("refunded"), False, Claimability.NEVER),
        (an_order("redeemed"), False, Claimability.NEVER),
        (an_order(voucher_fen=0), False, Claimability.NEVER),
        (None, False, Claimability.UNKNOWN),
    ],
)
def test_what_the_copy_says_of_an_order(order: OrderCopy | None, *, held: bool, said: Claimability) -> None:
    assert claimability(order, held=held) is said


def test_only_what_a_moment_may_change_is_said_to_be_momentary() -> None:
    momentary = {refusal: getattr(refusal, "momentary", False) for _, refusal in NOT_CLAIMABLE}
    assert momentary == {OrderNotClaimable: False, OrderUnknown: True, OrderNotClaimableNow: True}


def test_somebody_elses_order_and_an_unknown_one_look_like_any_that_cannot_be_claimed() -> None:
    assert (OrderUnknown.code, OrderUnknown.kind) == (OrderNotClaimable.code, OrderNotClaimable.kind)
