"""`python -m tests.mutants`: arguments, progress, exit codes."""

import argparse
import asyncio
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from embedded.binaries import default_folder
from embedded.postgres import EmbeddedPostgres, PostgresSettings
from tests.mutants.catalogue import Bug, CatalogueBroken, check_fit, load
from tests.mutants.runner import NotGreen, Outcome, Verdict, environment_for, plant_all

WORKERS = 2
_WRONG_USE = 2
_INTERRUPTED = 130
EPILOG = """\
examples:
  make mutants
  make mutants ARGS=--quick
  make mutants ARGS="--only timers,money"

exit codes: 0 every bug turned its tests red; 1 one did not; 2 wrong use, or a bug that no longer fits the code;
130 stopped by Ctrl-C
"""


def parser() -> argparse.ArgumentParser:
    """What the command understands."""
    found = argparse.ArgumentParser(
        prog="python -m tests.mutants",
        description="Plant each seeded bug in a copy of the checkout and expect the tests named for it to turn red.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    found.add_argument("--list", action="store_true", help="list the bugs and end")
    found.add_argument(
        "--quick",
        action="store_true",
        help="only those that CI plants: their tests take about a second and need no server",
    )
    found.add_argument("--only", default="", metavar="TEXT,...", help="only those whose kind or name holds a text")
    found.add_argument("--workers", type=int, default=WORKERS, metavar="N", help="copies at work (%(default)s)")
    found.add_argument("--no-baseline", action="store_true", help="do not first see the tests green without a bug")
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    given = parser().parse_args(arguments)
    try:
        bugs = _chosen(load(), quick=given.quick, only=given.only)
    except CatalogueBroken as error:
        _complain(str(error))
        return _WRONG_USE
    if given.list:
        for bug in bugs:
            _say(f"{bug.title}  ({bug.file})")
        return 0
    wrong = check_fit(bugs)
    if wrong or not bugs or given.workers < 1:
        _complain("\n".join(wrong) or "nothing to plant: --list names the bugs, --workers is at least 1")
        return _WRONG_USE
    # Whoever ends the command ends what it has started, as with Ctrl-C.
    signal.signal(signal.SIGTERM, lambda *_: os.kill(os.getpid(), signal.SIGINT))
    try:
        return _plant(bugs, workers=given.workers, baseline=not given.no_baseline)
    except KeyboardInterrupt:
        _complain("stopped; the copies are removed")
        return _INTERRUPTED


def _chosen(bugs: Sequence[Bug], *, quick: bool, only: str) -> Sequence[Bug]:
    texts = [text.strip() for text in only.split(",") if text.strip()]
    return [bug for bug in bugs if (bug.quick or not quick) and (not texts or any(text in bug.title for text in texts))]


def _plant(bugs: Sequence[Bug], *, workers: int, baseline: bool) -> int:
    began = time.monotonic()
    done: list[Outcome] = []

    def tell(outcome: Outcome) -> None:
        done.append(outcome)
        _say(f"{len(done):4}/{len(bugs)} {outcome.verdict:10} {outcome.seconds:5.1f} s  {outcome.bug.title}")
        if not outcome.good:
            _say(outcome.text)

    with _server(needed=not all(bug.serverless for bug in bugs)) as url, TemporaryDirectory() as name:
        if baseline:
            _say("first the tests as they are ...")
        try:
            asyncio.run(
                plant_all(
                    bugs,
                    Path(name),
                    workers=workers,
                    environment=environment_for(postgres_url=url),
                    baseline=baseline,
                    told=tell,
                )
            )
        except NotGreen as error:
            _complain(str(error))
            return 1
    return conclude(done, seconds=time.monotonic() - began)


def conclude(outcomes: Sequence[Outcome], *, seconds: float) -> int:
    """Print the totals by kind and every bug that is not as it must be; returns the exit code."""
    kinds = sorted({outcome.bug.kind for outcome in outcomes})
    width = max(map(len, kinds), default=0)
    _say("")
    for kind in kinds:
        _say(f"  {kind:{width}}  {_counted([outcome for outcome in outcomes if outcome.bug.kind == kind])}")
    _say(f"{len(outcomes)} bugs planted in {seconds:.0f} s: {_counted(outcomes)}")
    bad = [outcome for outcome in outcomes if not outcome.good]
    for outcome in bad:
        _say(f"  {outcome.verdict} {outcome.bug.title} ({outcome.bug.file})")
    return 1 if bad else 0


def _counted(outcomes: Sequence[Outcome]) -> str:
    counted = Counter(outcome.verdict for outcome in outcomes)
    return ", ".join(f"{counted[verdict]} {verdict.lower()}" for verdict in Verdict)


@contextmanager
def _server(*, needed: bool) -> Iterator[str]:
    """The URL of one PostgreSQL for all tests, or nothing where none is needed."""
    if not needed:
        yield ""
        return
    parent = default_folder() / "tests"
    parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    with TemporaryDirectory(dir=parent) as name:
        folder = Path(name)
        folder.chmod(0o755)
        with EmbeddedPostgres(PostgresSettings(folder=folder, durable=False, connections_max=300)) as server:
            yield server.admin_dsn


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - a command prints


def _complain(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # noqa: T201 - a command prints
