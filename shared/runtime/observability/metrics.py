"""What /metrics shows: requests as they are answered, what the process keeps anyway, and gauges sampled when asked.

Prometheus's own client counts requests, makes the text and reads the process; one registry a process. What a service
keeps for its own use, such as the number of its commits, is collected at the moment of asking.
"""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from shared.runtime.observability.audits import AuditRecord
from shared.runtime.observability.readiness import Missing
from shared.runtime.service.gauges import Gauge, GaugeValues, Sample, Sampler
from shared.runtime.service.runtime import Runtime

Labels: TypeAlias = tuple[str, ...]
Values: TypeAlias = Mapping[Labels, float]

BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_OUTCOMES = {
    "applied": "applied",
    "duplicates": "duplicate",
    "set_for_retry": "set_for_retry",
    "dead_lettered": "dead_lettered",
}

# The client would show for each series of its own also when it began, under a name that nobody declared.
disable_created_metrics()  # type: ignore[no-untyped-call]


def version() -> str:
    """The version of this process's code, as its image says; `development` outside an image."""
    return os.environ.get("YUNQUAN_VERSION", "development")


@dataclass(frozen=True, slots=True)
class MetricSpec:
    """A metric made of what the process keeps: `service` is its first label, without saying so."""

    name: str
    kind: str
    labels: Labels
    meaning: str


METRICS: Mapping[str, MetricSpec] = {
    spec.name: spec
    for spec in (
        MetricSpec("yunquan_build_info", "gauge", ("version", "revision"), "1, with what runs here"),
        MetricSpec("yunquan_ready", "gauge", (), "1 when /health/ready answers 200"),
        MetricSpec("yunquan_not_ready", "gauge", ("reason",), "1 for each thing that is missing"),
        MetricSpec("yunquan_http_requests_total", "counter", ("route", "method", "status"), "Requests answered"),
        MetricSpec("yunquan_http_request_duration_seconds", "histogram", ("route", "method"), "How long requests took"),
        MetricSpec(
            "yunquan_http_denials_total",
            "counter",
            ("code", "permission"),
            "Requests denied (401, 403, 429), by the problem's code and the permission that was missing",
        ),
        MetricSpec("yunquan_envelopes_total", "counter", (), "Envelopes handed to the bus"),
        MetricSpec("yunquan_published_events_total", "counter", (), "Events in the envelopes handed to the bus"),
        MetricSpec(
            "yunquan_consumed_events_total", "counter", ("outcome",), "Events that came in, by what became of them"
        ),
        MetricSpec(
            "yunquan_inbox_lag_seconds",
            "gauge",
            ("queue",),
            "Age of the oldest event of the newest applied batch, when it was applied; 0 after 60 s without one",
        ),
        MetricSpec(
            "yunquan_copy_lag_seconds",
            "gauge",
            ("stream",),
            "How far this copy is behind; over 10: not ready",
        ),
        MetricSpec("yunquan_clock_skew_seconds", "gauge", (), "Machine clock minus database clock"),
        MetricSpec("yunquan_clock_offset_seconds", "gauge", (), "Business clock minus database clock; 0 in production"),
        MetricSpec(
            "yunquan_database_connections",
            "gauge",
            ("pool", "state"),
            "Connections of the pool of writers (work) or of readers (reads): idle, used, or still free",
        ),
        MetricSpec("yunquan_transactions_total", "counter", ("outcome",), "Transactions: commit or rollback"),
        MetricSpec(
            "yunquan_job_last_success_timestamp_seconds", "gauge", ("job",), "When this process last ran the job"
        ),
        MetricSpec("yunquan_job_failures_total", "counter", ("job",), "Runs of the job that failed in this process"),
        MetricSpec(
            "yunquan_audit_age_seconds",
            "gauge",
            (),
            "Seconds since this process's oldest audit; absent where another process audits",
        ),
        MetricSpec("yunquan_sample_failures_total", "counter", (), "Gauges that could not be read from the database"),
    )
}


@dataclass(slots=True)
class ObservedService:
    """One running service, as its metrics are made."""

    runtime: Runtime
    sampler: Sampler
    audits: Mapping[str, AuditRecord]
    sample: Sample
    missing: Sequence[Missing]


def gauges_of(observed: ObservedService) -> Iterator[tuple[str, Values]]:
    """What a process keeps of one service, by metric."""
    runtime, counts = observed.runtime, observed.runtime.counts
    yield "yunquan_build_info", {(version(), os.environ.get("YUNQUAN_REVISION", "unknown")): 1}
    yield "yunquan_ready", {(): 0 if observed.missing else 1}
    yield "yunquan_not_ready", {(reason,): 1 for reason in {missing.code for missing in observed.missing}}
    yield "yunquan_http_denials_total", dict(runtime.denied)
    yield "yunquan_envelopes_total", {(): counts["envelopes"]}
    yield "yunquan_published_events_total", {(): counts["events"]}
    consumed: dict[Labels, float] = {(outcome,): counts[name] for name, outcome in _OUTCOMES.items()}
    yield "yunquan_consumed_events_total", {**consumed, ("parked",): runtime.flow.parked}
    yield "yunquan_inbox_lag_seconds", {(queue,): lag_s for queue, lag_s in runtime.flow.queue_lags().items()}
    yield "yunquan_copy_lag_seconds", {(stream,): lag_s for stream, lag_s in runtime.flow.stream_lags().items()}
    skew_s = observed.sample.clock_skew_s
    yield "yunquan_clock_skew_seconds", {} if skew_s is None else {(): skew_s}
    yield "yunquan_clock_offset_seconds", {(): runtime.clock.offset.total_seconds()}
    yield "yunquan_database_connections", _connections(runtime)
    yield "yunquan_transactions_total", {("commit",): counts["commits"], ("rollback",): counts["rollbacks"]}
    jobs = runtime.jobs
    yield (
        "yunquan_job_last_success_timestamp_seconds",
        {(name,): job.succeeded_at_s for name, job in jobs.items() if job.succeeded_at_s is not None},
    )
    yield "yunquan_job_failures_total", {(name,): job.failures for name, job in jobs.items()}
    ages_s = [audit.age_s for audit in observed.audits.values() if audit.age_s is not None]
    yield "yunquan_audit_age_seconds", {(): max(ages_s)} if ages_s else {}
    yield "yunquan_sample_failures_total", {(): observed.sampler.failures}


def _connections(runtime: Runtime) -> Values:
    found: dict[Labels, float] = {}
    for name, pool in (("work", runtime.pool), ("reads", runtime.reads.pool)):
        idle, size = pool.get_idle_size(), pool.get_size()
        found |= {(name, "idle"): idle, (name, "used"): size - idle, (name, "free"): pool.get_max_size() - size}
    return found


class _Made(Collector):
    """Families that were made a moment ago."""

    def __init__(self) -> None:
        self.families: Sequence[Metric] = ()

    def collect(self) -> Iterable[Metric]:
        return self.families


class Metrics:
    """The metrics of one process."""

    def __init__(self, observed: Sequence[ObservedService]) -> None:
        self._observed = observed
        self._made = _Made()
        self._registry = CollectorRegistry()
        self._registry.register(self._made)
        name, meaning, labels = _declared("yunquan_http_requests_total")
        self._requests = Counter(name, meaning, labels, registry=self._registry)
        name, meaning, labels = _declared("yunquan_http_request_duration_seconds")
        self._durations = Histogram(name, meaning, labels, registry=self._registry, buckets=BUCKETS_S)
        ProcessCollector(registry=self._registry)

    def answered(self, service: str, route: str, method: str, *, status: int, duration_s: float) -> None:
        """One request was answered; `route` is a template and never a path, so that nobody can make series."""
        self._requests.labels(service, route, method, status).inc()
        self._durations.labels(service, route, method).observe(duration_s)

    def render(self) -> bytes:
        """The text of /metrics, from the newest samples."""
        self._made.families = [*self._kept(), *self._sampled()]
        return generate_latest(self._registry)

    def _kept(self) -> Iterator[Metric]:
        families: dict[str, GaugeMetricFamily | CounterMetricFamily] = {}
        for observed in self._observed:
            service = observed.runtime.service.name
            for name, values in gauges_of(observed):
                family = families.get(name)
                if family is None:
                    family = families[name] = _family(METRICS[name])
                for labels, value in values.items():
                    family.add_metric([service, *labels], value)
        yield from families.values()

    def _sampled(self) -> Iterator[Metric]:
        families: dict[str, GaugeMetricFamily] = {}
        for observed in self._observed:
            audited = [reading for audit in observed.audits.values() for reading in audit.readings]
            for reading in (*observed.sample.readings, *audited):
                _add(families, observed.runtime.service.name, reading)
        yield from families.values()


def _declared(name: str) -> tuple[str, str, Labels]:
    spec = METRICS[name]
    return spec.name, spec.meaning, ("service", *spec.labels)


def _family(spec: MetricSpec) -> GaugeMetricFamily | CounterMetricFamily:
    kind = CounterMetricFamily if spec.kind == "counter" else GaugeMetricFamily
    return kind(spec.name, spec.meaning, labels=["service", *spec.labels])


def _add(families: dict[str, GaugeMetricFamily], service: str, reading: GaugeValues) -> None:
    gauge: Gauge = reading.gauge
    family = families.get(gauge.name)
    if family is None:
        family = families[gauge.name] = GaugeMetricFamily(gauge.name, gauge.meaning, labels=["service", *gauge.labels])
    for labels, value in reading.values.items():
        family.add_metric([service, *labels], value)
