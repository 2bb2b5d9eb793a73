"""Tables of moves: what is not in the table is a bug of the caller."""

from enum import StrEnum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.kernel.refusals import Bug
from shared.kernel.states import Transitions


class Light(StrEnum):
    """A signal that goes from red by green to dark."""

    RED = "red"
    GREEN = "green"
    DARK = "dark"


MOVES = Transitions({(Light.RED, Light.GREEN), (Light.GREEN, Light.DARK)})


def test_a_move_has_one_direction_and_skips_nothing() -> None:
    allowed = [(before, after) for before in Light for after in Light if MOVES.allows(before, after)]
    assert allowed == [(Light.RED, Light.GREEN), (Light.GREEN, Light.DARK)]


def test_a_move_outside_the_table_is_a_bug_that_names_it() -> None:
    MOVES.check(Light.RED, Light.GREEN)
    with pytest.raises(Bug, match="move green -> red is not in the table"):
        MOVES.check(Light.GREEN, Light.RED)


def test_nothing_follows_the_last_state() -> None:
    assert MOVES.following(Light.RED) == {Light.GREEN}
    assert [state for state in Light if MOVES.terminal(state)] == [Light.DARK]


@given(pairs=st.sets(st.tuples(st.sampled_from(Light), st.sampled_from(Light))))
def test_what_follows_a_state_is_exactly_what_the_table_allows(pairs: set[tuple[Light, Light]]) -> None:
    moves = Transitions(pairs)
    for before in Light:
        assert {after for after in Light if (before, after) in pairs} == moves.following(before)
