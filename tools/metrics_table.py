"""Writes docs/operations/metrics.md from the metrics that the services declare: python -m tools.metrics_table."""

import sys
from collections.abc import Iterator
from pathlib import Path

from embedded.platform import SERVICES
from shared.runtime.observability.metrics import METRICS
from shared.runtime.observability.readiness import NOT_READY
from shared.runtime.service.gauges import KEEP_S, RUNTIME_QUERIES, Gauge

FILE = Path(__file__).resolve().parents[1] / "docs/operations/metrics.md"
ALL = "all"

HEAD = f"""# Metrics

Made by `python -m tools.metrics_table`; a test compares it with the code. Every service serves `/metrics` on its own
port, beside `/health/live` and `/health/ready`. Each metric has the label `service`; the table names the others.
Gauges of the source "database" are read when somebody asks, at most every {KEEP_S:.0f} seconds, by bounded statements
with a time-out of 2 seconds; one that cannot be read is missing, and `yunquan_sample_failures_total` grows. Those of
the source "audit" come from a check over everything the service wrote, by one process at a time: only that process
shows them, so take `max by (service, ...)`. Counters begin at 0 with each process. The process itself is described by
`process_cpu_seconds_total`, `process_resident_memory_bytes`, `process_open_fds` and `process_start_time_seconds`.

| metric | kind | labels | service | source | meaning |
|---|---|---|---|---|---|
"""
REASONS = """
## Reasons for not being ready

`yunquan_not_ready{reason}` and the codes in the body of `/health/ready`:

| code | meaning | 含义 |
|---|---|---|
"""


def rows() -> Iterator[tuple[str, str, tuple[str, ...], str, str, str]]:
    """Every metric: name, kind, labels, service, source, meaning."""
    for spec in METRICS.values():
        yield spec.name, spec.kind, spec.labels, ALL, "process", spec.meaning
    for query in RUNTIME_QUERIES:
        for gauge in query.gauges:
            yield _row(gauge, ALL, "database")
    for service in SERVICES:
        for query in service.gauge_queries:
            for gauge in query.gauges:
                yield _row(gauge, service.name, "database")
        for audit in service.audits:
            for gauge in audit.gauges:
                yield _row(gauge, service.name, "audit")


def _row(gauge: Gauge, service: str, source: str) -> tuple[str, str, tuple[str, ...], str, str, str]:
    return gauge.name, "gauge", gauge.labels, service, source, gauge.meaning


def page() -> str:
    """The whole file."""
    table = [
        f"| `{name}` | {kind} | {', '.join(labels) or '–'} | {service} | {source} | {meaning} |\n"
        for name, kind, labels, service, source, meaning in sorted(rows())
    ]
    reasons = [f"| `{missing.code}` | {missing.text_en} | {missing.text} |\n" for missing in NOT_READY.values()]
    return "".join([HEAD, *table, REASONS, *reasons])


def main() -> int:
    """Write the file."""
    FILE.parent.mkdir(parents=True, exist_ok=True)
    FILE.write_text(page(), encoding="utf-8")
    print(f"{FILE.name}: written", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
