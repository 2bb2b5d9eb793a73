import importlib
import re
from collections.abc import Iterator

import pytest
from fastapi.routing import iter_route_contexts

from shared.runtime.observability.metrics import BUCKETS_S, METRICS
from shared.runtime.schedule.housekeeping import ENDED_SESSIONS, HOUSEKEEPING
from shared.runtime.service.gauges import RUNTIME_QUERIES
from shared.runtime.service.service import Job, Service
from tests.unit.observability.operations_files import components, queries, rule_tests, rules

_STRINGS = re.compile(r'"(?:[^"\\]|\\.)*"')
_NAME = re.compile(r"(?<![\w:])(?:yunquan|rabbitmq|process)[a-z0-9_:]+|(?<![\w:])up(?=\{)")
_SELECTOR = re.compile(r"([a-zA-Z_:][\w:]*)\{([^}]*)\}")
_MATCHER = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)"')
_OF_THE_PROCESS = {
    "process_cpu_seconds_total",
    "process_max_fds",
    "process_open_fds",
    "process_resident_memory_bytes",
    "process_start_time_seconds",
    "process_virtual_memory_bytes",
}
_OF_THE_TARGET = {"service", "instance", "job"}
_SUFFIXES = {"bucket": {"le"}, "count": set[str](), "sum": set[str]()}
_OFTEN_S = 10.0


def _service(name: str) -> Service:
    found: Service = importlib.import_module(f"services.{name}.service").SERVICE
    return found


def _declared() -> dict[str, set[str]]:
    """Every metric of ours and its labels."""
    found: dict[str, set[str]] = {}
    for spec in METRICS.values():
        if spec.kind == "histogram":
            found |= {f"{spec.name}_{suffix}": {*spec.labels, *more} for suffix, more in _SUFFIXES.items()}
        else:
            found[spec.name] = set(spec.labels)
    services = [_service(name) for name in components()]
    gauge_queries = [*RUNTIME_QUERIES, *(gauge_query for service in services for gauge_query in service.gauge_queries)]
    gauges = [gauge for gauge_query in gauge_queries for gauge in gauge_query.gauges]
    gauges += [gauge for service in services for audit in service.audits for gauge in audit.gauges]
    found |= {gauge.name: set(gauge.labels) for gauge in gauges}
    return found


DECLARED = _declared()
RECORDED = {rule["record"] for rule in rules() if "record" in rule}


_OF_OTHERS = ("rabbitmq_", "kubelet_volume_stats_")
"""Metrics of the broker, and of the cluster about its volumes."""


def _used() -> Iterator[tuple[str, str]]:
    for where, query in queries():
        for name in _NAME.findall(_STRINGS.sub('""', query)):
            yield where, name
    for test in rule_tests():
        for series in test["input_series"]:
            yield test["name"], series["series"].partition("{")[0]


def test_every_metric_that_is_looked_at_exists() -> None:
    known = {*DECLARED, *RECORDED, *_OF_THE_PROCESS, "up"}
    unknown = {(where, name) for where, name in _used() if name not in known and not name.startswith(_OF_OTHERS)}

    assert not unknown


def test_every_metric_that_the_code_declares_is_looked_at_by_a_rule_or_on_a_dashboard() -> None:
    looked_at = {name for _, query in queries() for name in _NAME.findall(query)}
    unseen = {name for name in DECLARED if name not in looked_at and not name.endswith("_sum")}

    assert not unseen


def test_every_label_that_is_asked_for_belongs_to_its_metric() -> None:
    wrong = []
    for where, query in [
        *queries(),
        *((test["name"], s["series"]) for test in rule_tests() for s in test["input_series"]),
    ]:
        for name, matchers in _SELECTOR.findall(query):
            if name in DECLARED:
                labels = {label for label, _, _ in _MATCHER.findall(matchers)}
                wrong += [(where, name, label) for label in labels - DECLARED[name] - _OF_THE_TARGET]

    assert not wrong


def test_the_limit_of_the_latency_promise_is_a_bucket_of_the_histogram() -> None:
    bounds = {bound for _, query in queries() for bound in re.findall(r'le="([^"]+)"', query)}

    assert bounds
    assert bounds <= {str(bound) for bound in BUCKETS_S}


def test_the_regular_expressions_of_a_partition_are_the_names_of_partitions() -> None:
    asked = {value for _, query in queries() for value in re.findall(r'partition="(\w+)"', query)}

    assert asked == {"commands", "facts"}


def test_every_route_on_a_dashboard_exists() -> None:
    routes = {name: _routes(_service(name)) for name in components()}
    asked = {
        (service, path)
        for _, query in queries()
        for service, path in re.findall(r'route="/api/(\w+)/v1([^"]*)",method="POST"', query)
    }

    assert asked
    assert {(service, path) for service, path in asked if path not in routes[service]} == set()


def _routes(service: Service) -> set[str]:
    cold = iter_route_contexts(service.router.routes) if service.router is not None else ()
    return {route.path for route in service.hot_routes} | {route.path for route in cold if route.path is not None}


@pytest.mark.parametrize(
    "job",
    [
        pytest.param(job, id=job.name)
        for name in components()
        for job in (*_service(name).jobs, HOUSEKEEPING, ENDED_SESSIONS)
    ],
)
def test_a_job_that_stops_is_noticed_in_its_own_time(job: Job) -> None:
    (quick,) = {
        rule["expr"].partition('job=~"')[2].partition('"')[0]
        for rule in rules()
        if rule.get("alert") == "JobNotSucceeding" and rule["labels"]["severity"] == "page"
    }
    pages = re.fullmatch(quick, job.name) is not None

    # Within 2 minutes at least twelve runs were missed; within 2 hours at least one, of a job that runs every hour.
    assert job.every_s <= _OFTEN_S if pages else job.every_s * 2 <= 7_200
