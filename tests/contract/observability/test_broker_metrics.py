import re
import time
import urllib.request
from urllib.error import URLError

import aio_pika
import pytest
from testcontainers.core.container import DockerContainer
from testcontainers.core.wait_strategies import LogMessageWaitStrategy

from shared.runtime.bus.topology import UNROUTED
from tests.containers import image
from tests.unit.observability.operations_files import OBSERVABILITY, queries, read_yaml

_AMQP, _PROMETHEUS = 5672, 15692
_LIMIT_S = 60


def _used() -> set[str]:
    return {name for _, query in queries() for name in re.findall(r"\brabbitmq_\w+(?=[\s{)\[]|$)", query)}


def _served(url: str, *, until: str) -> str:
    """What the broker shows, once it shows a certain thing; it collects its figures every five seconds."""
    text, deadline = "", time.monotonic() + _LIMIT_S
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - an address of our own container
                text = answer.read().decode()
        except (URLError, ConnectionError):
            text = ""
        if until in text:
            return text
        time.sleep(0.5)
    pytest.fail(f"{url} showed no {until} within {_LIMIT_S} s")


@pytest.mark.container
async def test_the_broker_serves_every_metric_that_rules_and_dashboards_use_where_prometheus_looks(
    container_labels: dict[str, str],
) -> None:
    jobs = {
        job["job_name"]: (job.get("metrics_path", "/metrics"), job["metric_relabel_configs"][0])
        for job in read_yaml(OBSERVABILITY / "prometheus.yml")["scrape_configs"]
        if job["job_name"].startswith("rabbitmq")
    }
    broker = (
        DockerContainer(image("BROKER_IMAGE", public="yunquan/broker:4"))
        .with_env("RABBITMQ_DEFAULT_USER", "test")
        .with_env("RABBITMQ_DEFAULT_PASS", "test")
        .with_exposed_ports(_AMQP, _PROMETHEUS)
        .with_kwargs(labels=container_labels)
        .waiting_for(LogMessageWaitStrategy("Server startup complete").with_startup_timeout(_LIMIT_S))
    )
    with broker:
        host, port = broker.get_container_host_ip(), broker.get_exposed_port(_PROMETHEUS)
        await _declare_a_queue(f"amqp://test:test@{host}:{broker.get_exposed_port(_AMQP)}/")
        kept: set[str] = set()
        for job, (path, relabel) in jobs.items():
            shown = (
                f'rabbitmq_queue_consumers{{vhost="/",queue="{UNROUTED}"}}'
                if job.endswith("queues")
                else "rabbitmq_alarms"
            )
            text = _served(f"http://{host}:{port}{path}", until=shown)
            names = set(re.findall(r"^(rabbitmq_\w+)(?=[ {])", text, re.MULTILINE))
            chosen = {name for name in names if re.fullmatch(relabel["regex"], name)}
            kept |= chosen if relabel["action"] == "keep" else names - chosen

    assert _used() - kept == set()


async def _declare_a_queue(url: str) -> None:
    connection = await aio_pika.connect(url)
    channel = await connection.channel()
    await channel.declare_queue(UNROUTED, durable=True, arguments={"x-queue-type": "quorum"})
    await connection.close()
