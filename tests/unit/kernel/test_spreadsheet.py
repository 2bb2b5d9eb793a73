"""In a spreadsheet, codes keep their digits, amounts and days are what they are, and no cell is a formula."""

import csv
import io
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.kernel.refusals import Bug
from shared.kernel.spreadsheet import Amount, csv_text


def cell(text: str) -> str:
    [[read]] = csv.reader(io.StringIO(csv_text([[text]]), newline=""), strict=True)
    return read


@pytest.mark.parametrize(
    "code",
    [
        "911000001000000010", "00123", "0", "12345678", "1E5", "1e-5", "2024-01", "2024/1/2", "3-4", "1.20", "12:30",
        "50%",         "1,234", "+86 138", "6222021234567890123", "915201000000000E12", "MAR1", "1-MAR-24", "Sept 2",
        "２０２４-０１", "￥12", "TRUE", "false", "2024年1月", "1/2", "(5)", "NA", "12 AM",
    ],
)  # fmt: skip
def test_a_text_that_would_be_read_as_something_else_is_text(code: str) -> None:
    assert cell(code) in {f"\t{code}", f"'{code}"}
    assert csv_text([[code]]).startswith(('"\t', "'"))


@pytest.mark.parametrize("code", ["91520100MA6DK0X17T", "BF2018-000001", "贵州示例公司", "DD1", "A12-3", "第3号"])
def test_a_text_that_nothing_else_reads_stays_as_it_is(code: str) -> None:
    assert cell(code) == code


@pytest.mark.parametrize(
    "text",
    [
        "=1+1", "+1+1", "-1", "@SUM(A1)", "＝1+1", "＋1", "－1", "＠SUM(A1)", "﹦1", "−1", "\t=1", "\r=1", "\n=1",
        " =1",        "\u200b=1", "\ufeff=1", "\u3000＝HYPERLINK(1)", "|cmd",
    ],
)  # fmt: skip
def test_no_text_begins_as_a_formula(text: str) -> None:
    assert cell(text) == f"'{text}"


def test_numbers_amounts_and_days_are_themselves() -> None:
    row = (2018, Amount(123_456), Amount(-5), date(2018, 3, 5), None)
    assert csv_text([row]) == "2018,1234.56,-0.05,2018-03-05,\r\n"


def test_a_row_with_fewer_or_more_cells_than_the_head_is_a_bug() -> None:
    for row in (["a"], ["a", "b", "c"]):
        with pytest.raises(Bug):
            csv_text([["one", "two"], row])


@given(
    st.integers(2, 4).flatmap(lambda width: st.lists(st.lists(st.text(max_size=12), min_size=width, max_size=width)))
)
def test_every_text_is_read_back_but_for_its_guard(rows: list[list[str]]) -> None:
    read = list(csv.reader(io.StringIO(csv_text(rows), newline=""), strict=True))
    assert [[len(text) for text in row] for row in rows] == [
        [len(found) - (found != text) for found, text in zip(line, row, strict=True)]
        for line, row in zip(read, rows, strict=True)
    ]
    for line, row in zip(read, rows, strict=True):
        assert all(found == text or found in {f"'{text}", f"\t{text}"} for found, text in zip(line, row, strict=True))
