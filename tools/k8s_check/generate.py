"""The manifests that the code decides: what exists on the broker, databases and roles, secrets, routes, alert rules.

Each file is written by `make k8s-check ARGS=--write` and compared by every check, so it cannot differ from the code.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from embedded.platform import SERVICES
from tools.k8s_check import base, broker, databases, monitoring, operations, routes, scaling, secrets, setup
from tools.k8s_check.documents import MANIFESTS, Document, Finding, dump_all

HEADER = "# Written by `make k8s-check ARGS=--write` from the code; a change by hand is lost. Overlays patch it.\n"

Generator = Callable[[], Sequence[Document | list[Document]]]

FILES: Mapping[str, Generator] = {
    "base/operations/cronjob.yaml": lambda: operations.cron_job(SERVICES),
    "components/release/release.yaml": setup.release,
    "components/rabbitmq/topology.yaml": lambda: broker.topology_objects(SERVICES),
    "components/postgresql/databases.yaml": lambda: databases.database_objects(SERVICES),
    "components/postgresql/operations.yaml": lambda: operations.certificates(SERVICES),
    "components/external-secrets/secrets.yaml": lambda: secrets.external_secrets(SERVICES),
    "components/scaling/scaledobjects.yaml": lambda: scaling.scaled_objects(SERVICES),
    "components/gateway/routes.yaml": lambda: routes.http_routes(SERVICES),
    "components/ingress/ingress.yaml": lambda: routes.ingress(SERVICES),
    "components/monitoring/rules.yaml": monitoring.prometheus_rules,
    "overlays/development/setup.yaml": lambda: setup.setup_jobs(SERVICES),
}


def generated() -> dict[str, str]:
    """The text of every generated file by its path below the manifests."""
    texts = {path: dump_all(generator()) for path, generator in FILES.items()}
    texts["base/kustomization.yaml"] = base.base_list(SERVICES)
    texts |= {f"base/{service.name}/kustomization.yaml": base.service_base(service) for service in SERVICES}
    return {path: HEADER + text for path, text in texts.items()}


def write(manifests: Path = MANIFESTS) -> list[str]:
    """Write what differs; returns the paths written."""
    changed = [path for path, text in generated().items() if _text_of(manifests / path) != text]
    for path in changed:
        (manifests / path).parent.mkdir(parents=True, exist_ok=True)
        (manifests / path).write_text(generated()[path], encoding="utf-8")
    return changed


def differences(manifests: Path = MANIFESTS) -> list[Finding]:
    """The generated files that are not what the code says."""
    return [
        Finding("deploy/k8s", path, "generated", "differs from what the code declares", "make k8s-check ARGS=--write")
        for path, text in generated().items()
        if _text_of(manifests / path) != text
    ]


def _text_of(file: Path) -> str | None:
    return file.read_text(encoding="utf-8") if file.is_file() else None
