"""The unified social credit code: the standard's example, the known traps, and what only warns."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.kernel.credit_code import (
    CreditCodeCheckDigit,
    CreditCodeIsResidentId,
    CreditCodeMalformed,
    CreditCodeUnknownKind,
    EntityKind,
    accept,
    body_of,
    check_character,
    examine,
    normalise,
    same_body,
)
from shared.kernel.resident_id import has_shape

SYMBOLS = "0123456789ABCDEFGHJKLMNPQRTUWXY"
MADE_UP = [
    "91520100MA6DK0X17T",
    "91520300MA6H2B7C7R",
    "91520900MAAJ4T0P8N",
    "92520200MA6GKQ8380",
    "52520000MJY00A1R66",
]
bodies = st.text("0123456789ABCDEFGHJKLMNPQRTUWXY", min_size=9, max_size=9)


@pytest.mark.requirement("R44")
@pytest.mark.requirement("R64")
@pytest.mark.parametrize("code", MADE_UP)
def test_a_valid_code_is_accepted_without_warning(code: str) -> None:
    check = accept(code)
    assert check.code == code
    assert check.valid
    assert not check.check_digit_fails
    assert not check.organisation_check_warns
    assert check.province_hint == "52"


def test_the_worked_example_of_the_standard_has_check_character_3() -> None:
    assert check_character("91350100M000100Y4") == "3"


def test_a_sum_divisible_by_31_gives_check_character_0() -> None:
    assert check_character("92520200MA6GKQ838") == "0"


@pytest.mark.parametrize(
    "text", ["91520100ma6dk0x17t", "  91520100MA6DK0X17T\n", "９１５２０１００ｍａ６ＤＫ０Ｘ１７Ｔ"]
)
def test_case_blanks_and_full_width_forms_are_normalised(text: str) -> None:
    assert normalise(text) == "91520100MA6DK0X17T"
    assert accept(text).code == "91520100MA6DK0X17T"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "91520100MA6DK0X17",
        "91520100MA6DK0X17TT",
        "91520100MA6DK0X1IT",
        "91520100MA6DK0X1OT",
        "91520100MA6DK0X1ST",
        "91520100MA6DK0X1VT",
        "91520100MA6DK0X1ZT",
        "9152A100MA6DK0X17T",
        "91520100-MA6DK0X17",
        "91520100MA6DK0X１７ß",
    ],
)
def test_a_text_without_the_shape_is_malformed(text: str) -> None:
    with pytest.raises(CreditCodeMalformed) as refused:
        examine(text)
    assert refused.value.code == "credit_code.malformed"
    assert text not in refused.value.facts.values()


@pytest.mark.parametrize(
    "number",
    [
        "362322198709086409",
        "52010219900307233X",
        "520102199003072330",
        "５２０１０２１９９００３０７２３３ｘ",
        " 520102 19900307 233X ",
        "520102-19900307-2330",
    ],
    ids=["passes the codes' sum", "a code's pair", "mistyped", "full width", "blanks", "hyphens"],
)
def test_a_residents_id_number_in_a_codes_place_is_a_refusal_of_its_own_that_echoes_nothing(number: str) -> None:
    with pytest.raises(CreditCodeIsResidentId) as refused:
        examine(number)
    assert refused.value.facts == {}
    assert not any(part in refused.value.detail for part in (number, number[:2], "1990"))


def test_a_right_code_that_happens_to_hold_a_day_is_a_code() -> None:
    body = "52522019900101233"
    code = body + check_character(body)
    assert has_shape(body + "0")
    assert examine(code).valid
    wrong = body + ("0" if code[17] != "0" else "1")
    with pytest.raises(CreditCodeIsResidentId):
        examine(wrong)


def test_a_first_pair_of_no_authority_is_refused_and_not_echoed() -> None:
    with pytest.raises(CreditCodeUnknownKind) as refused:
        examine("99" + "520100MA6DK0X17T"[:16])
    assert refused.value.facts == {}
    assert "99" not in refused.value.detail


def test_a_real_code_whose_check_fails_is_refused_alone_and_examinable_with_evidence() -> None:
    code = "91350203M0001QKT19"
    check = examine(code)
    assert check.check_digit_fails
    assert not check.valid
    assert check.kind is EntityKind.ENTERPRISE
    assert check_character(code[:17]) == "F"
    with pytest.raises(CreditCodeCheckDigit) as refused:
        accept(code)
    assert refused.value.code == "credit_code.check_digit"


def test_letters_in_the_first_place_are_allowed() -> None:
    assert examine("N2520100MF0000013R").kind is EntityKind.RURAL_COLLECTIVE


def test_a_failing_organisation_part_only_warns() -> None:
    # M000100Y4 is the example's organisation code; with 5 its own check is wrong, the outer one is redone.
    altered = "91350100M000100Y5"
    check = accept(altered + check_character(altered))
    assert check.valid
    assert check.organisation_check_warns


@pytest.mark.parametrize(("organisation", "warns"), [("00000006", True), ("00000000", False)])
def test_remainder_0_of_the_organisation_code_gives_0(organisation: str, *, warns: bool) -> None:
    # 11 - 0 mod 11 = 11, which GB 11714 writes 0; 6 x weight 2 leaves 1, hence 10, which it writes X.
    code = "91520100" + organisation + "0"
    assert examine(code + check_character(code)).organisation_check_warns is warns
    code = "91520100" + organisation + "X"
    assert examine(code + check_character(code)).organisation_check_warns is not warns


@pytest.mark.requirement("R61")
@pytest.mark.parametrize(
    ("pair", "kind", "may_be_legal_person"),
    [
        ("11", EntityKind.STATE_ORGAN, True),
        ("12", EntityKind.STATE_ORGAN, True),
        ("31", EntityKind.LEGAL_SERVICE, True),
        ("51", EntityKind.CIVIL_ORGANISATION, True),
        ("52", EntityKind.CIVIL_ORGANISATION, True),
        ("54", EntityKind.CIVIL_ORGANISATION, True),
        ("81", EntityKind.TRADE_UNION, True),
        ("91", EntityKind.ENTERPRISE, True),
        ("92", EntityKind.INDIVIDUAL_BUSINESS, False),
        ("93", EntityKind.COOPERATIVE, True),
        ("A1", EntityKind.MILITARY_UNIT, True),
        ("N1", EntityKind.RURAL_COLLECTIVE, True),
        ("N3", EntityKind.RURAL_COLLECTIVE, True),
        ("Y1", EntityKind.OTHER, True),
    ],
)
def test_the_first_two_places_say_what_the_holder_is(pair: str, kind: EntityKind, *, may_be_legal_person: bool) -> None:
    check = examine(pair + "520100MA6DK0X170")
    assert check.kind is kind
    assert check.may_be_legal_person is may_be_legal_person


@pytest.mark.parametrize("pair", ["01", "36", "94", "99", "N4", "Y9", "14", "XX"])
def test_other_pairs_are_no_credit_codes(pair: str) -> None:
    with pytest.raises(CreditCodeUnknownKind):
        examine(pair + "520100MA6DK0X170")


@given(body=bodies, place=st.integers(8, 16), symbol=st.sampled_from(SYMBOLS))
def test_one_mistyped_place_always_fails_the_check(body: str, place: int, symbol: str) -> None:
    first = "91520100" + body
    code = first + check_character(first)
    mistyped = code[:place] + symbol + code[place + 1 :]
    assert examine(code).valid
    assert examine(mistyped).check_digit_fails is (mistyped != code)


@given(text=st.text(max_size=24))
def test_any_text_is_examined_or_refused(text: str) -> None:
    try:
        check = examine(text)
    except (CreditCodeMalformed, CreditCodeUnknownKind):
        return
    assert len(check.code) == 18


def test_two_codes_that_differ_in_the_check_place_only_name_one_body() -> None:
    assert same_body("91520100MA6DK0X17T", " 91520100ma6dk0x17A ")
    assert body_of("91520100MA6DK0X17T") == "91520100MA6DK0X17"


def test_two_codes_that_differ_before_the_check_place_name_two_bodies() -> None:
    assert not same_body("91520100MA6DK0X17T", "91520100MA6DK0X18T")


@pytest.mark.parametrize("number", ["520102195303103481", "520102196605197342", "520102196105172552"])
def test_a_residents_id_number_that_has_the_check_character_of_a_code_as_well_is_no_code(number: str) -> None:
    assert check_character(number[:17]) == number[17]
    with pytest.raises(CreditCodeIsResidentId) as refused:
        examine(number)
    assert refused.value.facts == {}
