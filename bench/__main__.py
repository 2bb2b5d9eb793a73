"""`python -m bench`: measures this machine and this code, audits every run, and says which targets are missed."""

import argparse
import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import TypeAlias

from bench import allocator, ceilings, footprint, intake, replicas, scale_out, scenarios
from bench.processes import SERVICES, NotStarted
from bench.report import Report
from bench.scenarios import Options
from embedded.postgres import PostgresNotStarted
from shared.runtime.host.loop import new_loop

Scenario: TypeAlias = Callable[[Report, Options], Coroutine[None, None, None]]

INTAKE_APPLICATIONS = 20_000
INTAKE_CLIENTS = 1_000
CEILING_CLIENTS = 64
CEILING_SECONDS_MAX = 8.0
BUSY_SHARE = 0.25
PURCHASE = "purchases, 64 clients: settled"


async def run_intake(report: Report, options: Options) -> None:
    """Opening day."""
    clients = options.clients or INTAKE_CLIENTS
    for _ in range(options.runs):
        await intake.measure(
            report, applications=INTAKE_APPLICATIONS, clients=clients, rabbitmq_url=options.rabbitmq_url
        )


async def run_allocator(report: Report, options: Options) -> None:
    """The allocator by itself."""
    for _ in range(options.runs):
        await allocator.measure(report)


async def run_memory(report: Report, options: Options) -> None:
    """Resident memory of each service, and the start of the embedded platform."""
    await scenarios.idle(report, options)
    await asyncio.to_thread(footprint.measure, report)


async def run_replicas(report: Report, options: Options) -> None:
    """One process of each service against two on the same cores."""
    await replicas.measure(report, options)


async def run_scale_out(report: Report, _: Options) -> None:
    """What more replicas reach, reckoned."""
    scale_out.print_all(report)


async def run_ceilings(report: Report, options: Options) -> None:
    """What the parts can do by themselves."""
    seconds = min(options.seconds, CEILING_SECONDS_MAX)
    await ceilings.measure(
        report,
        clients=options.clients or CEILING_CLIENTS,
        seconds=seconds,
        rabbitmq_url=options.rabbitmq_url,
    )


async def run_all(report: Report, options: Options) -> None:
    """Everything, and what share of each ceiling a purchase is."""
    for scenario in (
        run_ceilings, scenarios.purchases, scenarios.embedded, run_intake, run_allocator, run_memory
    ):  # fmt: skip
        await scenario(report, options)
    for ceiling in ("pgbench TPC-B-like", f"HTTP echo, {CEILING_CLIENTS} clients", "AMQP publish, window 200"):
        report.ratio(PURCHASE, over=f"ceiling: {ceiling}")


SCENARIOS: Mapping[str, tuple[str, Scenario]] = {
    "purchases": ("services as processes with RabbitMQ: purchases from POST to settled saga", scenarios.purchases),
    "embedded": ("all services in one process on the memory bus: the same purchases", scenarios.embedded),
    "replicas": ("one process of each service against two on the same cores, in turns", run_replicas),
    "scale-out": ("2, 4 and 8 replicas on cores of their own, reckoned from measured costs", run_scale_out),
    "intake": ("opening day: a thousand clients apply at once", run_intake),
    "allocator": ("the allocator by itself, without HTTP", run_allocator),
    "memory": ("resident memory of each service, start of the embedded platform", run_memory),
    "ceilings": ("PostgreSQL, HTTP and AMQP by themselves on this machine", run_ceilings),
    "all": ("everything in one report (the default)", run_all),
}


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    listed = "\n".join(f"  {name:<10} {text}" for name, (text, _) in SCENARIOS.items())
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description=f"{__doc__}\n\nwhat to measure:\n{listed}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("what", nargs="?", default="all", choices=SCENARIOS, metavar="WHAT", help="see above")
    parser.add_argument("--clients", type=int, help="concurrent clients (default: those the targets name)")
    parser.add_argument("--seconds", type=float, default=8.0, help="length of each measured run (default: 8)")
    parser.add_argument("--runs", type=int, default=3, help="runs of which the median counts (default: 3)")
    parser.add_argument("--services", nargs="+", default=SERVICES, choices=SERVICES, help="which services to run")
    parser.add_argument("--rabbitmq-url", help="amqp:// URL of an empty broker (default: a container of our own)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures as JSON as well")
    return parser.parse_args(arguments)


def main() -> int:
    """0 when it was measured, whether or not a target was met; 1 when a run does not count; 130 after Ctrl-C."""
    given = parse()
    options = Options(
        clients=given.clients,
        seconds=given.seconds,
        runs=given.runs,
        rabbitmq_url=given.rabbitmq_url,
        services=tuple(given.services),
    )
    report, code = Report(), 0
    # Asked to end, it ends as by Ctrl-C: processes, databases and the broker's container go first.
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    if os.getloadavg()[0] > BUSY_SHARE * len(os.sched_getaffinity(0)):
        report.note("the machine was busy with something else before the first run: rates and latencies are too bad")
    try:
        with asyncio.Runner(loop_factory=new_loop) as runner:
            runner.run(SCENARIOS[given.what][1](report, options))
    except KeyboardInterrupt:
        code = 130
    except (NotStarted, PostgresNotStarted, RuntimeError, TimeoutError, OSError, subprocess.SubprocessError) as error:
        print(f"bench: {error}", file=sys.stderr)
        code = 1
    print(report.text())
    if given.json is not None:
        report.write(given.json)
    return code


if __name__ == "__main__":
    sys.exit(main())
