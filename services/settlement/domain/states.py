"""States of items, claims and appropriations, and where a claim goes when its items have moved."""

from collections.abc import Collection
from enum import StrEnum

from shared.kernel.states import Transitions


class ItemState(StrEnum):
    """Where one order of a claim stands."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    OPEN = "open"
    PASSED = "passed"
    ENDORSED = "endorsed"
    APPROVED = "approved"
    PAID = "paid"
    REFUSED = "refused"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"


class ClaimState(StrEnum):
    """Where a claim stands; `passed` means that both reviews are over and the appropriation may be requested."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    ACCEPTED = "accepted"
    IN_REVIEW = "in_review"
    BUREAU_REVIEW = "bureau_review"
    PASSED = "passed"
    REQUESTED = "requested"
    APPROVED = "approved"
    PAID = "paid"
    REFUSED = "refused"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"


class AppropriationState(StrEnum):
    """Where a request for appropriation stands."""

    REQUESTED = "requested"
    APPROVED = "approved"
    PAID = "paid"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


class OverrideState(StrEnum):
    """Where a proposal to lift what stands against an item is; `lapsed` when nobody decided it in time."""

    PROPOSED = "proposed"
    APPROVED = "approved"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    LAPSED = "lapsed"


ENDED_ITEMS = frozenset({ItemState.REFUSED, ItemState.REJECTED, ItemState.WITHDRAWN})
LIVE_ITEMS = frozenset(ItemState) - ENDED_ITEMS - {ItemState.DRAFT}
"""Items that hold their order: an order is in at most one of them."""

ITEM_MOVES = Transitions(
    {
        (ItemState.DRAFT, ItemState.SUBMITTED),
        (ItemState.DRAFT, ItemState.WITHDRAWN),
        (ItemState.SUBMITTED, ItemState.OPEN),
        (ItemState.SUBMITTED, ItemState.REFUSED),
        (ItemState.OPEN, ItemState.PASSED),
        (ItemState.OPEN, ItemState.REJECTED),
        (ItemState.OPEN, ItemState.WITHDRAWN),
        (ItemState.PASSED, ItemState.ENDORSED),
        (ItemState.PASSED, ItemState.REJECTED),
        (ItemState.PASSED, ItemState.WITHDRAWN),
        (ItemState.ENDORSED, ItemState.APPROVED),
        (ItemState.ENDORSED, ItemState.REJECTED),
        (ItemState.ENDORSED, ItemState.WITHDRAWN),
        (ItemState.APPROVED, ItemState.PAID),
        # Only where something stands against it, by the approver's side (handlers/returns.py).
        (ItemState.APPROVED, ItemState.REJECTED),
    }
)

_LAST = frozenset({ClaimState.REJECTED, ClaimState.WITHDRAWN})

CLAIM_MOVES = Transitions(
    {
        (ClaimState.DRAFT, ClaimState.SUBMITTED),
        (ClaimState.DRAFT, ClaimState.WITHDRAWN),
        (ClaimState.SUBMITTED, ClaimState.ACCEPTED),
        (ClaimState.SUBMITTED, ClaimState.REFUSED),
        (ClaimState.ACCEPTED, ClaimState.IN_REVIEW),
        (ClaimState.ACCEPTED, ClaimState.WITHDRAWN),
        (ClaimState.IN_REVIEW, ClaimState.BUREAU_REVIEW),
        (ClaimState.BUREAU_REVIEW, ClaimState.PASSED),
        (ClaimState.PASSED, ClaimState.REQUESTED),
        (ClaimState.REQUESTED, ClaimState.APPROVED),
        (ClaimState.APPROVED, ClaimState.PAID),
        (ClaimState.APPROVED, ClaimState.REJECTED),
        *((state, last) for state in (ClaimState.IN_REVIEW, ClaimState.BUREAU_REVIEW) for last in _LAST),
        *((state, last) for state in (ClaimState.PASSED, ClaimState.REQUESTED) for last in _LAST),
    }
)

APPROPRIATION_MOVES = Transitions(
    {
        (AppropriationState.REQUESTED, AppropriationState.APPROVED),
        (AppropriationState.REQUESTED, AppropriationState.REFUSED),
        (AppropriationState.REQUESTED, AppropriationState.WITHDRAWN),
        (AppropriationState.APPROVED, AppropriationState.PAID),
        (AppropriationState.APPROVED, AppropriationState.REFUSED),
    }
)

QUESTION_STATES = frozenset({ClaimState.BUREAU_REVIEW, ClaimState.PASSED, ClaimState.REQUESTED})
"""While the bureau looks at a claim it may ask. Source: A25, R81."""


def claim_after(state: ClaimState, *, items: Collection[ItemState]) -> ClaimState:
    """The claim's state once its items stand so; the same state while something is still to be judged.

    Closing a window, requesting, approving and paying are acts of their own and do not follow from items.
    """
    live = [item for item in items if item not in ENDED_ITEMS]
    if not live:
        return _ended(items)
    if state is ClaimState.SUBMITTED and ItemState.SUBMITTED not in live:
        return ClaimState.ACCEPTED
    if state is ClaimState.IN_REVIEW and ItemState.OPEN not in live:
        return ClaimState.BUREAU_REVIEW
    if state is ClaimState.BUREAU_REVIEW and ItemState.PASSED not in live:
        return ClaimState.PASSED
    return state


def _ended(items: Collection[ItemState]) -> ClaimState:
    if ItemState.REJECTED in items:
        return ClaimState.REJECTED
    if ItemState.WITHDRAWN in items:
        return ClaimState.WITHDRAWN
    return ClaimState.REFUSED
