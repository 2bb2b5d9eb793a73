"""All tests in three runs: two side by side, and then one alone.

The first holds what bears company, on every core. The second, beside it, builds images and starts compositions, one
after the other. The third holds what does not bear company.

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
from concurrent.futures import ThreadPoolExecutor
from tempfile import TemporaryFile

GROUPS: Sequence[Mapping[str, Sequence[str]]] = (
    {"not alone and not beside": ("--dist", "loadfile", "--no-loadscope-reorder"), "beside": ()},
    {"alone": ()},
)
"""Which tests run together, one group after the other, and how each run is dealt out to processes; without a word of
that, its tests run one after the other."""
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


def run(arguments: Sequence[str], *, told: bool = True) -> tuple[int, Counter[str]]:
    """One run of pytest: its code and what it counted; what it says comes as it goes if `told`, else at its end."""
    words = [sys.executable, "-m", "pytest", *arguments]
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


def run_group(group: Mapping[str, Sequence[str]]) -> list[tuple[int, Counter[str]]]:
    """Runs side by side. The first is told as it goes; of the others it is told what they came to, when they end."""
    with ThreadPoolExecutor(len(group)) as pool:
        runs = [
            pool.submit(
                run,
                [
                    *(("-n", str(workers()), *dealing) if dealing else ()),
                    *("--durations", str(SLOWEST_SHOWN), "-m", tests),
                ],
                told=place == 0,
            )
            for place, (tests, dealing) in enumerate(group.items())
        ]
        return [each.result() for each in runs]


def total(counts: Iterable[Counter[str]]) -> str:
    """The last line; an error in a fixture is a failure."""
    found = sum(counts, Counter[str]())
    failed = found["failed"] + found["error"]
    return f"tests: {found['passed']} passed, {failed} failed, {found['skipped']} skipped"


def main(arguments: Sequence[str]) -> int:
    """Run what is asked for, or everything."""
    if arguments:
        return run(arguments)[0]
    outcomes = [outcome for group in GROUPS for outcome in run_group(group)]
    print(total(count for _, count in outcomes))
    codes = [code for code, _ in outcomes if code not in {0, NO_TESTS}]
    return codes[0] if codes else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
