"""Plants one bug after another in copies of the checkout and runs the tests named for it."""

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from tests.mutants.catalogue import ROOT, Bug

RUN_MAX_S = 240.0
TEST_MAX_S = 90
_TAIL_CHARACTERS = 1_500
_TESTS_FAILED = 1
_ALL_PASSED = 0


class Verdict(StrEnum):
    """What came of a planted bug."""

    KILLED = "killed"
    ALIVE = "ALIVE"
    EQUIVALENT = "equivalent"
    # The tests did not come to a verdict: they could not be collected, or the process was ended.
    BROKEN = "BROKEN"


@dataclass(frozen=True, slots=True)
class Outcome:
    """A planted bug, its verdict, and the end of what pytest printed."""

    bug: Bug
    verdict: Verdict
    text: str

    @property
    def good(self) -> bool:
        """Whether it is as it must be."""
        return self.verdict in {Verdict.KILLED, Verdict.EQUIVALENT}


def copy_checkout(folder: Path, root: Path = ROOT) -> Path:
    """A copy of the checkout as it is now, without what git ignores; it shares the virtual environment."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],  # noqa: S607 - the git of this machine
        cwd=root,
        check=True,
        capture_output=True,
        timeout=60,
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        source = root / name
        if source.is_file():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
    return folder


class Planter:
    """One copy of the checkout in which bugs are planted one at a time."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self._folder = folder
        self._environment = environment | {"PYTHONDONTWRITEBYTECODE": "1", "NO_CONTAINERS": "seeded bugs need none"}

    async def try_one(self, bug: Bug) -> Outcome:
        """Plant a bug, run its tests, take it out again."""
        path = self._folder / bug.file
        source = path.read_text("utf-8")
        path.write_text(bug.planted(source), "utf-8")
        try:
            code, text = await self.run(bug.tests)
        finally:
            path.write_text(source, "utf-8")
        return Outcome(bug, _verdict(bug, code), text)

    async def run(self, tests: Iterable[str]) -> tuple[int, str]:
        """The exit code of pytest over some tests, and the end of what it printed; -1 when it took too long."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "pytest", "-x", "-q", "--no-header", "--tb=line", "-p", "no:cacheprovider"),
            f"--timeout={TEST_MAX_S}",
            *tests,
            cwd=self._folder,
            env=self._environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            async with asyncio.timeout(RUN_MAX_S):
                printed, _ = await process.communicate()
        except TimeoutError:
            return -1, f"took longer than {RUN_MAX_S:.0f} s"
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        return process.returncode or 0, printed.decode("utf-8", "replace")[-_TAIL_CHARACTERS:]


def _verdict(bug: Bug, code: int) -> Verdict:
    if code == _ALL_PASSED:
        return Verdict.EQUIVALENT if bug.equivalent else Verdict.ALIVE
    return Verdict.KILLED if code == _TESTS_FAILED else Verdict.BROKEN


async def plant_all(
    bugs: Sequence[Bug], folder: Path, *, workers: int, environment: dict[str, str], told: Callable[[Outcome], None]
) -> Sequence[Outcome]:
    """Try every bug, several at a time; `told` hears of each outcome as it comes."""
    waiting = list(reversed(bugs))
    outcomes: list[Outcome] = []

    async def work(number: int) -> None:
        planter = Planter(copy_checkout(folder / str(number)), environment)
        while waiting:
            outcome = await planter.try_one(waiting.pop())
            outcomes.append(outcome)
            told(outcome)

    async with asyncio.TaskGroup() as group:
        for number in range(min(workers, len(bugs))):
            group.create_task(work(number))
    return outcomes


def environment_for(*, postgres_url: str) -> dict[str, str]:
    """The environment of the tests: this process's, with one server for all of them."""
    found = dict(os.environ)
    if postgres_url:
        found["TEST_POSTGRES_URL"] = postgres_url
    return found
