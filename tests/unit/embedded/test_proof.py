"""The proof's own arithmetic, and what counts as a difference between the services."""

from io import StringIO
from string import Formatter
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from embedded.proof import Check, PlanProof, Proof, print_proof
from operations.crosschecks import hold_differences, item_difference
from operations.differences import KINDS

ORDER, CLAIM, OTHER_CLAIM = UUID(int=1), UUID(int=2), UUID(int=3)
CLAIMED_FEN = 832_000
# What a difference of an order or of a cursor knows besides what its English sentence says.
ALWAYS_KNOWN = {"order_id", "state", "producer", "newest", "service"}
PARTS = ("left", "earmarked", "available", "held", "committed", "claimed", "redeemed", "taken_back")


def a_plan(total_fen: int, **parts_fen: int) -> PlanProof:
    values = {f"{name}_fen": parts_fen.get(name, 0) for name in PARTS}
    return PlanProof(year=2018, total_fen=total_fen, **values)


def an_order(state: str, **changes: Any) -> dict[str, Any]:
    return {
        "id": ORDER,
        "number": "YQ1",
        "state": state,
        "voucher_fen": CLAIMED_FEN,
        "claim_id": None,
        "paid_fen": None,
        **changes,
    }


def a_line(state: str, *, amount_fen: int = CLAIMED_FEN) -> dict[str, Any]:
    return {"line": 1, "amount_fen": amount_fen, "state": state}


WANTED = [{"line": 1, "voucher_fen": CLAIMED_FEN, "refunded": False}]


@given(parts_fen=st.lists(st.integers(0, 10**12), min_size=8, max_size=8), change_fen=st.integers(-5, 5))
def test_a_plan_balances_exactly_when_its_parts_make_the_total(parts_fen: list[int], change_fen: int) -> None:
    parts = dict(zip(PARTS, parts_fen, strict=True))
    assert a_plan(sum(parts_fen) + change_fen, **parts).balances is (change_fen == 0)


def test_a_negative_part_never_balances() -> None:
    assert not a_plan(10, left=20, held=-10).balances


def test_one_difference_or_one_plan_out_of_balance_fails_the_proof() -> None:
    good, bad = a_plan(10, left=10), a_plan(10, left=9)
    clean, dirty = Check(title="I2", examined=3), Check(title="I2", examined=3, differences=["one"])
    assert Proof(plans=[good], checks=[clean]).balances
    assert not Proof(plans=[good, bad], checks=[clean]).balances
    assert not Proof(plans=[good], checks=[clean, dirty]).balances


def test_the_printed_proof_shows_yuan_the_differences_and_the_verdict() -> None:
    printed = StringIO()
    proof = Proof(
        plans=[a_plan(123_456, left=123_456)], checks=[Check(title="I2 上限", examined=3, differences=["[甲]"])]
    )
    print_proof(Console(file=printed, width=200), proof)
    assert "1234.56" in printed.getvalue()
    assert "I2 上限：[甲]" in printed.getvalue()
    assert "结论：存在差异" in printed.getvalue()


def test_a_negative_part_is_printed_as_what_it_is() -> None:
    printed = StringIO()
    print_proof(Console(file=printed, width=200), Proof(plans=[a_plan(10, left=20, held=-10)], checks=[]))
    assert "-0.10" in printed.getvalue()
    assert "不平衡" in printed.getvalue()


@pytest.mark.parametrize(
    ("order", "hold", "line"),
    [
        ("awaiting_confirmation", "held", "held"),
        ("confirmed", "committed", "committed"),
        ("cancelled", "released", "released"),
        ("refused", "refused", "released"),
        ("refunded", "committed", "refunded"),
    ],
)
def test_an_order_agrees_with_the_hold_of_its_state(order: str, hold: str, line: str) -> None:
    lines = [{**WANTED[0], "refunded": order == "refunded"}]
    found = hold_differences(an_order(order), hold={"state": hold, "claim_id": None}, wanted=lines, held=[a_line(line)])
    assert found == []


@pytest.mark.parametrize(
    ("hold", "line"),
    [
        (None, None),
        ({"state": "held", "claim_id": None}, a_line("held")),
        ({"state": "committed", "claim_id": CLAIM}, a_line("committed")),
        ({"state": "committed", "claim_id": None}, a_line("committed", amount_fen=CLAIMED_FEN - 1)),
        ({"state": "committed", "claim_id": None}, a_line("refunded")),
        ({"state": "committed", "claim_id": None}, None),
    ],
)
def test_a_confirmed_order_differs_from_any_other_hold(
    hold: dict[str, Any] | None, line: dict[str, Any] | None
) -> None:
    held = [] if line is None else [line]
    assert hold_differences(an_order("confirmed"), hold=hold, wanted=WANTED, held=held)


def test_an_order_without_voucher_needs_no_hold() -> None:
    lines = [{"line": 1, "voucher_fen": 0, "refunded": False}]
    assert hold_differences(an_order("confirmed", voucher_fen=0), hold=None, wanted=lines, held=[]) == []


def test_a_paid_item_agrees_when_settlement_order_and_ledger_name_one_amount() -> None:
    item = {"state": "paid", "claim_id": CLAIM, "approved_fen": 700_000}
    order = an_order("redeemed", claim_id=CLAIM, paid_fen=700_000)
    assert item_difference(item, order, {"redeemed_fen": 700_000}) is None
    assert item_difference(item, order, {"redeemed_fen": 699_999})
    assert item_difference(item, order, None)
    assert item_difference(item, {**order, "paid_fen": 699_999}, {"redeemed_fen": 700_000})


def test_an_ended_item_must_not_hold_its_order_any_more() -> None:
    item = {"state": "rejected", "claim_id": CLAIM, "approved_fen": None}
    assert item_difference(item, an_order("claimed", claim_id=CLAIM), None)
    assert item_difference(item, an_order("claimed", claim_id=OTHER_CLAIM), None) is None
    assert item_difference(item, an_order("confirmed"), None) is None


def test_a_live_item_needs_its_order_claimed_by_its_claim() -> None:
    item = {"state": "open", "claim_id": CLAIM, "approved_fen": None}
    assert item_difference(item, an_order("claimed", claim_id=CLAIM), None) is None
    assert item_difference(item, an_order("claimed", claim_id=OTHER_CLAIM), None)
    assert item_difference(item, an_order("confirmed"), None)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_difference_is_told_in_both_languages_from_the_same_facts(kind: str) -> None:
    english, chinese, repair = KINDS[kind]
    names = [{name for _, name, _, _ in Formatter().parse(text) if name} for text in (english, chinese, repair)]
    assert names[1] | names[2] <= names[0] | ALWAYS_KNOWN
