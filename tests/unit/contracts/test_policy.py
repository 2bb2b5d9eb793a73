"""The policy pack: what both schemes say, and that every mistake names file, line, key and expectation."""

import hashlib
import re
from datetime import UTC, date, datetime
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.contracts.policy import ConditionCheck, PartyKind, PolicyPack, PolicyPackInvalid, load_pack
from shared.kernel.refusals import Bug

POLICIES = Path(__file__).parents[3] / "policies"
GUIZHOU_TEXT = (POLICIES / "guizhou-2018.toml").read_text(encoding="utf-8")
DEMO_TEXT = (POLICIES / "demo-city-2026.toml").read_text(encoding="utf-8")
GUIZHOU = load_pack(GUIZHOU_TEXT, name="guizhou-2018.toml")
DEMO = load_pack(DEMO_TEXT, name="demo-city-2026.toml")


def changed(before: str, after: str, *, text: str = GUIZHOU_TEXT) -> str:
    assert before in text, "the change must hit something"
    return text.replace(before, after, 1)


def line_with(found: str, *, text: str, occurrence: int = 1) -> int:
    lines = [number for number, line in enumerate(text.splitlines(), start=1) if found in line]
    return lines[occurrence - 1]


def refusal_of(text: str) -> PolicyPackInvalid:
    with pytest.raises(PolicyPackInvalid) as refused:
        load_pack(text, name="broken.toml")
    assert str(refused.value).startswith(f"broken.toml, line {refused.value.line}: ")
    return refused.value


@pytest.mark.requirement("R29")
def test_the_cap_of_the_province_is_fifty_thousand_yuan_a_year() -> None:
    assert GUIZHOU.cap_fen == 5_000_000


@pytest.mark.requirement("R32")
@pytest.mark.requirement("R33")
def test_the_eleven_classes_have_the_ratios_of_their_layers() -> None:
    ratios = {service_class.code: GUIZHOU.rate_bp(service_class.code) for service_class in GUIZHOU.classes}
    assert ratios == {
        "compute": 4_000,
        "storage": 4_000,
        "network": 4_000,
        "security": 4_000,
        "database": 6_000,
        "big_data": 6_000,
        "iot": 6_000,
        "development": 6_000,
        "production": 6_000,
        "research_design": 6_000,
        "other": 6_000,
    }


@pytest.mark.requirement("R34")
@pytest.mark.requirement("R35")
@pytest.mark.parametrize(
    ("code", "word"),
    [
        ("network", "带宽"),
        ("iot", "物联网"),
        ("production", "供应链"),
        ("research_design", "辅助设计"),
        ("other", "人力资源"),
    ],
)
def test_the_guidance_of_a_class_says_what_it_holds(code: str, word: str) -> None:
    service_class = GUIZHOU.class_of(code)
    assert service_class is not None
    assert word in service_class.guidance


@pytest.mark.requirement("R33")
def test_a_class_that_is_not_listed_is_not_eligible() -> None:
    assert GUIZHOU.class_of("consulting") is None
    with pytest.raises(Bug):
        GUIZHOU.rate_bp("consulting")


@pytest.mark.requirement("R5")
def test_the_province_has_nine_prefectures_and_the_new_area() -> None:
    assert len(GUIZHOU.regions) == 10
    found = GUIZHOU.region_of("520300")
    assert found is not None
    assert found.name == "遵义市"
    assert GUIZHOU.region_of("110000") is None


@pytest.mark.requirement("R45")
@pytest.mark.requirement("R65")
def test_each_party_files_its_own_documents() -> None:
    enterprise = [document.code for document in GUIZHOU.documents_of(PartyKind.ENTERPRISE)]
    provider = [document.code for document in GUIZHOU.documents_of(PartyKind.PROVIDER)]
    assert enterprise == ["licence", "id_front", "id_back", "enterprise_form"]
    assert provider == ["licence", "provider_form"]


@pytest.mark.requirement("R42")
def test_conditions_are_data_and_only_a_provider_may_lack_legal_personality() -> None:
    exceptions = [(condition.party, condition.code) for condition in GUIZHOU.conditions if condition.exception_allowed]
    assert exceptions == [(PartyKind.PROVIDER, "legal_person")]
    assert len(GUIZHOU.conditions_of(PartyKind.ENTERPRISE)) == 6
    assert len(GUIZHOU.conditions_of(PartyKind.PROVIDER)) == 9


@pytest.mark.requirement("R38")
def test_a_reviewer_judges_whether_a_provider_is_able_to_serve_well() -> None:
    found = [condition for condition in GUIZHOU.conditions_of(PartyKind.PROVIDER) if condition.source == "A10(2)"]
    assert [(condition.code, condition.check, condition.exception_allowed) for condition in found] == [
        ("service_capability", ConditionCheck.REVIEWED, False)
    ]
    for quality in ("服务功能完善", "服务特色突出", "专业性强", "社会信誉良好", "知名度高"):
        assert quality in found[0].text


@pytest.mark.requirement("R76")
def test_a_claim_needs_all_four_kinds_of_evidence() -> None:
    assert [kind.code for kind in GUIZHOU.evidence if kind.required] == ["invoice", "contract", "transfer", "usage"]


@pytest.mark.requirement("R54")
def test_only_the_fifth_ground_needs_a_correction_order_first() -> None:
    first = [ground.code for ground in GUIZHOU.delisting_grounds if ground.correction_order_first]
    assert first == ["g5_uncorrected"]
    assert len([ground for ground in GUIZHOU.delisting_grounds if ground.code.startswith("g3_")]) == 4


@pytest.mark.requirement("R81")
def test_the_limits_of_the_text_and_the_choices_are_named_fields() -> None:
    assert GUIZHOU.deadlines.question_working_days == 3
    assert GUIZHOU.deadlines.voluntary_exit_notice_days == 30
    assert GUIZHOU.deadlines.confirm_timeout_days == 15
    assert GUIZHOU.deadlines.refund_silence_days == 10


@pytest.mark.requirement("R83")
def test_the_fund_rule_shown_is_the_one_that_holds_on_the_day() -> None:
    def fund_rules(day: date) -> list[str]:
        return [found.number for found in GUIZHOU.legal_references_on(day) if found.number.startswith("黔财工")]

    assert fund_rules(date(2023, 12, 9)) == ["黔财工〔2017〕46号"]
    assert fund_rules(date(2023, 12, 10)) == ["黔财工〔2023〕203号"]
    assert fund_rules(date(2018, 8, 22)) == []


def test_a_scheme_is_in_force_from_its_first_to_its_last_day() -> None:
    assert not GUIZHOU.in_force_on(date(2018, 8, 22))
    assert GUIZHOU.in_force_on(date(2018, 8, 23))
    assert GUIZHOU.in_force_on(date(2099, 1, 1))
    assert DEMO.in_force_on(date(2027, 12, 31))
    assert not DEMO.in_force_on(date(2028, 1, 1))


@pytest.mark.requirement("R77")
@pytest.mark.parametrize(
    ("filed_at", "closes_at"),
    [
        # 23:59:59 in Beijing on the closing day is in time; midnight rolls to the next window.
        (datetime(2026, 3, 31, 15, 59, 59, tzinfo=UTC), datetime(2026, 3, 31, 16, 0, tzinfo=UTC)),
        (datetime(2026, 3, 31, 16, 0, tzinfo=UTC), datetime(2026, 6, 30, 16, 0, tzinfo=UTC)),
        (datetime(2026, 12, 31, 16, 0, tzinfo=UTC), datetime(2027, 3, 31, 16, 0, tzinfo=UTC)),
    ],
)
def test_a_claim_that_misses_the_window_rolls_to_the_next(filed_at: datetime, closes_at: datetime) -> None:
    assert GUIZHOU.claim_window_closes_at(filed_at) == closes_at


def test_a_window_after_the_last_of_the_year_is_the_first_of_the_next() -> None:
    filed_at = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)
    assert DEMO.claim_window_closes_at(filed_at) == datetime(2027, 5, 20, 16, 0, tzinfo=UTC)


@pytest.mark.requirement("R81")
@pytest.mark.parametrize(
    ("day", "working"),
    [
        (date(2018, 9, 29), True),
        (date(2018, 9, 30), True),
        (date(2018, 10, 1), False),
        (date(2018, 12, 29), True),
        (date(2018, 12, 31), False),
        (date(2026, 2, 14), True),
        (date(2026, 2, 23), False),
        (date(2026, 10, 10), True),
    ],
)
def test_the_seeded_calendar_knows_the_announced_swaps(day: date, *, working: bool) -> None:
    assert GUIZHOU.working_calendar.is_working(day) is working
    assert not GUIZHOU.working_calendar.is_provisional(day.year)


def test_a_year_whose_notice_is_missing_is_provisional() -> None:
    assert GUIZHOU.working_calendar.is_provisional(2027)


def test_a_notice_is_looked_up_by_code_and_filled_by_its_sender() -> None:
    body = GUIZHOU.notice("quota_recovered").body.format(year=2025, amount_yuan="120.00")
    assert "120.00元" in body
    with pytest.raises(Bug):
        GUIZHOU.notice("unheard_of")


def test_another_scheme_is_another_file_with_the_same_notices() -> None:
    assert DEMO.cap_fen == 12_000_000
    assert DEMO.rate_bp("model_services") == 5_550
    assert DEMO.class_of("compute") is None
    assert DEMO.limited_to_small_firms
    assert DEMO.priority_lane.share_bp == 2_000
    assert GUIZHOU.priority_lane.share_bp == 0
    assert {notice.code for notice in DEMO.notices} == {notice.code for notice in GUIZHOU.notices}


def test_the_digest_is_the_sha256_of_the_text() -> None:
    assert GUIZHOU.digest == hashlib.sha256(GUIZHOU_TEXT.encode()).hexdigest()
    assert load_pack(GUIZHOU_TEXT + "\n", name="same.toml").digest != GUIZHOU.digest


def test_a_pack_is_frozen() -> None:
    with pytest.raises(AttributeError):
        GUIZHOU.cap_fen = DEMO.cap_fen  # type: ignore[misc]


def test_the_digest_cannot_be_claimed_by_the_file() -> None:
    assert refusal_of('digest = "0"\n' + GUIZHOU_TEXT).key_path == "digest"
    assert "digest" in PolicyPack.__struct_fields__
    assert msgspec.structs.asdict(GUIZHOU)["digest"] == GUIZHOU.digest


MISTAKES = [
    # before, after, key path, words of the expectation
    ("cap_fen = 5_000_000", "cap_fen = 0", "cap_fen", ">= 1"),
    ("cap_fen = 5_000_000", "cap_fen = 50000.0", "cap_fen", "Expected `int`, got `float`"),
    ("cap_fen = 5_000_000", 'cap_fen = "50000"', "cap_fen", "Expected `int`, got `str`"),
    ("cap_fen = 5_000_000", "cap_fem = 5_000_000", "cap_fem", "unknown field"),
    ("rate_bp = 4_000", "rate_bp = 10_001", "layers[0].rate_bp", "<= 10000"),
    ("rate_bp = 6_000", "ratio = 6_000", "layers[1].ratio", "unknown field"),
    ('layer = "application"', 'layer = "aplication"', "classes[8].layer", "infrastructure, platform"),
    ('code = "storage"', 'code = "compute"', "classes[1].code", "not used before"),
    ('code = "520200"', 'code = "520100"', "regions[1].code", "not used before"),
    ('code = "520200"', 'code = "5202"', "regions[1].code", "matching regex"),
    ('check = "computed"', 'check = "guessed"', "conditions[0].check", "Invalid enum value"),
    ("valid_from = 2018-08-23", 'valid_from = "soon"', "valid_from", "RFC3339"),
    ("min_side_pixels = 600", "min_side_pixels = 10_000", "documents[0].min_side_pixels", "fewer"),
    ("hold_ttl_days = 30", "hold_ttl_days = 15", "deadlines.hold_ttl_days", "confirm_timeout_days"),
    ("share_bp = 0", "share_bp = 500", "priority_lane.until", "share_bp is above 0"),
    ('"06-30"', '"06-31"', "claim_window_closes_on[1]", "every year has"),
    ('"06-30"', '"02-29"', "claim_window_closes_on[1]", "every year has"),
    ('"06-30"', '"03-31"', "claim_window_closes_on[1]", "not listed before"),
    ('"06-30"', '"June"', "claim_window_closes_on[1]", "matching regex"),
    ("effective_to = 2023-12-09", "effective_to = 2018-08-22", "legal_references[3].effective_to", "not before"),
    ('code = "elasticity"', 'code = "availability"', "classes[0].checklist[1]", "not used before"),
    ("{opens_at}", "{opens at}", "notices[0].body", "plain names"),
    ("{opens_at}", "{opens_at", "notices[0].body", "plain names"),
    ("2018-10-04", "2018-10-03", "calendar[0].days_off[15]", "not listed before"),
    ("2018-10-04", "2019-10-04", "calendar[0].days_off[15]", "a day of 2018"),
    ("2018-10-04", "2018-10-06", "calendar[0].days_off[15]", "Monday to Friday"),
    ("2018-09-29", "2018-09-28", "calendar[0].days_worked[4]", "Saturday or Sunday"),
    ("year = 2024", "year = 2018", "calendar[1].year", "not listed before"),
]


@pytest.mark.parametrize(("before", "after", "key_path", "expected"), MISTAKES)
def test_a_mistake_names_its_line_key_path_and_what_was_expected(
    before: str, after: str, key_path: str, expected: str
) -> None:
    text = changed(before, after)
    refused = refusal_of(text)
    line_of_change = next(
        number
        for number, (old, new) in enumerate(zip(GUIZHOU_TEXT.splitlines(), text.splitlines(), strict=True), start=1)
        if old != new
    )
    # A limit that is missing altogether is reported at the table that ought to hold it.
    expected_line = line_with("[priority_lane]", text=text) if key_path.endswith(".until") else line_of_change
    assert (refused.key_path, refused.line) == (key_path, expected_line)
    assert expected in refused.expected


def test_a_missing_key_is_reported_at_its_table() -> None:
    text = changed('authority = "遵义市大数据主管部门"\n', "")
    refused = refusal_of(text)
    assert refused.key_path == "regions[2].authority"
    assert refused.line == line_with("[[regions]]", text=text, occurrence=3)
    assert "missing required" in refused.expected


def test_a_missing_top_level_key_is_reported_at_the_top() -> None:
    refused = refusal_of(changed("cap_fen = 5_000_000\n", ""))
    assert (refused.key_path, refused.line) == ("cap_fen", 1)


@pytest.mark.parametrize("valid_to", ["2018-08-23", "2018-08-22"])
def test_a_scheme_that_ends_before_its_second_day_is_refused(valid_to: str) -> None:
    text = changed("valid_from = 2018-08-23\n", f"valid_from = 2018-08-23\nvalid_to = {valid_to}\n")
    refused = refusal_of(text)
    assert (refused.key_path, refused.line) == ("valid_to", line_with("valid_to =", text=text))


def test_a_layer_without_classes_is_refused() -> None:
    added = '\n[[layers]]\ncode = "unused"\nname = "无"\nrate_bp = 1\n'
    refused = refusal_of(GUIZHOU_TEXT + added)
    assert refused.key_path == "layers[3].code"
    assert refused.line == line_with('code = "unused"', text=GUIZHOU_TEXT + added)


@pytest.mark.parametrize("table", ["documents", "conditions"])
def test_a_party_without_documents_or_conditions_is_refused(table: str) -> None:
    head, *elements = re.split(rf"(?=^\[\[{table}\]\]$)", GUIZHOU_TEXT, flags=re.MULTILINE)
    # The last element carries the rest of the file, hence only the first match of each is changed.
    moved = [
        element.replace('party = "provider"', 'party = "enterprise"', 1).replace('code = "', f'code = "p{number}_', 1)
        for number, element in enumerate(elements)
    ]
    refused = refusal_of(head + "".join(moved))
    assert refused.key_path == table
    assert "party provider" in refused.expected


def test_a_scheme_that_pays_without_evidence_is_refused() -> None:
    refused = refusal_of(GUIZHOU_TEXT.replace("required = true", "required = false"))
    assert refused.key_path == "evidence"


def test_an_announced_year_without_days_is_refused() -> None:
    added = '\n[[calendar]]\nyear = 2027\nsource = "?"\ndays_off = []\ndays_worked = []\n'
    refused = refusal_of(GUIZHOU_TEXT + added)
    assert refused.key_path == "calendar[4]"
    assert refused.line == len(GUIZHOU_TEXT.splitlines()) + 2


def test_a_syntax_error_names_its_line_and_key() -> None:
    refused = refusal_of(changed("cap_fen = 5_000_000", "cap_fen = 5,000,000"))
    assert refused.line == line_with("cap_fen", text=GUIZHOU_TEXT)
    assert refused.key_path == "cap_fen"
    assert "valid TOML" in refused.expected


def test_a_key_written_twice_is_a_syntax_error_with_a_line() -> None:
    text = changed("cap_fen = 5_000_000\n", "cap_fen = 5_000_000\ncap_fen = 1\n")
    assert refusal_of(text).line == line_with("cap_fen", text=text, occurrence=2)


def test_a_text_that_ends_inside_a_value_is_reported_at_its_last_line() -> None:
    assert refusal_of('id = "a"\ntitle = [1,\n  2').line == 3
    assert refusal_of('id = "a"\ntitle = ').line == 2


def test_an_empty_text_is_refused_at_line_1() -> None:
    refused = refusal_of("")
    assert refused.line == 1
    assert "missing required" in refused.expected


@settings(max_examples=30)
@given(position=st.integers(0, len(GUIZHOU_TEXT) - 1), removed=st.integers(1, 40))
def test_any_hole_in_a_pack_is_either_harmless_or_reported_with_a_line(position: int, removed: int) -> None:
    text = GUIZHOU_TEXT[:position] + GUIZHOU_TEXT[position + removed :]
    line = 1
    try:
        load_pack(text, name="holed.toml")
    except PolicyPackInvalid as refused:
        line = refused.line
    assert 1 <= line <= len(text.splitlines())
