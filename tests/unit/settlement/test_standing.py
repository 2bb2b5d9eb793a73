"""What stands against paying an order does at each step what the table of ADR 0022 says."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from services.settlement.domain.refusals import OverrideMissing, PartiesBarred
from services.settlement.domain.standing import (
    CONDITION_ZH,
    Mark,
    MoneyStep,
    OrderParties,
    OverrideInForce,
    PartyStanding,
    PartyTie,
    PaymentCondition,
    check_standing,
    marks_of,
    uncovered,
)
from tests.factories.harness import repository

NOW = datetime(2026, 3, 2, 1, tzinfo=UTC)
ORDER = UUID(int=1)
REFUSE, OVERRIDE, SHOW = "refuse", "override", "show"
# Written by hand: condition, then submit, first review, bureau review, request, approve, pay.
WRITTEN = {
    "tied": (REFUSE, OVERRIDE, OVERRIDE, OVERRIDE, OVERRIDE, OVERRIDE),
    "same_code": (REFUSE, OVERRIDE, OVERRIDE, OVERRIDE, OVERRIDE, OVERRIDE),
    "provider_suspended": (REFUSE, OVERRIDE, OVERRIDE, OVERRIDE, OVERRIDE, OVERRIDE),
    "provider_blacklisted": (REFUSE, OVERRIDE, OVERRIDE, OVERRIDE, OVERRIDE, OVERRIDE),
    "provider_closed": (REFUSE, OVERRIDE, OVERRIDE, OVERRIDE, OVERRIDE, OVERRIDE),
    "enterprise_suspended": (SHOW, OVERRIDE, OVERRIDE, OVERRIDE, OVERRIDE, OVERRIDE),
    "enterprise_blacklisted": (SHOW, OVERRIDE, OVERRIDE, OVERRIDE, OVERRIDE, OVERRIDE),
    "enterprise_closed": (SHOW, OVERRIDE, OVERRIDE, OVERRIDE, OVERRIDE, OVERRIDE),
}
STEPS = ("submit", "first_review", "bureau_review", "request", "approve", "pay")
CELLS = [
    (condition, step, effect)
    for condition, effects in WRITTEN.items()
    for step, effect in zip(STEPS, effects, strict=True)
]


def a_mark(condition: str) -> Mark:
    return Mark(condition=PaymentCondition(condition), key=condition)


def outcome(condition: str, step: str, *, lifted: bool) -> str:
    marks = {ORDER: [a_mark(condition)]}
    try:
        check_standing(MoneyStep(step), marks=marks, overridden={ORDER: [condition]} if lifted else {})
    except PartiesBarred:
        return REFUSE
    except OverrideMissing:
        return OVERRIDE
    return "goes on"


@pytest.mark.requirement("R63")
@pytest.mark.parametrize(("condition", "step", "effect"), CELLS)
def test_every_condition_does_at_every_step_what_is_written(condition: str, step: str, effect: str) -> None:
    assert outcome(condition, step, lifted=False) == ("goes on" if effect == SHOW else effect)
    assert outcome(condition, step, lifted=True) == (REFUSE if effect == REFUSE else "goes on")


def test_the_table_has_every_condition_and_every_step() -> None:
    assert set(PaymentCondition) == set(WRITTEN)
    assert tuple(MoneyStep) == STEPS


@pytest.mark.parametrize("condition", list(PaymentCondition))
def test_a_refusal_names_the_condition_in_chinese(condition: PaymentCondition) -> None:
    with pytest.raises(OverrideMissing) as refused:
        check_standing(MoneyStep.PAY, marks={ORDER: [a_mark(condition.value)]})
    assert CONDITION_ZH[condition] in refused.value.detail
    assert refused.value.facts["orders"] == [{"order_id": str(ORDER), "conditions": [condition.value]}]


def test_the_decision_record_shows_the_same_table() -> None:
    text = (repository() / "docs/adr/0022-money-looks-again.md").read_text(encoding="utf-8")
    for condition, effects in WRITTEN.items():
        assert f"| {condition} | {' | '.join(effects)} |" in text


@pytest.mark.parametrize("party", ["provider", "enterprise"])
def test_a_suspension_dated_for_later_does_not_stand_yet_and_a_blacklisting_stands_at_once(party: str) -> None:
    for since, expected in ((NOW + timedelta(seconds=1), []), (NOW, [f"{party}_suspended"])):
        pair = OrderParties(**{party: PartyStanding(suspended_since=since)})
        assert [mark.condition.value for mark in marks_of(pair, now=NOW)] == expected
        listed = OrderParties(**{party: PartyStanding(suspended_since=since, blacklisted=True)})
        assert [mark.condition.value for mark in marks_of(listed, now=NOW)] == [f"{party}_blacklisted"]


def test_a_tie_is_shown_with_its_kind_its_origin_and_its_date() -> None:
    tie = PartyTie(id=UUID(int=5), kind="property_tie", origin="declared", recorded_at=NOW)
    (mark,) = marks_of(OrderParties(ties=[tie]), now=NOW)
    assert (mark.condition, mark.kind, mark.origin, mark.since) == (
        PaymentCondition.TIED,
        "property_tie",
        "declared",
        NOW,
    )


def test_everything_that_stands_is_named() -> None:
    tie = PartyTie(id=UUID(int=5), kind="property_tie", origin="", recorded_at=None)
    listed = PartyStanding(suspended_since=NOW, blacklisted=True, closed=True)
    stopped = PartyStanding(suspended_since=NOW, closed=True)
    marks = [
        *marks_of(OrderParties(provider=listed, enterprise=stopped, ties=[tie], same_code=True), now=NOW),
        *marks_of(OrderParties(provider=stopped, enterprise=listed), now=NOW)[::2],
    ]
    assert {mark.condition for mark in marks} == set(PaymentCondition)
    assert len({mark.key for mark in marks}) == len(marks)


@pytest.mark.parametrize(
    ("amount_fen", "covers", "expires_in_s", "left"),
    [
        (100, {"tied"}, 1, 0),
        (99, {"tied"}, 1, 1),
        (100, {"provider_closed"}, 1, 1),
        (100, {"tied"}, 0, 1),
    ],
    ids=["covers", "another amount", "another condition", "expired"],
)
def test_an_override_counts_for_its_amount_its_conditions_and_its_time(
    amount_fen: int, covers: set[str], expires_in_s: int, left: int
) -> None:
    override = OverrideInForce(
        amount_fen=amount_fen, covers=frozenset(covers), expires_at=NOW + timedelta(seconds=expires_in_s)
    )
    assert len(uncovered([a_mark("tied")], amount_fen=100, overrides=[override], now=NOW)) == left


def test_a_suspension_that_comes_again_is_not_covered_by_the_override_of_the_first() -> None:
    first, second = (
        marks_of(OrderParties(provider=PartyStanding(suspended_since=NOW - timedelta(days=days))), now=NOW)
        for days in (2, 1)
    )
    override = OverrideInForce(
        amount_fen=100, covers=frozenset(mark.key for mark in first), expires_at=NOW + timedelta(days=1)
    )
    assert uncovered(first, amount_fen=100, overrides=[override], now=NOW) == ()
    assert uncovered(second, amount_fen=100, overrides=[override], now=NOW) == second
