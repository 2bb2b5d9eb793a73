"""A new service is a folder and one line: everything else follows from the line, tried in a copy of the checkout."""

import json
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from embedded.components import CHECKOUT, service_names
from embedded.platform import SERVICES
from operations.places import service_names as services_of_operations
from services.identity.domain.accounts import AUDIENCES
from tests.new_component import SIXTH, add_folder, add_line

COPIED = ("bench", "deploy", "embedded", "operations", "policies", "services", "shared", "tools")
SERVICE = """
from services.oversight.settings import OversightSettings
from services.oversight.tables import METADATA
from shared.runtime.service import Service

SERVICE = Service(name="oversight", metadata=METADATA, settings=OversightSettings, title="监督", duty="查看")
"""
TABLES = """
from shared.runtime.tables import attach, new_metadata

METADATA = new_metadata()
RUNTIME = attach(METADATA)
"""
MIGRATION = """
revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
"""
WRITE = "from tools.k8s_check import generate; generate.write(); assert generate.differences() == []"
ASKED = """
import json
from bench.processes import SERVICES as bench
from embedded.demonstration.clock import SERVICES as clock
from embedded.front import Front, render
from embedded.platform import SERVICES
print(json.dumps({
    "embedded": [each.name for each in SERVICES], "bench": bench, "clock": clock, "front": render(Front()),
}))
"""
MIGRATE = """
import asyncio, sys
from shared.runtime.deploy.migrate import upgrade, wait_for_schema
asyncio.run(upgrade("oversight", sys.argv[1]))
asyncio.run(wait_for_schema("oversight", sys.argv[1], timeout_s=0))
"""


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the checkout with a sixth service, in which every generator has run."""
    folder = tmp_path_factory.mktemp("sixth")
    for name in COPIED:
        shutil.copytree(CHECKOUT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", ".env", ".data"))
    shutil.copy(CHECKOUT / "pyproject.toml", folder)
    services = folder / "services"
    add_folder(services, "__init__.py", "__main__.py", "settings.py", like="catalog")
    (services / SIXTH / "service.py").write_text(SERVICE, encoding="utf-8")
    (services / SIXTH / "tables.py").write_text(TABLES, encoding="utf-8")
    (services / SIXTH / "migrations" / "versions").mkdir(parents=True)
    (services / SIXTH / "migrations" / "versions" / "0001_first_tables.py").write_text(MIGRATION, encoding="utf-8")
    add_line(folder / "deploy/components", f"{SIXTH} services/{SIXTH}", after="settlement   services/settlement")
    for words in (["-m", "tools.compose"], ["-m", "tools.dashboards"], ["-c", WRITE]):
        run(folder, *words)
    return folder


def run(folder: Path, *words: str) -> str:
    done = subprocess.run(  # noqa: S603 - our own commands
        [sys.executable, *words], cwd=folder, check=False, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def text(checkout: Path, path: str) -> str:
    return (checkout / "deploy" / path).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("compose.components.yaml", f"    command: [python, -m, shared.runtime.migrate, {SIXTH}]"),
        ("k8s/base/kustomization.yaml", f"  - {SIXTH}"),
        (f"k8s/base/{SIXTH}/kustomization.yaml", f"  - name: {SIXTH}-settings"),
        ("observability/prometheus.yml", f"          - {SIXTH}"),
        (
            "observability/rules/availability.yaml",
            f'      - {{record: "yunquan:expected_service", expr: vector(1), labels: {{service: {SIXTH}}}}}',
        ),
    ],
    ids=("compose", "the base of Kubernetes", "its own base", "Prometheus", "what should be there"),
)
def test_it_has_its_lines_for_containers_and_prometheus(checkout: Path, path: str, line: str) -> None:
    assert line in text(checkout, path).splitlines()


def test_it_has_its_objects_on_kubernetes(checkout: Path) -> None:
    for path in (
        "base/operations/cronjob.yaml",
        "components/rabbitmq/topology.yaml",
        "components/postgresql/databases.yaml",
        "components/external-secrets/secrets.yaml",
        "components/gateway/routes.yaml",
        "components/ingress/ingress.yaml",
        "components/monitoring/rules.yaml",
        "overlays/development/setup.yaml",
    ):
        assert SIXTH in text(checkout, f"k8s/{path}"), path


def test_it_has_its_dashboard(checkout: Path) -> None:
    dashboard = json.loads(text(checkout, f"observability/dashboards/{SIXTH}.json"))
    assert dashboard["title"] == f"Yunquan: {SIXTH}"
    assert text(checkout, f"observability/consoles/{SIXTH}.html")


def test_the_embedded_platform_its_clock_and_page_and_the_bench_know_it(checkout: Path) -> None:
    known: Mapping[str, Any] = json.loads(run(checkout, "-c", ASKED))
    expected = [*service_names(), SIXTH]
    assert (known["embedded"], known["bench"], known["clock"]) == (expected, expected, expected)
    assert f"<b>监督</b> <code>{SIXTH}</code></td><td>查看</td>" in known["front"]


def test_its_database_gets_the_tables_of_the_runtime(checkout: Path, fresh_database: Callable[[], str]) -> None:
    run(checkout, "-c", MIGRATE, fresh_database())


def test_what_is_listed_is_what_there_is_here() -> None:
    folders = {path.parent.name for path in (CHECKOUT / "services").glob("*/service.py")}
    assert [service.name for service in SERVICES] == list(service_names())
    assert set(service_names()) == folders == set(services_of_operations())
    assert folders <= set(AUDIENCES), "tokens are made for every service"


def test_the_rules_of_imports_name_no_service_where_they_mean_each() -> None:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))
    for rule in project["tool"]["importlinter"]["contracts"]:
        for field in ("modules", "containers", "source_modules", "protected_modules"):
            named = [name for name in rule.get(field, ()) if name.startswith("services.")]
            assert all(name.startswith("services.*") for name in named), rule["name"]
