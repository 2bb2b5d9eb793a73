"""Folded search texts, LIKE patterns that hold no wildcards, and price outliers."""

import re
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.catalog.domain.prices import ClassMedian, Outlier, outliers
from services.catalog.domain.search import fold, like_pattern, search_text, words_of
from shared.contracts.messages.catalog import Component
from shared.kernel.money import BasisPoints
from shared.kernel.refusals import Bug


def a_price(price_fen: int, *, unit: str = "台/月") -> Component:
    return Component(code="vm", name="云主机", unit=unit, price_fen=price_fen)


def test_full_width_and_case_are_folded_and_blanks_are_single() -> None:
    assert fold("ＥＣＳ　云主机\t Ｐｒｏ") == "ecs 云主机 pro"
    assert fold("\x00云\x00") == "云"


def test_the_words_of_a_query_come_once_each() -> None:
    assert words_of("  云　主机 云 ") == ("云", "主机")
    assert words_of(" \u3000") == ()


def test_parts_do_not_match_across_their_border() -> None:
    assert "机贵" not in search_text(["云主机", "贵州云"])


@given(word=st.text(min_size=1, max_size=20))
def test_a_pattern_matches_exactly_the_texts_that_hold_the_word(word: str) -> None:
    pattern = like_pattern(word)
    # LIKE spelt as a regular expression: an escaped character is itself, % is anything, _ is one character.
    parts = re.findall(r"\\.|%|_|[^\\%_]", pattern, flags=re.DOTALL)
    expression = "".join({"%": ".*", "_": "."}.get(part, re.escape(part.removeprefix("\\"))) for part in parts)
    assert re.fullmatch(expression, f"前{word}后", flags=re.DOTALL)
    assert re.fullmatch(expression, "甲乙", flags=re.DOTALL) is None or word in "甲乙"


@pytest.mark.requirement("R39")
def test_a_price_above_the_factor_times_the_median_is_flagged_and_one_at_it_is_not() -> None:
    medians = {"台/月": ClassMedian(median_fen=101, prices=3)}
    # 1.5 x 101 fen = 151.5 fen: 151 passes and 152 is flagged, with no rounding between.
    assert outliers([a_price(151)], medians=medians, factor_bp=BasisPoints(15_000)) == ()
    assert outliers([a_price(152)], medians=medians, factor_bp=BasisPoints(15_000)) == (
        Outlier(component="vm", unit="台/月", price_fen=152, median_fen=101, prices=3),
    )


def test_units_are_compared_folded_and_an_unknown_unit_is_not_judged() -> None:
    medians = {"gb/月": ClassMedian(median_fen=10, prices=1)}
    assert len(outliers([a_price(16, unit="ＧＢ/月")], medians=medians, factor_bp=BasisPoints(15_000))) == 1
    assert outliers([a_price(10**15, unit="TB/月")], medians=medians, factor_bp=BasisPoints(15_000)) == ()


def test_a_factor_below_one_is_a_bug() -> None:
    with pytest.raises(Bug):
        outliers([], medians={}, factor_bp=BasisPoints(9_999))


@given(price_fen=st.integers(1, 10**15), median_fen=st.integers(1, 10**15), factor_bp=st.integers(10_000, 1_000_000))
def test_the_flag_is_exact_for_all_amounts(price_fen: int, median_fen: int, factor_bp: int) -> None:
    medians = {"台/月": ClassMedian(median_fen=median_fen, prices=1)}
    flagged = outliers([a_price(price_fen)], medians=medians, factor_bp=BasisPoints(factor_bp))
    assert bool(flagged) == (Fraction(price_fen, median_fen) > Fraction(factor_bp, 10_000))
