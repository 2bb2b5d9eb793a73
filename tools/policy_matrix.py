"""Prints which tests prove which requirement of the scheme: `python -m tools.policy_matrix`, or `make policy`."""

import contextlib
import io
import sys
import tomllib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[1]
REQUIREMENTS_FILE = CHECKOUT / "policies" / "requirements.toml"


class Collected:
    """A plugin of pytest that notes the tests of each requirement while they are collected."""

    def __init__(self) -> None:
        self.tests: dict[str, list[str]] = defaultdict(list)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Note every `requirement` mark; the cases of one parametrised test count as one test."""
        for item in session.items:
            test = item.nodeid.partition("[")[0]
            for mark in item.iter_markers("requirement"):
                for number in mark.args:
                    if test not in self.tests[number]:
                        self.tests[number].append(test)


def titles() -> dict[str, str]:
    """Requirement number to title, in the order of the scheme's text."""
    read: dict[str, str] = tomllib.loads(REQUIREMENTS_FILE.read_text(encoding="utf-8"))["requirements"]
    return read


def matrix_lines(titles: Mapping[str, str], tests: Mapping[str, Sequence[str]]) -> list[str]:
    """The report, line by line, with the sum at its end."""
    lines: list[str] = []
    for number, title in titles.items():
        proofs = tests.get(number, ())
        lines.append(f"{number:<4} {title}" + ("" if proofs else "  -- NO TEST"))
        lines.extend(f"       {test}" for test in proofs)
    proved = sum(1 for number in titles if tests.get(number))
    missing = [number for number in titles if not tests.get(number)]
    lines.append(f"{proved} of {len(titles)} requirements have a test")
    if missing:
        lines.append("without one: " + " ".join(missing))
    return lines


def main() -> int:
    """Exit code 0; 1 when a test names a requirement that does not exist; 2 when the tests do not collect."""
    collected = Collected()
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        code = pytest.main(["--collect-only", "-q", str(CHECKOUT / "tests")], plugins=[collected])
    if code not in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED}:
        sys.stderr.write(said.getvalue())
        return 2
    known = titles()
    sys.stdout.write("\n".join(matrix_lines(known, collected.tests)) + "\n")
    unknown = sorted(set(collected.tests) - set(known))
    if unknown:
        sys.stderr.write("tests name requirements that do not exist: " + " ".join(unknown) + "\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
