"""Bounds of figures: they complain about what grew, and about a bound that is no longer true."""

import pytest

from tools.house.bounds import NotYet, complaints


@pytest.mark.parametrize(("value", "complains"), [(4, ""), (5, ""), (6, "x: 6, at most 5")])
def test_a_goal_that_holds_may_not_be_passed(value: int, complains: str) -> None:
    assert complaints({"x": value}, goals={"x": 5}, not_yet={}) == ([complains] if complains else [])


@pytest.mark.parametrize(
    ("value", "complains"),
    [(9, ""), (10, "may only fall to 5"), (8, "lower the bound"), (5, "take it out"), (4, "take it out")],
)
def test_a_record_is_todays_value_and_nothing_else(value: int, complains: str) -> None:
    found = complaints({"x": value}, goals={}, not_yet={"x": NotYet(today=9, goal=5)})
    assert [line for line in found if complains not in line] == []
    assert len(found) == (complains != "")


def test_every_figure_has_one_bound() -> None:
    both = {"x": NotYet(today=1, goal=0)}
    assert complaints({"x": 1, "y": 1}, goals={"x": 1}, not_yet=both) == ["y: 1, and no bound", "x: two bounds"]
