"""The seeded bugs still fit the code they are planted in, and the command that plants them tells the truth.

Whether their tests turn red is seen by `make mutants`, and for the quick ones by tests/saga/test_seeded_bugs.py.
"""

import asyncio
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.mutants import command
from tests.mutants.catalogue import ROOT, Bug, check_fit, load
from tests.mutants.runner import Outcome, Planter, Verdict

KINDS_AT_LEAST = 3
BUGS_AT_LEAST = 130


def a_bug(**changes: object) -> Bug:
    """A bug that fits the file `rule.py` of a copy."""
    values: dict[str, object] = {
        "kind": "toy",
        "name": "less is more",
        "file": "rule.py",
        "old": "a < b",
        "new": "a > b",
        "tests": ["test_rule.py::test_less"],
    }
    return Bug(**{**values, **changes})  # type: ignore[arg-type] # values of a catalogue


class Told(Planter):
    """A planter whose tests are not run: it remembers what the file held meanwhile, and may be stopped."""

    def __init__(self, folder: Path, *, code: int = 1, stopped: bool = False) -> None:
        super().__init__(folder, {})
        self.seen = ""
        self._path, self._code, self._stopped = folder / "rule.py", code, stopped

    async def run(self, tests: Iterable[str], *, longest_s: float = 0.0) -> tuple[int, str]:
        """What pytest would have said."""
        del tests, longest_s
        self.seen = self._path.read_text("utf-8")
        if self._stopped:
            raise asyncio.CancelledError
        return self._code, "the end of what pytest printed"


def test_every_seeded_bug_fits_the_code_and_names_tests_that_exist() -> None:
    assert check_fit(load()) == []


def test_no_two_seeded_bugs_are_the_same_change() -> None:
    changes = [(bug.file, bug.old, bug.new) for bug in load()]
    assert len(set(changes)) == len(changes)


def test_every_bug_is_a_program_that_somebody_could_have_written(tmp_path: Path) -> None:
    # A name that nobody defined would turn any test red.
    for number, bug in enumerate(load()):
        planted = bug.planted((ROOT / bug.file).read_text("utf-8"))
        (tmp_path / f"bug_{number}.py").write_text(f"{planted}\n# {bug.title}\n", "utf-8")
    words = (sys.executable, "-m", "ruff", "check", "--isolated", "--no-cache", "--target-version=py311")
    found = subprocess.run(  # noqa: S603 - our own linter
        [*words, "--select=E9,F821,F823", "--output-format=concise", str(tmp_path)],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert found.returncode == 0, found.stdout


def test_every_kind_has_some_bugs_and_all_together_are_many() -> None:
    bugs = load()
    assert min(Counter(bug.kind for bug in bugs).values()) >= KINDS_AT_LEAST
    assert len(bugs) >= BUGS_AT_LEAST


def test_an_equivalent_bug_says_why_no_test_can_tell() -> None:
    assert all(bug.equivalent.endswith(".") for bug in load() if bug.equivalent)


def test_a_bug_that_no_longer_fits_or_names_a_test_that_is_gone_is_told(tmp_path: Path) -> None:
    (tmp_path / "rule.py").write_text("a < b or a < b\n", "utf-8")
    (tmp_path / "test_rule.py").write_text("def test_more() -> None: ...\n", "utf-8")
    assert check_fit([a_bug()], tmp_path) == [
        "toy: less is more: what it changes stands 2 times in rule.py, expected once",
        "toy: less is more: no test test_rule.py::test_less",
    ]


@pytest.mark.parametrize("stopped", [False, True])
async def test_a_planted_bug_is_taken_out_again_whatever_comes(tmp_path: Path, *, stopped: bool) -> None:
    path = tmp_path / "rule.py"
    path.write_text("a < b\n", "utf-8")
    planter = Told(tmp_path, stopped=stopped)
    if stopped:
        with pytest.raises(asyncio.CancelledError):
            await planter.try_one(a_bug())
    else:
        assert (await planter.try_one(a_bug())).verdict is Verdict.KILLED
    assert (planter.seen, path.read_text("utf-8")) == ("a > b\n", "a < b\n")


@pytest.mark.parametrize(
    ("code", "equivalent", "verdict"),
    [
        (1, "", Verdict.KILLED),
        (0, "", Verdict.ALIVE),
        (0, "Nobody can tell.", Verdict.EQUIVALENT),
        (1, "Nobody can tell.", Verdict.KILLED),
        (2, "", Verdict.BROKEN),
        (4, "", Verdict.BROKEN),
        (-1, "", Verdict.BROKEN),
    ],
)
async def test_only_failed_tests_kill_a_bug(tmp_path: Path, code: int, equivalent: str, verdict: Verdict) -> None:
    (tmp_path / "rule.py").write_text("a < b\n", "utf-8")
    outcome = await Told(tmp_path, code=code).try_one(a_bug(equivalent=equivalent))
    assert outcome.verdict is verdict


def test_the_command_counts_by_kind_and_names_every_bug_that_is_alive(capsys: pytest.CaptureFixture[str]) -> None:
    killed = Outcome(a_bug(), Verdict.KILLED, "")
    alive = Outcome(a_bug(kind="other", name="more is less"), Verdict.ALIVE, "")
    assert command.conclude([killed], seconds=1) == 0
    assert command.conclude([killed, alive], seconds=2) == 1
    said = capsys.readouterr().out.splitlines()
    assert "  other  0 killed, 1 alive, 0 equivalent, 0 broken" in said
    assert "2 bugs planted in 2 s: 1 killed, 1 alive, 0 equivalent, 0 broken" in said
    assert said[-1] == "  ALIVE other: more is less (rule.py)"


def test_a_wrong_choice_is_wrong_use_and_plants_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--only", "no bug has such a name"]) == 2
    assert "--list" in capsys.readouterr().err
