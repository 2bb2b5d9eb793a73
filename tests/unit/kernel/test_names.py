"""Names: rare characters are letters on every interpreter, unseen ones are not, and spellings of one fold to one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.kernel.names import fold, fold_name, fold_phone, is_ideograph, is_plain, is_seen


@pytest.mark.parametrize(
    "symbol",
    [
        "\u3400",
        "\u9fff",
        "\U0002a6d6",
        "\U0002b739",
        "\U0002ceb0",
        "\U0002ebf0",
        "\U00030000",
        "\U00031350",
        "\U000323b0",
    ],
    ids=["A", "URO", "B", "C", "F", "I", "G", "H", "J"],
)
def test_ideographs_of_every_extension_are_letters_whatever_the_interpreter_knows(symbol: str) -> None:
    assert is_ideograph(symbol)
    assert is_seen(f"贵{symbol}", letters_min=2)


@pytest.mark.parametrize(
    "unseen",
    [
        "\u200b", "\u200d", "\u2060", "\ufeff", "\u00ad", "\u034f", "\u115f", "\u1160", "\u3164", "\uffa0", "\u180e",
        "\u202e", "\u2066", "\u061c", "\u2800", "\ufe0f", "\U000e0100", "\U000e0041", "\x00", "\x1b", "\u2028",
        "\ue000", "\ud800", "\ufffe",
    ],
    ids=ascii,
)  # fmt: skip
def test_a_character_that_shows_nothing_makes_a_name_refused(unseen: str) -> None:
    assert is_seen("甲乙公司", letters_min=2)
    if unseen not in {"\ufe0f", "\U000e0100"}:
        assert not is_seen(f"甲{unseen}乙公司", letters_min=2)
    assert not is_seen(f"A{unseen}B公司", letters_min=2)
    assert not is_seen(unseen * 5)


def test_a_chosen_form_of_an_ideograph_is_a_name_and_folds_to_the_character() -> None:
    assert is_seen("葛\U000e0100城", letters_min=2)
    assert not is_seen("\U000e0100葛城", letters_min=2)
    assert fold_name("葛\U000e0100城") == fold_name("葛城")


@pytest.mark.parametrize("bracket", "<>＜＞﹤﹥")
def test_an_angle_bracket_of_any_width_makes_a_name_refused(bracket: str) -> None:
    assert not is_seen(f"贵州{bracket}云有限公司", letters_min=2)
    assert not is_plain(bracket)


@pytest.mark.parametrize("name", ["《数据法》咨询", "云〈一〉号", "〔甲〕公司", "R&D（贵阳）", "a=b"])
def test_the_marks_of_titles_and_other_signs_stay_in_a_name(name: str) -> None:
    assert is_seen(name)


@pytest.mark.parametrize("name", ["", "   ", "12345", "（）", "——", "\u3000\u3000"])
def test_a_name_without_letters_is_none(name: str) -> None:
    assert not is_seen(name)


@pytest.mark.parametrize(
    "spelling",
    [
        "贵州（集团）ABC公司", "贵州(集团)ABC公司", "贵州〔集团〕ＡＢＣ公司", "贵州【集团】abc公司",
        "贵州［集团］Abc公司",
        "贵州 （ 集团 ） ABC 公司", "贵州\u3000(集团)abc公司", "贵州(集\u200b团)abc公司",
    ],
)  # fmt: skip
def test_width_case_brackets_and_blanks_are_one(spelling: str) -> None:
    assert fold_name(spelling) == "贵州集团abc公司"


def test_a_search_keeps_single_blanks_between_words() -> None:
    assert fold(" Elastic\u3000 计算 〔Pro〕") == "elastic 计算 (pro)"


@given(st.text("贵州甲乙（）()〔〕【】［］ \u3000\t\u200bＡＢＣabcXYZ０１23－-·\U000323b0\U000e0100", max_size=30))
def test_folding_twice_is_folding_once(text: str) -> None:
    once = fold_name(text)
    assert fold_name(once) == once


@pytest.mark.parametrize(
    "spelling",
    [
        "13812345678", "+8613812345678", "+86 138 1234 5678", "86-138-1234-5678", "0086 13812345678", "138－1234－5678",
        "１３８１２３４５６７８", "＋８６（138）12345678", "138.1234.5678", "138‑1234‑5678",
    ],
)  # fmt: skip
def test_spellings_of_a_mobile_number_are_one(spelling: str) -> None:
    assert fold_phone(spelling) == "13812345678"


@pytest.mark.parametrize(
    ("spelling", "plain"),
    [("0851-86812345", "085186812345"), ("(0851) 8681 2345", "085186812345"), ("86812345", "86812345")],
)
def test_a_land_line_keeps_its_digits(spelling: str, plain: str) -> None:
    assert fold_phone(spelling) == plain
