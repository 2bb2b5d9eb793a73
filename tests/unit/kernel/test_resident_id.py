"""The resident ID number: the standard's own two examples, no area table, and nothing shown in clear."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum.cn import ric as cn_ric
from stdnum.iso7064 import mod_11_2

from shared.kernel.resident_id import ResidentIdCheckDigit, ResidentIdMalformed, accept, mask

STANDARD_EXAMPLES = ["11010519491231002X", "440524188001010014"]


@pytest.mark.requirement("R65")
@pytest.mark.parametrize("number", STANDARD_EXAMPLES)
def test_the_examples_of_the_standard_are_accepted(number: str) -> None:
    assert accept(number) == number


@pytest.mark.parametrize("text", ["11010519491231002x", " 11010519491231002X ", "１１０１０５１９４９１２３１００２ｘ"])
def test_case_blanks_and_full_width_forms_of_a_number_are_normalised(text: str) -> None:
    assert accept(text) == "11010519491231002X"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "11010519491231002",
        "11010519491231002XX",
        "1101051949123100X2",
        "11010519491331002X",
        "11010519490230002X",
        "11010500001231002X",
        "٠١٠١٠٥١٩٤٩١٢٣١٠٠٢X",
    ],
)
def test_a_wrong_shape_or_date_of_birth_is_malformed_and_not_echoed(text: str) -> None:
    with pytest.raises(ResidentIdMalformed) as refused:
        accept(text)
    assert refused.value.facts == {}


@given(number=st.sampled_from(STANDARD_EXAMPLES), place=st.integers(14, 17), digit=st.sampled_from("0123456789"))
def test_one_mistyped_place_after_the_date_fails_the_check(number: str, place: int, digit: str) -> None:
    mistyped = number[:place] + digit + number[place + 1 :]
    if mistyped == number:
        assert accept(mistyped) == number
    else:
        with pytest.raises(ResidentIdCheckDigit):
            accept(mistyped)


def test_a_number_of_a_division_that_published_tables_lack_is_accepted() -> None:
    # 440524 was dissolved; the area table of python-stdnum refuses this example of the standard itself.
    assert not cn_ric.is_valid("440524188001010014")
    assert accept("440524188001010014") == "440524188001010014"


@given(sequence=st.integers(0, 999))
def test_the_check_place_is_iso_7064_modulus_11_2_in_an_area_that_never_existed(sequence: int) -> None:
    first_places = f"00000019491231{sequence:03d}"
    number = first_places + mod_11_2.calc_check_digit(first_places)
    assert accept(number) == number


def test_a_masked_number_shows_neither_date_of_birth_nor_sequence_start() -> None:
    assert mask("11010519491231002X") == "110***********002X"


@pytest.mark.parametrize(("text", "shown"), [("", ""), ("1234", "****"), ("1" * 19, "*" * 19)])
def test_a_text_of_another_length_is_hidden_whole(text: str, shown: str) -> None:
    assert mask(text) == shown
