"""The runs of the suite: their totals, and an exit code that hides none."""

import re
import subprocess
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from tools import run_tests

TESTS = Path(__file__).parents[2]
RUNS = [each for group in run_tests.GROUPS for lane in group for each in lane]

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
        ((0, 0, 0, 0), 0),
        ((1, 0, 0, 0), 1),
        ((0, 1, 0, 0), 1),
        ((0, 0, 1, 0), 1),
        ((0, 0, 0, 1), 1),
        ((2, 1, 0, 0), 2),
        ((0, 0, 5, 5), 0),
        ((5, 3, 0, 1), 3),
    ],
)
def test_a_failure_of_any_run_is_a_failure_and_the_next_is_run_all_the_same(
    codes: Sequence[int], wanted: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    order = [each.tests for each in RUNS]
    begun: list[str] = []

    def run(given: Sequence[str], *, told: bool) -> tuple[int, Counter[str]]:
        del told
        begun.append(given[-1])
        return codes[order.index(given[-1])], Counter(passed=1)

    monkeypatch.setattr(run_tests, "run", run)
    monkeypatch.setattr(run_tests, "engine_was_started_anew", lambda: False)

    assert run_tests.main([]) == wanted
    assert sorted(begun) == sorted(order)
    assert [name for name in begun if name in {"beside", "faults", "alone"}] == ["beside", "faults", "alone"]
    assert capsys.readouterr().out == "tests: 4 passed, 0 failed, 0 skipped\n"


@pytest.mark.parametrize(
    ("hung", "codes", "runs", "wanted"),
    [
        (True, [1, 0], 2, 0),
        (True, [1, 1], 2, 1),
        (False, [1], 1, 1),
        (True, [0], 1, 0),
    ],
)
def test_a_group_counts_once_more_only_if_it_failed_and_the_engine_hung(
    *, hung: bool, codes: Sequence[int], runs: int, wanted: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[object] = []

    def run_group(group: object) -> list[tuple[int, Counter[str]]]:
        begun.append(group)
        return [(codes[len(begun) - 1], Counter(passed=len(begun)))]

    monkeypatch.setattr(run_tests, "run_group", run_group)
    monkeypatch.setattr(run_tests, "engine_was_started_anew", lambda: hung)

    assert run_tests.run_group_to_its_end([]) == [(wanted, Counter(passed=runs))]
    assert len(begun) == runs


@pytest.mark.parametrize(
    ("said", "code", "wanted"), [("images in x", 0, False), (run_tests.ANEW, 0, True), (run_tests.ANEW, 1, False)]
)
def test_the_script_says_whether_the_engine_hung(
    said: str, code: int, *, wanted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_CONTAINERS", raising=False)
    monkeypatch.setattr(
        run_tests.subprocess, "run", lambda words, **_: subprocess.CompletedProcess(words, code, f"engine: {said}", "")
    )

    assert run_tests.engine_was_started_anew() is wanted
    script = (TESTS.parent / "deploy/engine.sh").read_text(encoding="utf-8")
    assert f'anew="{run_tests.ANEW}"' in script


@pytest.mark.parametrize("marked", [None, *run_tests.NAMED])
def test_every_test_is_in_exactly_one_run(marked: str | None) -> None:
    names = {name: name == marked for name in run_tests.NAMED}
    assert sum(eval(each.tests, {}, names) for each in RUNS) == 1  # noqa: S307 - our own words


def test_a_run_looks_where_its_tests_are() -> None:
    for name, places in run_tests.NAMED.items():
        (run,) = [each for each in RUNS if each.tests == name]
        assert list(run.places) == [f"tests/{place.removesuffix('::')}" for place in places]
        assert all((TESTS.parent / place).exists() for place in run.places)
    (everywhere,) = [each for each in RUNS if not each.places]
    assert everywhere.dealing


@pytest.mark.parametrize(
    ("path", "marks", "wanted"),
    [
        ("e2e/test_images.py", (), "beside"),
        ("e2e/test_faults.py", (), "faults"),
        ("integration/test_statement_counts.py", ("alone",), "alone"),
        ("contract/test_bus.py", ("alone",), "alone"),
        ("contract/test_bus.py", (), None),
        ("unit/test_anything.py", ("container",), None),
    ],
)
def test_a_test_belongs_to_the_first_run_that_names_its_place(
    path: str, marks: Sequence[str], wanted: str | None
) -> None:
    assert run_tests.run_named(path, marks) == wanted


def test_a_mark_in_a_file_that_its_run_does_not_look_at_is_wrong_use() -> None:
    with pytest.raises(ValueError, match=r"tests/unit/test_anything\.py has a test marked alone"):
        run_tests.run_named("unit/test_anything.py", ["alone"])


def test_every_file_with_single_tests_has_one() -> None:
    for name, places in run_tests.NAMED.items():
        for place in places:
            if place.endswith("::"):
                text = (TESTS / place.removesuffix("::")).read_text(encoding="utf-8")
                assert re.search(rf"^@pytest\.mark\.{name}$", text, re.MULTILINE), place


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
