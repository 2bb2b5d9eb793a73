"""What is one name, one telephone, one hand-in, and another decision."""

from datetime import date

import pytest

from services.identity.domain.blacklist import ExternalDecision, check_dated, check_follows
from services.identity.domain.reviewing import Filing, check_changed
from services.identity.domain.standing_refusals import ExternalDecisionInvalid, SubmissionUnchanged
from shared.kernel.names import fold_name, fold_phone

FIRST = ExternalDecision(organ="某市人民法院", number="（2026）黔01刑初1号", decided_on=date(2026, 1, 5))
NAMES = {"licence": "营业执照"}


def filing(licence: bytes = b"1", why: str = "", size: str = "small") -> Filing:
    return Filing(documents={"licence": (licence, why), "form": (b"2", "")}, form=(True, size))


@pytest.mark.parametrize(
    "written",
    ["贵阳（云上）制造有限公司", "贵阳(云上)制造有限公司", " 贵阳【云上】制造·有限公司 ", "贵阳云上制造有限公司"],
)
def test_brackets_blanks_and_width_make_no_other_name(written: str) -> None:
    assert fold_name(written) == "贵阳云上制造有限公司"


def test_letters_are_compared_without_case_and_other_words_stay_other_names() -> None:
    assert fold_name("ＹＱ Cloud") == fold_name("yqcloud")
    assert fold_name("云上甲公司") != fold_name("云上乙公司")


@pytest.mark.parametrize(
    "written", ["13985123477", "139-8512-3477", "+86 139 8512 3477", "008613985123477", "１３９85123477"]
)
def test_a_telephone_is_one_however_it_is_written(written: str) -> None:
    assert fold_phone(written) == "13985123477"


def test_a_land_line_keeps_its_digits() -> None:
    assert fold_phone("0851-86812345") == "085186812345"
    assert fold_phone("8612345") == "8612345"


@pytest.mark.parametrize(
    ("after", "sent_back"),
    [
        (filing(), []),
        (filing(), ["licence"]),
        # Something else changed than what was found fault with.
        (filing(size="micro"), ["licence"]),
    ],
)
def test_what_came_back_is_another_one_or_something_is_said(after: Filing, sent_back: list[str]) -> None:
    with pytest.raises(SubmissionUnchanged):
        check_changed(filing(), after, sent_back=sent_back, names=NAMES, correction=" ")
    check_changed(filing(), after, sent_back=sent_back, names=NAMES, correction="已补盖公章")


@pytest.mark.parametrize(
    ("after", "sent_back"),
    [(filing(b"9"), ["licence"]), (filing(why="原件如此"), ["licence"]), (filing(size="micro"), [])],
)
def test_what_differs_is_taken(after: Filing, sent_back: list[str]) -> None:
    check_changed(filing(), after, sent_back=sent_back, names=NAMES, correction="")


@pytest.mark.requirement("R58")
@pytest.mark.parametrize(
    "decision",
    [
        FIRST,
        ExternalDecision(organ="某市 人民法院", number=" （2026）黔01刑初1号", decided_on=date(2026, 2, 5)),
        ExternalDecision(organ="高级人民法院", number="2号", decided_on=date(2026, 1, 4)),
    ],
)
def test_a_listing_ends_on_another_decision_that_is_not_older(decision: ExternalDecision) -> None:
    with pytest.raises(ExternalDecisionInvalid):
        check_follows(decision, first=FIRST)
    check_follows(ExternalDecision(organ="高级人民法院", number="2号", decided_on=date(2026, 1, 5)), first=FIRST)


def test_nothing_was_decided_tomorrow() -> None:
    check_dated(date(2026, 3, 1), today=date(2026, 3, 1))
    with pytest.raises(ExternalDecisionInvalid):
        check_dated(date(2026, 3, 2), today=date(2026, 3, 1))
