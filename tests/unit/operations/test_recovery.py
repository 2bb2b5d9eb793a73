"""Which commands are sent again after a restore, told from what the saga has on record."""

from collections.abc import Mapping
from io import StringIO
from typing import Any
from uuid import UUID

import pytest

from operations.orders import Dossier
from operations.recovery import Sagas, settlement_commands, voucher_commands
from operations.report import Progress, table

ORDER, CLAIM, OTHER, REFUND = UUID(int=1), UUID(int=2), UUID(int=3), UUID(int=4)


def a_saga(kind: str, state: str, **changes: Any) -> dict[str, Any]:
    ids = {"purchase": ORDER, "refund": REFUND}
    number = {"refund": 1}.get(kind, 2)
    plain = {"id": ids.get(kind, OTHER), "kind": kind, "state": state, "number": number, "claim_id": None}
    return {**plain, "paid_fen": None, "lines": None, **changes}


def a_dossier(hold: Mapping[str, Any] | None, *, line: str = "committed", item: str | None = None) -> Dossier:
    order = {"id": ORDER, "enterprise_id": UUID(int=9), "year": 2018, "reason": "enterprise"}
    return Dossier(
        order={**order, "voucher_fen": 800, "refunded_voucher_fen": 300},
        lines=[{"line": 1, "voucher_fen": 500}, {"line": 2, "voucher_fen": 300}, {"line": 3, "voucher_fen": 0}],
        hold=hold,
        held=[] if hold is None else [{"line": number, "state": line} for number in (1, 2)],
        flow=None,
        items=[] if item is None else [{"claim_id": CLAIM, "state": item}],
        copy=None,
    )


def asked(dossier: Dossier, *sagas: Mapping[str, Any], settlement: bool = False) -> list[str]:
    of_kind = {kind: [one for one in sagas if one["kind"] == kind] for kind in ("purchase", "refund", "claim")}
    found = Sagas(purchase=next(iter(of_kind["purchase"]), None), refunds=of_kind["refund"], claims=of_kind["claim"])
    sendings = settlement_commands(dossier, found) if settlement else voucher_commands(dossier, found)
    return [f"{one.command.name}#{one.number}" for one in sendings]


HELD, FIRM = {"state": "held", "claim_id": None}, {"state": "committed", "claim_id": None}
LOCKED, PAID = {"state": "claimed", "claim_id": CLAIM}, {"state": "redeemed", "claim_id": CLAIM}


@pytest.mark.parametrize(
    ("state", "hold", "expected"),
    [
        ("holding", None, []),
        ("refused", None, []),
        ("released", None, []),
        ("releasing", HELD, []),
        ("released", HELD, ["voucher.release#2"]),
        ("held", None, ["voucher.hold#1"]),
        ("held", HELD, []),
        ("committing", None, ["voucher.hold#1"]),
        ("committed", None, ["voucher.hold#1", "voucher.commit#2"]),
        ("committed", HELD, ["voucher.commit#2"]),
        ("committed", FIRM, []),
    ],
)
def test_a_purchase_asks_again_for_what_was_answered_and_nothing_else(
    state: str, hold: Mapping[str, Any] | None, expected: list[str]
) -> None:
    assert asked(a_dossier(hold), a_saga("purchase", state)) == expected


def test_an_order_without_voucher_asks_for_nothing() -> None:
    assert asked(a_dossier(None)) == []


def test_a_hold_is_made_anew_from_the_lines_that_carry_voucher() -> None:
    purchase = a_saga("purchase", "held")
    (sending,) = voucher_commands(a_dossier(None), Sagas(purchase=purchase, refunds=[], claims=[]))
    assert [(line.line, line.amount_fen) for line in sending.command.lines] == [(1, 500), (2, 300)]  # type: ignore[attr-defined] # a hold


def test_a_refund_is_asked_for_until_its_lines_are_refunded() -> None:
    committed, refund = a_saga("purchase", "committed"), a_saga("refund", "returned", lines=[2, 3])
    assert asked(a_dossier(FIRM), committed, refund) == ["voucher.refund#1"]
    assert asked(a_dossier(FIRM, line="refunded"), committed, refund) == []
    assert asked(a_dossier(FIRM), committed, {**refund, "state": "returning"}) == [], "the sweeper asks for that"


def test_a_claim_is_locked_paid_or_given_back_as_it_stands() -> None:
    committed = a_saga("purchase", "committed")
    claim = a_saga("claim", "open", claim_id=CLAIM)
    assert asked(a_dossier(FIRM), committed, claim) == ["voucher.claim#1"]
    assert asked(a_dossier(LOCKED), committed, claim) == []
    paid = {**claim, "state": "redeemed", "number": 3, "paid_fen": 700}
    assert asked(a_dossier(FIRM), committed, paid) == ["voucher.claim#1", "voucher.redeem#3"]
    assert asked(a_dossier(LOCKED), committed, paid) == ["voucher.redeem#3"]
    assert asked(a_dossier(PAID), committed, paid) == []
    assert asked(a_dossier(LOCKED), committed, {**claim, "state": "ended"}) == ["voucher.unclaim#2"]
    assert asked(a_dossier(FIRM), committed, {**claim, "state": "ended"}) == []


def test_a_claim_that_ended_gives_way_to_the_next_one() -> None:
    ended = a_saga("claim", "ended", claim_id=CLAIM)
    following = a_saga("claim", "open", claim_id=OTHER, id=UUID(int=7))
    wanted = ["voucher.unclaim#2", "voucher.claim#1"]
    assert asked(a_dossier(LOCKED), a_saga("purchase", "committed"), ended, following) == wanted


def test_settlement_is_asked_only_about_items_whose_answer_is_on_record() -> None:
    claim = a_saga("claim", "open", claim_id=CLAIM)
    assert asked(a_dossier(LOCKED, item="submitted"), claim, settlement=True) == ["settlement.open_item#2"]
    assert asked(a_dossier(LOCKED, item="open"), claim, settlement=True) == []
    assert asked(a_dossier(LOCKED, item="submitted"), {**claim, "state": "opening"}, settlement=True) == []
    refused = {**claim, "state": "refused"}
    assert asked(a_dossier(FIRM, item="submitted"), refused, settlement=True) == ["settlement.refuse_item#2"]


def test_progress_is_silent_at_first_and_says_its_share_later() -> None:
    early, late = StringIO(), StringIO()
    Progress(stream=early).tell("facts", 1, 4)
    Progress(stream=late, after_s=0).tell("facts", 1, 4)
    assert (early.getvalue(), late.getvalue().split(",")[0]) == ("", "facts: 1 of 4 (25 %)")


def test_progress_says_the_pace_and_how_long_the_rest_takes() -> None:
    said, moments = StringIO(), iter((0.0, 0.0, 20.0))
    progress = Progress(stream=said, after_s=2.0, now=lambda: next(moments))
    progress.tell("orders", 1_000, 1_000_000)
    progress.tell("orders", 21_000, 1_000_000)
    assert said.getvalue() == "orders: 21,000 of 1,000,000 (2 %), 1,000 a second, 16 min left, 20 s\n"


def test_a_table_puts_figures_to_the_right() -> None:
    assert table(("name", "fen"), [["left", 1_000], ["held", 5]]) == ["name    fen", "left  1,000", "held      5"]
