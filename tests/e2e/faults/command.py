"""`python -m tests.e2e.faults`: arguments, progress, signals, exit codes."""

import argparse
import asyncio
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType

from embedded.platform import SERVICES
from tests.containers import OWNER_LABEL, image, owner_of_this_run, sweep_leftovers, why_no_engine
from tests.e2e.faults.previous import NotBuilt, Previous, build, choose
from tests.e2e.faults.report import facts_of_this_run, render
from tests.e2e.faults.runner import RECOVERY_MAX_S, Outcome, Runner
from tests.e2e.faults.scenarios import Scenario, all_scenarios
from tests.e2e.market import tell as tell_story
from tests.e2e.stack import ROOT, Stack, build_images, version

REPORT = ROOT / "docs" / "operations" / "fault-report.md"
HOLD_S = 10.0
EPILOG = f"""\
examples:
  make faults
  make faults ARGS="--only kill-voucher,rolling-update --hold 20"
  make faults ARGS="--only rolling-update --previous v0.1.0"

exit codes: 0 every bound was kept; 1 one was missed (no request lost, every proof balances, recovery within
{RECOVERY_MAX_S:.0f} s); 2 wrong use; 78 no engine or no image; 130 stopped by Ctrl-C, containers removed
"""


def parser() -> argparse.ArgumentParser:
    """What the command understands."""
    found = argparse.ArgumentParser(
        prog="python -m tests.e2e.faults",
        description="Break a platform of containers under load, one fault after another, and write what was seen.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    found.add_argument("--list", action="store_true", help="list the scenarios and end")
    found.add_argument(
        "--only", default="", metavar="NAME,...", help="run these; the report is written with --out only"
    )
    found.add_argument(
        "--hold", type=float, default=HOLD_S, metavar="S", help="seconds to hold each fault (%(default)s)"
    )
    found.add_argument("--previous", default="", metavar="REV", help="the revision that a rolling update begins from")
    found.add_argument("--out", type=Path, help=f"where the report goes (default: {REPORT.relative_to(ROOT)})")
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    given = parser().parse_args(arguments)
    scenarios = all_scenarios()
    if given.list:
        _say("\n".join(f"{one.name:28}{one.title} (rows {', '.join(map(str, one.rows))})" for one in scenarios))
        return 0
    wanted = [name for name in given.only.split(",") if name]
    unknown = set(wanted) - {one.name for one in scenarios}
    if unknown:
        _tell(f"no such scenario: {', '.join(sorted(unknown))}; --list names them")
        return 2
    reason = why_no_engine()
    if reason is not None:
        _tell(f"cannot work: {reason}")
        return 78
    # A shell that starts us in the background has SIGINT ignored; asked to stop, we stop all the same.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, _as_interrupt)
    try:
        return _run(given, [one for one in scenarios if not wanted or one.name in wanted])
    except NotBuilt as error:
        _tell(f"cannot work: {error}")
        return 78
    except KeyboardInterrupt:
        _tell("stopped; the containers are removed, no report is written")
        return 130


def _as_interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt(number, frame)


def _run(given: argparse.Namespace, scenarios: Sequence[Scenario]) -> int:
    began_s = time.monotonic()
    previous = choose(ROOT, given.previous)
    if given.previous and not previous.revision:
        _tell(f"cannot roll from {given.previous}: {previous.why}")
        return 2
    sweep_leftovers()
    _tell("building the images")
    build_images()
    if any(one.name == "rolling-update" for one in scenarios):
        _tell(f"building the previous images: {previous.why}")
        build(ROOT, previous, previous.services)
    facts = facts_of_this_run(ROOT, _images(previous, scenarios), previous)
    outcomes, failure = _outcomes(given.hold, scenarios, previous)
    if failure:
        _tell(f"could not be carried out, no report is written: {failure}")
        return 1
    text = render(outcomes, facts, hold_s=given.hold, took_s=time.monotonic() - began_s)
    out = given.out or (None if given.only else REPORT)
    if out is not None:
        out.write_text(text, encoding="utf-8")
        _tell(f"written: {os.path.relpath(out)}")
    misses = [f"{one.name}: {text}" for one in outcomes for text in one.misses]
    _tell("\n".join(misses) if misses else f"{len(outcomes)} scenarios, every bound kept")
    return 1 if misses else 0


def _images(previous: Previous, scenarios: Sequence[Scenario]) -> dict[str, str]:
    found = {
        "PostgreSQL": image("POSTGRES_IMAGE", public="postgres:17"),
        "RabbitMQ": image("BROKER_IMAGE", public="yunquan/broker:4"),
    }
    found |= {service.name: f"yunquan/{service.name}:{version()}" for service in SERVICES}
    if any(one.name == "rolling-update" for one in scenarios):
        found |= {f"{name}, previous": f"yunquan/{name}:{previous.tag}" for name in sorted(previous.services)}
    return found


def _outcomes(hold_s: float, scenarios: Sequence[Scenario], previous: Previous) -> tuple[list[Outcome], str]:
    """Every outcome, and what stopped the run before its end."""
    outcomes: list[Outcome] = []
    _tell("starting 11 containers")
    with (
        TemporaryDirectory(prefix="yunquan-faults-") as folder,
        Stack(labels={OWNER_LABEL: owner_of_this_run()}) as stack,
    ):
        _tell("telling the demonstration's two years to them")
        told = asyncio.run(tell_story(stack, Path(folder) / "told"))
        runner = Runner(stack, told, Path(folder), previous, hold_s, _tell)
        for place, scenario in enumerate(scenarios, start=1):
            try:
                outcome = asyncio.run(runner.run(scenario))
            except (AssertionError, OSError, TimeoutError) as error:
                return outcomes, f"{scenario.name}: {error!r}"
            outcomes.append(outcome)
            verdict = "; ".join(outcome.misses)[:500] or "kept"
            _tell(
                f"[{place}/{len(scenarios)}] {scenario.name}: {outcome.requests} requests, {outcome.retried} retried,"
                f" {len(outcome.lost)} lost, recovery {outcome.recovery_s:.1f} s: {verdict}"
            )
    return outcomes, ""


def _tell(text: str) -> None:
    """Progress, for people."""
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {text}\n")
    sys.stderr.flush()


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
