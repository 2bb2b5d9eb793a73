"""A claim and its items as values: which items live, which may be withdrawn, and what people call a claim."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.settlement.domain.claims import (
    Claim,
    ClaimItem,
    appropriation_number,
    claim_number,
    waiting_item,
    withdrawn_item,
)
from services.settlement.domain.refusals import ItemNotWaiting, ItemPastWithdrawal, ItemUnknown
from services.settlement.domain.states import ClaimState, ItemState
from shared.kernel.refusals import Bug

CLAIM_ID, FIRST, SECOND, UNKNOWN, REQUEST = (UUID(int=number) for number in range(1, 6))
WITHDRAWABLE = {ItemState.OPEN, ItemState.PASSED, ItemState.ENDORSED}
ENDED = {ItemState.REFUSED, ItemState.REJECTED, ItemState.WITHDRAWN}


def an_item(state: ItemState, order_id: UUID = FIRST) -> ClaimItem:
    return ClaimItem(claim_id=CLAIM_ID, order_id=order_id, state=state, voucher_fen=400, appropriation_id=REQUEST)


def a_claim(*items: ClaimItem) -> Claim:
    return Claim(
        id=CLAIM_ID,
        serial=12,
        provider_id=UUID(int=9),
        state=ClaimState.IN_REVIEW,
        version=2,
        window_closes_at=datetime(2018, 12, 31, 16, tzinfo=UTC),
        created_at=datetime(2018, 12, 1, tzinfo=UTC),
        items={item.order_id: item for item in items},
    )


def test_an_item_is_judged_only_where_it_waits() -> None:
    claim = a_claim(an_item(ItemState.OPEN), an_item(ItemState.PASSED, SECOND))
    assert waiting_item(claim, FIRST, state=ItemState.OPEN) == an_item(ItemState.OPEN)
    with pytest.raises(ItemNotWaiting) as caught:
        waiting_item(claim, SECOND, state=ItemState.OPEN)
    assert caught.value.facts == {"state": "passed"}


def test_an_order_of_another_claim_is_unknown_to_this_one() -> None:
    with pytest.raises(ItemUnknown):
        waiting_item(a_claim(an_item(ItemState.OPEN)), UNKNOWN, state=ItemState.OPEN)


@pytest.mark.parametrize("state", list(ItemState))
def test_an_item_is_withdrawn_until_its_money_is_approved(state: ItemState) -> None:
    if state in WITHDRAWABLE:
        after = withdrawn_item(an_item(state), reason="发票有误")
        assert (after.state, after.ended_reason, after.appropriation_id) == (ItemState.WITHDRAWN, "发票有误", None)
        assert after.voucher_fen == 400
    else:
        with pytest.raises(ItemPastWithdrawal):
            withdrawn_item(an_item(state), reason="发票有误")


def test_a_move_that_no_rule_allows_is_a_bug() -> None:
    with pytest.raises(Bug):
        an_item(ItemState.OPEN).moved(ItemState.PAID)


def test_an_item_carries_what_its_judge_wrote() -> None:
    after = an_item(ItemState.OPEN).moved(ItemState.PASSED, truth_opinion="属实", validity_opinion="有效")
    assert (after.state, after.truth_opinion, after.validity_opinion) == (ItemState.PASSED, "属实", "有效")


@given(states=st.tuples(st.sampled_from(ItemState), st.sampled_from(ItemState)))
def test_live_items_are_those_that_have_not_ended(states: tuple[ItemState, ItemState]) -> None:
    claim = a_claim(an_item(states[0]), an_item(states[1], SECOND))
    expected = [order for order, state in zip((FIRST, SECOND), states, strict=True) if state not in ENDED]
    assert [item.order_id for item in claim.live_items()] == expected


def test_a_changed_item_replaces_its_own_and_leaves_the_others_and_the_claim_before() -> None:
    before = a_claim(an_item(ItemState.OPEN), an_item(ItemState.OPEN, SECOND))
    after = before.with_items(an_item(ItemState.PASSED))
    assert [item.state for item in after.items.values()] == [ItemState.PASSED, ItemState.OPEN]
    assert [item.state for item in before.items.values()] == [ItemState.OPEN, ItemState.OPEN]
    assert after.version == before.version


def test_people_call_claims_and_appropriations_by_year_and_serial() -> None:
    assert claim_number(12, year=2018) == "DX2018-000012"
    assert appropriation_number(1_234_567, year=2026) == "BF2026-1234567"
