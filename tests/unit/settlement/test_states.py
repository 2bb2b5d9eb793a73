"""Where items and claims may go: every history of reviews and withdrawals keeps the claim's state true."""

from uuid import UUID

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from services.settlement.domain.refusals import AppropriationNotApproved
from services.settlement.domain.states import (
    APPROPRIATION_MOVES,
    CLAIM_MOVES,
    ENDED_ITEMS,
    ITEM_MOVES,
    LIVE_ITEMS,
    AppropriationState,
    ClaimState,
    ItemState,
    claim_after,
)

ORDERS = [UUID(int=number) for number in range(1, 5)]


class ClaimHistory(RuleBasedStateMachine):
    """One claim of a few orders, driven by saga, clock, reviewers, bureau and provider in any order."""

    @initialize(count=st.integers(1, 4))
    def file(self, count: int) -> None:
        """File a claim of some orders."""
        self.items = dict.fromkeys(ORDERS[:count], ItemState.SUBMITTED)
        self.claim = ClaimState.SUBMITTED
        self.ended: list[UUID] = []

    def _move(self, order: UUID, to: ItemState) -> None:
        ITEM_MOVES.check(self.items[order], to)
        self.items[order] = to
        if to in ENDED_ITEMS:
            self.ended.append(order)
        after = claim_after(self.claim, items=list(self.items.values()))
        if after is not self.claim:
            CLAIM_MOVES.check(self.claim, after)
            self.claim = after

    def _in(self, *states: ItemState) -> list[UUID]:
        return [order for order, state in self.items.items() if state in states]

    @precondition(lambda self: self._in(ItemState.SUBMITTED))
    @rule(data=st.data())
    def answer(self, data: st.DataObject) -> None:
        """The order service claims an order, or cannot."""
        order = data.draw(st.sampled_from(self._in(ItemState.SUBMITTED)))
        self._move(order, data.draw(st.sampled_from([ItemState.OPEN, ItemState.REFUSED])))

    @precondition(lambda self: self.claim is ClaimState.ACCEPTED)
    @rule()
    def close_window(self) -> None:
        """The node comes."""
        CLAIM_MOVES.check(self.claim, ClaimState.IN_REVIEW)
        self.claim = ClaimState.IN_REVIEW

    @precondition(lambda self: self.claim is ClaimState.IN_REVIEW)
    @rule(data=st.data())
    def review_first(self, data: st.DataObject) -> None:
        """The operator judges an item."""
        order = data.draw(st.sampled_from(self._in(ItemState.OPEN)))
        self._move(order, data.draw(st.sampled_from([ItemState.PASSED, ItemState.REJECTED])))

    @precondition(lambda self: self.claim is ClaimState.BUREAU_REVIEW)
    @rule(data=st.data())
    def review_by_bureau(self, data: st.DataObject) -> None:
        """The bureau judges an item."""
        order = data.draw(st.sampled_from(self._in(ItemState.PASSED)))
        self._move(order, data.draw(st.sampled_from([ItemState.ENDORSED, ItemState.REJECTED])))

    @precondition(
        lambda self: (
            self.claim is not ClaimState.SUBMITTED and self._in(ItemState.OPEN, ItemState.PASSED, ItemState.ENDORSED)
        )
    )
    @rule(data=st.data())
    def withdraw(self, data: st.DataObject) -> None:
        """The provider takes an item back."""
        withdrawable = self._in(ItemState.OPEN, ItemState.PASSED, ItemState.ENDORSED)
        self._move(data.draw(st.sampled_from(withdrawable)), ItemState.WITHDRAWN)

    @precondition(lambda self: self.claim in {ClaimState.PASSED, ClaimState.REQUESTED, ClaimState.APPROVED})
    @rule()
    def advance_the_money(self) -> None:
        """Request, approval and payment concern all live items at once."""
        following = {
            ClaimState.PASSED: ClaimState.REQUESTED,
            ClaimState.REQUESTED: ClaimState.APPROVED,
            ClaimState.APPROVED: ClaimState.PAID,
        }
        self.claim = following[self.claim]
        to = {ClaimState.APPROVED: ItemState.APPROVED, ClaimState.PAID: ItemState.PAID}.get(self.claim)
        for order in self._in(*LIVE_ITEMS) if to else ():
            self._move(order, to or ItemState.PAID)

    @precondition(lambda self: self.claim is ClaimState.APPROVED)
    @rule(data=st.data())
    def take_back(self, data: st.DataObject) -> None:
        """The approver's side takes an approved item back."""
        self._move(data.draw(st.sampled_from(self._in(ItemState.APPROVED))), ItemState.REJECTED)

    @precondition(lambda self: CLAIM_MOVES.terminal(self.claim))
    @rule(count=st.integers(1, 4))
    def file_another(self, count: int) -> None:
        """A claim that is over makes room for the next."""
        self.file(count)

    @invariant()
    def the_state_says_what_the_items_say(self) -> None:
        """A claim's state and the states of its live items agree."""
        live = set(self.items.values()) - ENDED_ITEMS
        expected = {
            ClaimState.SUBMITTED: {ItemState.SUBMITTED, ItemState.OPEN},
            ClaimState.ACCEPTED: {ItemState.OPEN},
            ClaimState.IN_REVIEW: {ItemState.OPEN, ItemState.PASSED},
            ClaimState.BUREAU_REVIEW: {ItemState.PASSED, ItemState.ENDORSED},
            ClaimState.PASSED: {ItemState.ENDORSED},
            ClaimState.REQUESTED: {ItemState.ENDORSED},
            ClaimState.APPROVED: {ItemState.APPROVED},
            ClaimState.PAID: {ItemState.PAID},
        }
        assert live <= expected.get(self.claim, set())
        assert bool(live) == (self.claim in expected)

    @invariant()
    def an_item_ends_once(self) -> None:
        """No order is freed twice."""
        assert len(self.ended) == len(set(self.ended))


TestClaimHistory = ClaimHistory.TestCase
# Taken here, because a machine's own default is older than the profile of the tests.
TestClaimHistory.settings = settings()


@pytest.mark.parametrize("state", sorted(ENDED_ITEMS | {ItemState.PAID}))
def test_nothing_follows_an_ended_or_paid_item(state: ItemState) -> None:
    assert ITEM_MOVES.terminal(state)


@pytest.mark.parametrize("state", [ClaimState.PAID, ClaimState.REFUSED, ClaimState.REJECTED, ClaimState.WITHDRAWN])
def test_nothing_follows_an_ended_claim(state: ClaimState) -> None:
    assert CLAIM_MOVES.terminal(state)


@pytest.mark.requirement("R80")
def test_an_appropriation_is_paid_only_after_approval() -> None:
    before = [state for state in AppropriationState if APPROPRIATION_MOVES.allows(state, AppropriationState.PAID)]
    assert before == [AppropriationState.APPROVED]


@pytest.mark.requirement("R80")
def test_approved_items_cannot_be_withdrawn_and_are_rejected_only_by_being_taken_back() -> None:
    """By whom and when is tried over HTTP: tests/integration/settlement/test_returns.py."""
    assert ITEM_MOVES.following(ItemState.APPROVED) == {ItemState.PAID, ItemState.REJECTED}
    assert CLAIM_MOVES.following(ClaimState.APPROVED) == {ClaimState.PAID, ClaimState.REJECTED}
    assert APPROPRIATION_MOVES.following(AppropriationState.APPROVED) == {
        AppropriationState.PAID,
        AppropriationState.REFUSED,
    }


def test_a_claim_with_a_rejected_and_a_withdrawn_item_ends_as_rejected() -> None:
    items = [ItemState.WITHDRAWN, ItemState.REJECTED, ItemState.REFUSED]
    assert claim_after(ClaimState.IN_REVIEW, items=items) is ClaimState.REJECTED


@pytest.mark.parametrize("state", [*ItemState, *ClaimState, *AppropriationState])
def test_a_refusal_names_every_state_in_chinese_and_keeps_its_code(state: str) -> None:
    refusal = AppropriationNotApproved(state=str(state))
    assert refusal.facts["state"] == state
    assert str(state) not in refusal.detail


@pytest.mark.requirement("R78")
@pytest.mark.parametrize(
    ("state", "waiting", "judged", "after"),
    [
        (ClaimState.SUBMITTED, ItemState.SUBMITTED, ItemState.OPEN, ClaimState.ACCEPTED),
        (ClaimState.IN_REVIEW, ItemState.OPEN, ItemState.PASSED, ClaimState.BUREAU_REVIEW),
        (ClaimState.BUREAU_REVIEW, ItemState.PASSED, ItemState.ENDORSED, ClaimState.PASSED),
    ],
)
def test_a_claim_goes_on_once_every_order_of_it_is_judged_and_not_before(
    state: ClaimState, waiting: ItemState, judged: ItemState, after: ClaimState
) -> None:
    assert claim_after(state, items=[judged, waiting]) is state
    assert claim_after(state, items=[ItemState.WITHDRAWN, judged, judged]) is after
