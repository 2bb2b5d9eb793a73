"""All tests in two runs: those that bear company on every core, then those that do not, alone.

    python -m tools.run_tests [PYTEST ARGUMENTS]

With arguments it is one run of pytest with just these. The last line holds the totals of all runs; the exit code is
that of the first run that failed.
"""

import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

RUNS: Mapping[str, Sequence[str]] = {
    "not alone": ("--dist", "loadfile", "--no-loadscope-reorder"),
    "alone": (),
}
"""Which tests run together, and how they are dealt out to processes; without a word of it, one after the other."""
SLOWEST_SHOWN = 25
NO_TESTS = 5
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


def run(arguments: Sequence[str]) -> tuple[int, Counter[str]]:
    """One run of pytest, whose output goes on as it comes; its exit code and what it counted."""
    words = [sys.executable, "-m", "pytest", *arguments]
    print(f"$ {' '.join(words[1:])}", flush=True)
    lines: list[str] = []
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, encoding="utf-8", errors="replace") as process:
        for line in process.stdout or ():
            print(line, end="", flush=True)
            lines.append(line)
    return process.returncode, counted(lines)


def total(counts: Iterable[Counter[str]]) -> str:
    """The last line; an error in a fixture is a failure."""
    found = sum(counts, Counter[str]())
    failed = found["failed"] + found["error"]
    return f"tests: {found['passed']} passed, {failed} failed, {found['skipped']} skipped"


def main(arguments: Sequence[str]) -> int:
    """Run what is asked for, or everything."""
    if arguments:
        return run(arguments)[0]
    outcomes = [
        run([*(("-n", str(workers()), *dealing) if dealing else ()), "--durations", str(SLOWEST_SHOWN), "-m", tests])
        for tests, dealing in RUNS.items()
    ]
    print(total(count for _, count in outcomes))
    codes = [code for code, _ in outcomes if code not in {0, NO_TESTS}]
    return codes[0] if codes else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
