"""Every table of moves, move by move, against what the scheme says may follow what."""

from collections.abc import Mapping
from enum import StrEnum
from importlib import import_module
from itertools import product
from typing import Any

import pytest

from shared.kernel.states import Transitions

Written = tuple[str, Transitions[Any], type[StrEnum], frozenset[tuple[str, str]]]
WRITTEN: Mapping[str, tuple[str, str]] = {
    # A11(2)(3), A14(2)(3), R45: what was sent back or refused may be handed in again; what was approved stays.
    "services.identity.domain.organisations:AUTHENTICATION_MOVES": (
        "AuthenticationState",
        (
            "registered>submitted sent_back>submitted refused>submitted"
            " submitted>authenticated submitted>refused submitted>sent_back"
        ),
    ),
    # N三(二), Q9: the bureau may recognise later whom it refused; nobody is recognised without having been asked for.
    "services.identity.domain.organisations:RECOGNITION_MOVES": (
        "RecognitionState",
        "none>requested requested>recognised requested>refused refused>recognised",
    ),
    # A11(4)(5), A12, Q10: a new edition takes the place of the published one; what was delisted never comes back.
    "services.catalog.domain.product:PRODUCT_MOVES": (
        "ProductState",
        "draft>published draft>delisted published>published published>delisted",
    ),
    # A11(5), R48: only what the operator reviewed is published; what was sent back is a draft again.
    "services.catalog.domain.product:EDITION_MOVES": (
        "EditionState",
        (
            "draft>draft draft>submitted draft>ended submitted>reviewed submitted>sent_back submitted>ended"
            " reviewed>published reviewed>sent_back reviewed>ended sent_back>draft sent_back>submitted sent_back>ended"
            " published>ended"
        ),
    ),
    # A12(2), Q18: a proposal is decided once, by the second person, its proposer or the product's end.
    "services.catalog.domain.delisting:DELISTING_MOVES": (
        "DelistingState",
        "proposed>approved proposed>refused proposed>withdrawn proposed>lapsed",
    ),
    # A15, Q5: what is published is not taken back; it ends with its year.
    "services.voucher.domain.states:PLAN_MOVES": (
        "PlanState",
        (
            "draft>approved draft>refused draft>withdrawn approved>published approved>withdrawn"
            " published>closing closing>closed"
        ),
    ),
    # A16, Q3: a place in the queue is decided in turn; what is decided is final, a remainder may go on waiting.
    "services.voucher.domain.states:APPLICATION_MOVES": (
        "ApplicationState",
        (
            "queued>earmarked queued>waiting queued>refused queued>sent_back queued>withdrawn queued>closed"
            " earmarked>granted earmarked>refused earmarked>sent_back earmarked>withdrawn earmarked>closed"
            " waiting>waiting waiting>earmarked waiting>granted waiting>refused waiting>sent_back waiting>withdrawn"
            " waiting>closed"
        ),
    ),
    # A19, A20, A24, Q13: held money is committed or released once; a claim that ends unpaid is committed again.
    "services.voucher.domain.states:HOLD_MOVES": (
        "HoldState",
        "held>committed held>released committed>claimed claimed>committed claimed>redeemed",
    ),
    "services.voucher.domain.states:LINE_MOVES": (
        "LineState",
        "held>committed held>released committed>claimed committed>refunded claimed>committed claimed>redeemed",
    ),
    # A18-A22, R72-R74: cancelled before confirmation only, refunded before a claim only, redeemed out of a claim only.
    "services.order.domain.states:MOVES": (
        "OrderState",
        (
            "placed>awaiting_confirmation placed>refused placed>cancelled"
            " awaiting_confirmation>confirmed awaiting_confirmation>cancelled"
            " confirmed>refunded confirmed>claimed claimed>confirmed claimed>redeemed"
        ),
    ),
    # A22-A24: two reviews, the appropriation and the payment, none left out; what is approved is paid, or taken back
    # by the approver's side where something stands against it (R80).
    "services.settlement.domain.states:ITEM_MOVES": (
        "ItemState",
        (
            "draft>submitted draft>withdrawn submitted>open submitted>refused open>passed open>rejected open>withdrawn"
            " passed>endorsed passed>rejected passed>withdrawn endorsed>approved endorsed>rejected endorsed>withdrawn"
            " approved>paid approved>rejected"
        ),
    ),
    "services.settlement.domain.states:CLAIM_MOVES": (
        "ClaimState",
        (
            "draft>submitted draft>withdrawn submitted>accepted submitted>refused accepted>in_review accepted>withdrawn"
            " in_review>bureau_review in_review>rejected in_review>withdrawn bureau_review>passed"
            " bureau_review>rejected bureau_review>withdrawn passed>requested passed>rejected passed>withdrawn"
            " requested>approved requested>rejected requested>withdrawn approved>paid approved>rejected"
        ),
    ),
    "services.settlement.domain.states:APPROPRIATION_MOVES": (
        "AppropriationState",
        "requested>approved requested>refused requested>withdrawn approved>paid approved>refused",
    ),
}


def tables() -> list[Written]:
    """Each table with the enumeration of its states and the moves that are written here."""
    found = []
    for name, (states, written) in WRITTEN.items():
        module = import_module(name.partition(":")[0])
        pairs = (move.partition(">") for move in written.split())
        moves = frozenset((before, after) for before, _, after in pairs)
        found.append((name, getattr(module, name.partition(":")[2]), getattr(module, states), moves))
    return found


CASES = [
    pytest.param(table, before, after, (before.value, after.value) in moves, id=f"{name}:{before}>{after}")
    for name, table, states, moves in tables()
    for before, after in product(states, states)
]


@pytest.mark.parametrize(("table", "before", "after", "allowed"), CASES)
def test_a_move_is_allowed_exactly_where_it_is_written(
    table: Transitions[Any], before: StrEnum, after: StrEnum, *, allowed: bool
) -> None:
    assert table.allows(before, after) == allowed


@pytest.mark.parametrize(("name", "table", "states", "moves"), tables())
def test_what_is_written_names_states_that_exist(
    name: str, table: Transitions[Any], states: type[StrEnum], moves: frozenset[tuple[str, str]]
) -> None:
    del name, table
    assert {state for move in moves for state in move} <= {state.value for state in states}
