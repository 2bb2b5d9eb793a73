"""The pages that Prometheus serves without Grafana, asked by HTTP; and what Grafana would be given."""

import json
import re
import time
import urllib.request
from collections.abc import Iterator
from urllib.error import URLError

import pytest

from tests.containers import image, require_engine
from tests.unit.observability.operations_files import OBSERVABILITY, dashboards, read_yaml

PORT = 9090
READY_S = 60.0
FLAGS = (
    "--config.file=/etc/yunquan/prometheus.yml",
    "--storage.tsdb.path=/prometheus",
    "--web.console.templates=/etc/yunquan/consoles",
)


@pytest.fixture(scope="module")
def prometheus(container_labels: dict[str, str]) -> Iterator[str]:
    """The address of a Prometheus with the platform's files, which has nothing to scrape."""
    require_engine()
    # Imported here, because importing testcontainers takes a while and most runs need no container.
    from testcontainers.core.container import DockerContainer  # noqa: PLC0415

    container = (
        DockerContainer(image("PROMETHEUS_IMAGE", public="prom/prometheus:v3.5.0"))
        .with_command(" ".join(FLAGS))
        .with_volume_mapping(str(OBSERVABILITY), "/etc/yunquan", "ro")
        .with_exposed_ports(PORT)
        .with_kwargs(labels=container_labels)
    )
    with container:
        yield f"http://{container.get_container_host_ip()}:{container.get_exposed_port(PORT)}"


def read(url: str) -> str:
    """A page, as soon as there is one."""
    deadline = time.monotonic() + READY_S
    while True:
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - a container of ours
                return str(answer.read().decode())
        except (URLError, ConnectionError):
            assert time.monotonic() < deadline, url
            time.sleep(0.3)


@pytest.mark.container
@pytest.mark.parametrize("name", [name.removesuffix(".json") for name in dashboards()])
def test_every_dashboard_is_a_page_of_prometheus_with_every_panel_and_its_answers(prometheus: str, name: str) -> None:
    page = read(f"{prometheus}/consoles/{name}.html")
    panels = [panel for panel in dashboards()[f"{name}.json"]["panels"] if panel["type"] != "row"]
    sections = re.findall(r"<section><h3>(.*?)</h3>.*?</section>", page, re.DOTALL)

    assert len(sections) == len(panels)
    assert all(row in page for row in ("<h1>Yunquan: ", 'href="/graph?g0.expr=', ">nothing<"))
    assert "{{" not in page, "a template was not carried out"


@pytest.mark.container
def test_a_figure_that_is_always_there_is_shown(prometheus: str) -> None:
    page = read(f"{prometheus}/consoles/journey.html")
    (pages,) = re.findall(r"<section><h3>Pages</h3>.*?</section>", page, re.DOTALL)

    assert re.search(r"<tr><td><a [^>]+>now</a></td><td>0</td></tr>", pages), pages


def test_grafana_is_given_the_prometheus_and_the_folder_that_compose_mounts() -> None:
    (source,) = read_yaml(OBSERVABILITY / "grafana/datasources/yunquan.yaml")["datasources"]
    (provider,) = read_yaml(OBSERVABILITY / "grafana/dashboards/yunquan.yaml")["providers"]
    compose = read_yaml(OBSERVABILITY.parent / "compose.yaml")["services"]
    mounted = dict(volume.split(":")[:2] for volume in compose["grafana"]["volumes"])

    assert source["url"] == "http://prometheus:9090"
    assert set(compose["grafana"]["networks"]) & set(compose["prometheus"]["networks"])
    assert mounted["./observability/dashboards"] == provider["options"]["path"]
    assert mounted["./observability/grafana"] == compose["grafana"]["environment"]["GF_PATHS_PROVISIONING"]
    assert json.loads((OBSERVABILITY / "dashboards/journey.json").read_text(encoding="utf-8"))["uid"]
