"""The runs of the suite: their totals, and an exit code that hides none."""

from collections import Counter
from collections.abc import Sequence

import pytest

from tools import run_tests

BOTH = {
    "together": "== 12 passed, 1 skipped in 3.01s ==",
    "alone": "=== 2 failed, 3 passed, 1 error in 61.20s (0:01:01) ===",
}


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        (BOTH["together"], {"passed": 12, "skipped": 1}),
        (BOTH["alone"], {"passed": 3, "failed": 2, "error": 1}),
        ("==== 5 deselected, 2 errors, 1 warning in 0.10s ====", {"error": 2}),
        ("===== short test summary info =====", {}),
        ("12 passed in words", {}),
    ],
)
def test_the_closing_line_is_counted(line: str, wanted: dict[str, int]) -> None:
    assert run_tests.counted(["something 9 passed", line]) == Counter(wanted)


def test_the_total_counts_all_runs_and_an_error_as_a_failure() -> None:
    counts = [run_tests.counted([line]) for line in BOTH.values()]

    assert run_tests.total(counts) == "tests: 15 passed, 3 failed, 1 skipped"


@pytest.mark.parametrize(
    ("codes", "wanted"),
    [
        ((0, 0, 0), 0),
        ((1, 0, 0), 1),
        ((0, 1, 0), 1),
        ((0, 0, 1), 1),
        ((2, 1, 0), 2),
        ((0, 0, 5), 0),
        ((5, 3, 0), 3),
    ],
)
def test_a_failure_of_any_run_is_a_failure_and_the_next_is_run_all_the_same(
    codes: tuple[int, int, int], wanted: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    order = [tests for group in run_tests.GROUPS for tests in group]

    def run(arguments: Sequence[str], *, told: bool) -> tuple[int, Counter[str]]:
        del told
        return codes[order.index(arguments[-1])], Counter(passed=1)

    monkeypatch.setattr(run_tests, "run", run)

    assert run_tests.main([]) == wanted
    assert capsys.readouterr().out == "tests: 3 passed, 0 failed, 0 skipped\n"


@pytest.mark.parametrize("marks", [{}, {"alone"}, {"beside"}], ids=str)
def test_every_test_is_in_exactly_one_run(marks: set[str]) -> None:
    names = {name: name in marks for name in ("alone", "beside")}
    runs = [expression for group in run_tests.GROUPS for expression in group]
    assert sum(eval(expression, {}, names) for expression in runs) == 1  # noqa: S307 - our own words


@pytest.mark.parametrize("told", [True, False])
def test_what_pytest_says_is_passed_on_and_counted(*, told: bool, capfd: pytest.CaptureFixture[str]) -> None:
    code, counted = run_tests.run(["--collect-only", "-q", "no_such_folder"], told=told)

    assert (code, counted) == (4, Counter())
    assert "no_such_folder" in capfd.readouterr().out


def test_arguments_are_one_run_of_just_these(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Sequence[str]] = []
    monkeypatch.setattr(run_tests, "run", lambda words: (asked.append(words), (4, Counter()))[1])

    assert run_tests.main(["tests/unit", "-x"]) == 4
    assert asked == [["tests/unit", "-x"]]
