"""All tests in four runs, in two groups one after the other; the lanes of a group go side by side.

1. What bears company, on every core, what takes minutes first (`not named`). In a second lane what needs the engine:
   first what builds images and starts compositions (`beside`), then the faults of containers, whose bounds are wide and
   which mostly wait (`faults`).
2. What has narrow bounds of time or memory, or counts what company would change (`alone`).

    python -m tools.run_tests [PYTEST ARGUMENTS]

A group with failures is run once more when its end finds an engine that hangs with every container: that says nothing
about the tests. `deploy/engine.sh --check` finds out, and starts an engine of its own anew.

With arguments it is one run of pytest with just these. The last line holds the totals of all runs; the exit code is
that of the first run that failed.
"""

import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from tempfile import TemporaryFile

TESTS = "tests/"
NAMED: Mapping[str, Sequence[str]] = {
    "alone": (
        "contract/test_bus.py::",
        "contract/test_bus_rabbitmq.py",
        "integration/observability/test_traces.py::",
        "integration/test_statement_counts.py",
    ),
    "faults": ("e2e/test_stack.py", "e2e/test_year.py", "e2e/test_faults.py"),
    "beside": ("e2e/", "contract/k8s/test_development_runs.py", "contract/k8s/test_guide.py"),
}
"""The runs that are not the first one, each with its files and folders below `tests/`, in the order in which they run.

A place belongs to the first run that names it. In a file that ends in `::` single tests say so themselves, by the mark
of the run. A run looks at its own places only, since to collect all tests takes half a minute of a core.
"""


@dataclass(frozen=True, slots=True)
class Run:
    """One run of pytest: which tests, where they are, and how they are dealt out; else one after the other."""

    tests: str
    places: Sequence[str] = ()
    dealing: Sequence[str] = ()


def _named(name: str) -> Run:
    return Run(name, tuple(f"{TESTS}{place.removesuffix('::')}" for place in NAMED[name]))


GROUPS: Sequence[Sequence[Sequence[Run]]] = (
    (
        (Run(" and ".join(f"not {name}" for name in NAMED), (), ("--dist", "loadfile", "--no-loadscope-reorder")),),
        (_named("beside"), _named("faults")),
    ),
    ((_named("alone"),),),
)
"""Which runs go together, one group after the other: lanes, and in a lane runs one after the other."""
SLOWEST_SHOWN = 25
NO_TESTS = 5
FINE = (0, NO_TESTS)
ENGINE_S = 300
ANEW = "the engine is started anew"
"""What `deploy/engine.sh` says when it found its engine hanging."""
WORKERS_MAX = 4
"""A worker has servers of its own; more of them than this only wait for one another."""
_COUNT = re.compile(r"(\d+) (passed|failed|errors?|skipped|xfailed|xpassed)\b")
_CLOSING = re.compile(r"^=+ (.+ in [\d.]+s.*) =+$")


def workers() -> int:
    """How many tests run at a time; at least two, because tests wait more than they reckon."""
    return max(2, min(WORKERS_MAX, len(os.sched_getaffinity(0))))


def counted(lines: Iterable[str]) -> Counter[str]:
    """What pytest says in its closing line, by outcome; nothing when it never came to it."""
    closing = [found[1] for line in lines if (found := _CLOSING.match(line.strip()))]
    if not closing:
        return Counter()
    return Counter({name.removesuffix("s"): int(number) for number, name in _COUNT.findall(closing[-1])})


def run(given: Sequence[str], *, told: bool = True) -> tuple[int, Counter[str]]:
    """One run of pytest: its code and what it counted; what it says comes as it goes if `told`, else at its end."""
    words = [sys.executable, "-m", "pytest", *given]
    shown = f"$ {' '.join(words[1:])}"
    if told:
        print(shown, flush=True)
        lines: list[str] = []
        with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, encoding="utf-8", errors="replace") as process:
            for line in process.stdout or ():
                print(line, end="", flush=True)
                lines.append(line)
        return process.returncode, counted(lines)
    with TemporaryFile("w+", encoding="utf-8", errors="replace") as kept:
        code = subprocess.run(words, stdout=kept, stderr=subprocess.STDOUT, check=False).returncode
        kept.seek(0)
        text = kept.read()
    print(f"{shown}\n{text}", end="", flush=True)
    return code, counted(text.splitlines())


def run_named(path: str, marks: Iterable[str]) -> str | None:
    """The run that a test belongs to, by its path below `tests/` and its marks; None: the first one.

    Raises: ValueError when a mark names a run that does not look at that file.
    """
    for name, places in NAMED.items():
        if path.startswith(tuple(places)) or (name in marks and f"{path}::" in places):
            return name
        if name in marks:
            raise ValueError(f"tests/{path} has a test marked {name}: that run finds it if tools/run_tests.py names it")
    return None


def arguments(chosen: Run) -> list[str]:
    """What pytest is told for a run."""
    return [
        *(("-n", str(workers()), *chosen.dealing) if chosen.dealing else ()),
        *("--durations", str(SLOWEST_SHOWN), *chosen.places, "-m", chosen.tests),
    ]


def run_lane(lane: Sequence[Run], *, told: bool) -> list[tuple[int, Counter[str]]]:
    """Runs one after the other; a failure of one does not keep the next."""
    return [run(arguments(each), told=told) for each in lane]


def run_group(group: Sequence[Sequence[Run]]) -> list[tuple[int, Counter[str]]]:
    """Lanes side by side. The first is told as it goes; of the others it is told what a run came to, when it ends."""
    with ThreadPoolExecutor(len(group)) as pool:
        lanes = [pool.submit(run_lane, each, told=place == 0) for place, each in enumerate(group)]
        return [outcome for each in lanes for outcome in each.result()]


def engine_was_started_anew() -> bool:
    """Whether the engine hung and runs containers again now, by `deploy/engine.sh`; what that says is shown if so."""
    if os.environ.get("NO_CONTAINERS"):
        return False
    words = ["bash", "deploy/engine.sh", "--check"]
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=ENGINE_S)
    except subprocess.TimeoutExpired:
        print(f"engine: deploy/engine.sh --check did not end within {ENGINE_S} s")
        return False
    if ANEW not in done.stdout:
        return False
    print(f"{done.stdout}{done.stderr}", end="", flush=True)
    return done.returncode == 0


def run_group_to_its_end(group: Sequence[Sequence[Run]]) -> list[tuple[int, Counter[str]]]:
    """A group's outcomes; those of its second time where the engine hung in the first."""
    outcomes = run_group(group)
    if all(code in FINE for code, _ in outcomes) or not engine_was_started_anew():
        return outcomes
    print(f"{total(count for _, count in outcomes)}; the engine hung meanwhile, so these do not count and run again")
    return run_group(group)


def total(counts: Iterable[Counter[str]]) -> str:
    """The last line; an error in a fixture is a failure."""
    found = sum(counts, Counter[str]())
    failed = found["failed"] + found["error"]
    return f"tests: {found['passed']} passed, {failed} failed, {found['skipped']} skipped"


def main(words: Sequence[str]) -> int:
    """Run what is asked for, or everything."""
    if words:
        return run(words)[0]
    outcomes = [outcome for group in GROUPS for outcome in run_group_to_its_end(group)]
    print(total(count for _, count in outcomes))
    codes = [code for code, _ in outcomes if code not in FINE]
    return codes[0] if codes else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
