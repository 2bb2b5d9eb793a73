"""The outcomes as a document: what was run, on what, and each figure."""

import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from tests.e2e.faults.load import ARRIVAL_S, ATTEMPT_S, BUYERS
from tests.e2e.faults.previous import Previous
from tests.e2e.faults.runner import RECOVERY_MAX_S, Outcome
from tests.e2e.market import SETTLED_S
from tests.e2e.traffic import PATIENCE_S

ASK_S = 30
HEADS = (
    "scenario",
    "what",
    "matrix rows",
    "at (UTC)",
    "fault s",
    "orders",
    "requests in the fault",
    "retried",
    "lost",
    "ready s",
    "recovery s",
    "last to recover",
    "at rest s",
    "proof",
)


def facts_of_this_run(checkout: Path, images: Mapping[str, str], previous: Previous) -> dict[str, str]:
    """Machine, date, versions and images, by title."""
    revision = _said(checkout, "git", "rev-parse", "--short=12", "HEAD") or "no history"
    changed = _said(checkout, "git", "status", "--porcelain", "--", "services", "shared", "deploy", "policies")
    found = {
        "date": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "machine": f"{os.cpu_count()} cores {_processor()}, {_memory_gib()} GiB, load average {_load()} at the start",
        "system": f"Linux {platform.release()}, Python {platform.python_version()}",
        "engine": "Docker " + _said(checkout, "docker", "version", "--format", "{{.Server.Version}}"),
        "code": f"commit {revision}" + (" with changes not yet committed" if changed else ""),
        "previous version": previous.why,
    }
    for title, name in images.items():
        found[f"image {title}"] = (
            f"`{name}` {_said(checkout, 'docker', 'image', 'inspect', '-f', '{{.Id}}', name)[:19]}"
        )
    return found


def render(outcomes: Sequence[Outcome], facts: Mapping[str, str], *, hold_s: float, took_s: float) -> str:
    """The report as Markdown."""
    misses = [f"- **{one.name}**: {text}" for one in outcomes for text in one.misses]
    run = f"{len(outcomes)} scenarios in {took_s / 60:.0f} min, faults held {hold_s:g} s"
    notes = [f"- {one.name}: {text}" for one in outcomes for text in one.notes]
    lines = [
        "# Fault report",
        "",
        "Written by `make faults`; do not edit. Every figure is of this one run.",
        "",
        "**" + (f"{len(misses)} bounds were missed." if misses else _verdict(outcomes)) + "**",
        "",
        *misses,
        *([""] if misses else []),
        *_table(("", ""), [*([title, text] for title, text in facts.items()), ["run", run]]),
        "",
        "## How it was measured",
        "",
        *_method(),
        "",
        "## Scenarios",
        "",
        *_table(HEADS, [_row(one) for one in outcomes]),
    ]
    if notes:
        lines += ["", "## Notes", "", *notes]
    return "\n".join(lines) + "\n"


def _method() -> list[str]:
    return [
        (
            "Five services, a PostgreSQL server for each and RabbitMQ, each in a container of its own."
            f" {BUYERS} buyers purchase without a pause; their orders are cancelled, or confirmed and refunded, one in"
            f" ten kept. Another buyer comes every {ARRIVAL_S:g} s, however long those before it wait. Beside them"
            " people sign in and read products, windows and plans. A client waits"
            f" {ATTEMPT_S:g} s for an attempt and repeats it with the same idempotency key for at most"
            f" {PATIENCE_S:g} s; it keeps a log of its own."
        ),
        "",
        "- **retried**: requests open during the fault that their client had to send more than once.",
        (
            "- **lost**: a request that was refused or never answered, or an acknowledged answer that the platform no"
            " longer shows."
        ),
        (
            "- **recovery**: from the end of the fault (for a killed container, from the order to start it) until every"
            " service is ready and each kind of request sent after that moment is answered, sagas included;"
            f" at most {RECOVERY_MAX_S:g} s."
        ),
        f"- **at rest**: from the end of the traffic until the proof balances; at most {SETTLED_S:g} s.",
        "- **proof**: what the whole proof examined (ledger, comparison of the services), and its differences.",
    ]


def _verdict(outcomes: Sequence[Outcome]) -> str:
    slowest = max(outcomes, key=lambda one: one.recovery_s)
    return (
        f"No request was lost, every proof balances, and the slowest recovery took {slowest.recovery_s:.1f} s"
        f" ({slowest.name}); the bound is {RECOVERY_MAX_S:g} s."
    )


def _row(one: Outcome) -> list[str]:
    proof = f"{one.examined:,}, " + (f"{len(one.differences)} differences" if one.differences else "balances")
    return [
        one.name,
        one.title,
        ", ".join(map(str, one.rows)),
        f"{one.at:%H:%M:%S}",
        f"{one.fault_s:.1f}",
        str(one.orders),
        str(one.requests),
        str(one.retried),
        str(len(one.lost)),
        f"{one.ready_s:.1f}",
        f"{one.recovery_s:.1f}",
        one.slowest,
        f"{one.settled_s:.1f}",
        proof,
    ]


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(row)} |" for row in (heads, ["---"] * len(heads), *rows)]


def _processor() -> str:
    file = Path("/proc/cpuinfo")
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _memory_gib() -> int:
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30)


def _load() -> str:
    return f"{os.getloadavg()[0]:.1f}"


def _said(checkout: Path, *words: str) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - git and docker
            words, cwd=checkout, capture_output=True, text=True, timeout=ASK_S, check=False
        )
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
