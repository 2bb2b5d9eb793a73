"""Plants one bug after another in copies of the checkout and runs the tests named for it."""

import asyncio
import compileall
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from py_compile import PycInvalidationMode

from tests.mutants.catalogue import ROOT, Bug

RUN_MAX_S = 240.0
BASELINE_MAX_S = 1_800.0
TEST_MAX_S = 90
_TAIL_CHARACTERS = 1_500
_TESTS_FAILED = 1
_ALL_PASSED = 0
_NO_VERDICT = -1
_PRINTED = "printed.txt"
_SCRATCH = ".scratch"


class Verdict(StrEnum):
    """What came of a planted bug."""

    KILLED = "killed"
    ALIVE = "ALIVE"
    EQUIVALENT = "equivalent"
    # The tests did not come to a verdict: they could not be collected, or took too long and the process was ended.
    BROKEN = "BROKEN"


@dataclass(frozen=True, slots=True)
class Outcome:
    """A planted bug, its verdict, the end of what pytest printed, and how long it took."""

    bug: Bug
    verdict: Verdict
    text: str
    seconds: float = 0.0

    @property
    def good(self) -> bool:
        """Whether it is as it must be."""
        return self.verdict in {Verdict.KILLED, Verdict.EQUIVALENT}


def copy_checkout(folder: Path, root: Path = ROOT) -> Path:
    """A copy of the checkout as it is now, without what git ignores; it shares the virtual environment.

    It is compiled once. Whether a compiled file is still good is told by the text of its source and not by its time, so
    that a bug is never overlooked.
    """
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
    compileall.compile_dir(folder, quiet=2, invalidation_mode=PycInvalidationMode.CHECKED_HASH)
    return folder


_PLUGINS = ("pytest_asyncio.plugin", "pytest_timeout", "_hypothesis_pytestplugin", "no:cacheprovider")
_PYTEST = (
    *("-x", "-q", "--no-header", "--tb=line", "--assert=plain", f"--timeout={TEST_MAX_S}"),
    *(word for plugin in _PLUGINS for word in ("-p", plugin)),
)
_SURROUNDINGS = {
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTEST_ADDOPTS": "",
    # To look for plugins takes longer than most tests; those that are needed are named.
    "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    "NO_CONTAINERS": "seeded bugs need none",
    # What a view shows too much, row security would hide: each line has to stand by itself.
    "WITHOUT_ROW_SECURITY": "1",
    # The same examples every time: whether a bug is found is no matter of luck.
    "HYPOTHESIS_PROFILE": "seeded",
}


class Planter:
    """One copy of the checkout in which bugs are planted one at a time, and a process that runs the tests."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self._folder = folder
        # What a test that is ended leaves behind goes with the copy.
        scratch = folder / _SCRATCH
        scratch.mkdir(parents=True, exist_ok=True)
        self._environment = environment | _SURROUNDINGS | {"TMPDIR": str(scratch)}
        self._process: Process | None = None

    async def try_one(self, bug: Bug) -> Outcome:
        """Plant a bug, run its tests, take it out again."""
        path = self._folder / bug.file
        source = path.read_text("utf-8")
        began = time.monotonic()
        path.write_text(bug.planted(source), "utf-8")
        try:
            code, text = await self.run(bug.tests)
        finally:
            path.write_text(source, "utf-8")
        return Outcome(bug, _verdict(bug, code), text, time.monotonic() - began)

    async def run(self, tests: Iterable[str], *, longest_s: float = RUN_MAX_S) -> tuple[int, str]:
        """The exit code of pytest over some tests, and the end of what it printed; -1 when it took too long."""
        printed = self._folder / _PRINTED
        request = json.dumps({"arguments": [*_PYTEST, *tests], "printed": str(printed)})
        process = await self._warm()
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(f"{request}\n".encode())
        try:
            async with asyncio.timeout(longest_s):
                answer = await process.stdout.readline()
        except TimeoutError:
            await self.close()
            return _NO_VERDICT, f"took longer than {longest_s:.0f} s"
        text = printed.read_text("utf-8", "replace") if printed.exists() else ""
        if not answer:
            await self.close()
            return _NO_VERDICT, f"the process that runs the tests ended\n{text[-_TAIL_CHARACTERS:]}"
        return int(answer), text[-_TAIL_CHARACTERS:]

    async def close(self) -> None:
        """End the process and whatever it has started."""
        process, self._process = self._process, None
        if process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()

    async def _warm(self) -> Process:
        if self._process is None:
            # A session of its own: Ctrl-C on the terminal reaches this process alone, which ends the other one.
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-X", "utf8", "tests/mutants/warm.py"),
                cwd=self._folder,
                env=self._environment,
                stdin=PIPE,
                stdout=PIPE,
                start_new_session=True,
            )
        return self._process


def _verdict(bug: Bug, code: int) -> Verdict:
    if code == _ALL_PASSED:
        return Verdict.EQUIVALENT if bug.equivalent else Verdict.ALIVE
    return Verdict.KILLED if code == _TESTS_FAILED else Verdict.BROKEN


class NotGreen(Exception):
    """The tests fail without any bug, so that a red one would mean nothing."""


async def plant_all(
    bugs: Sequence[Bug],
    folder: Path,
    *,
    workers: int,
    environment: dict[str, str],
    baseline: bool,
    told: Callable[[Outcome], None],
) -> Sequence[Outcome]:
    """Try every bug, several at a time; `told` hears of each outcome as it comes.

    With `baseline` the tests are first seen green as they are. Raises: NotGreen.
    """
    waiting = list(reversed(bugs))
    outcomes: list[Outcome] = []
    planters = [Planter(copy_checkout(folder / str(number)), environment) for number in range(min(workers, len(bugs)))]

    async def work(planter: Planter) -> None:
        while waiting:
            outcome = await planter.try_one(waiting.pop())
            outcomes.append(outcome)
            told(outcome)

    try:
        if baseline:
            await _see_green(planters, sorted({test for bug in bugs for test in bug.tests}))
        async with asyncio.TaskGroup() as group:
            for planter in planters:
                group.create_task(work(planter))
    finally:
        for planter in planters:
            await planter.close()
    return outcomes


async def _see_green(planters: Sequence[Planter], tests: Sequence[str]) -> None:
    """Run the tests once without a bug, a share in each copy. Raises: NotGreen."""
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(planter.run(share, longest_s=BASELINE_MAX_S))
            for number, planter in enumerate(planters)
            if (share := tests[number :: len(planters)])
        ]
    for code, text in (task.result() for task in tasks):
        if code != _ALL_PASSED:
            raise NotGreen(f"the tests are not green without a bug (pytest says {code}):\n{text}")


def environment_for(*, postgres_url: str) -> dict[str, str]:
    """The environment of the tests: this process's, with one server for all of them."""
    found = dict(os.environ)
    if postgres_url:
        found["TEST_POSTGRES_URL"] = postgres_url
    return found
