import shutil
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from embedded.platform import SERVICES
from shared.runtime.bus.topology import topology
from tests.new_component import SIXTH
from tools.k8s_check import __main__ as command
from tools.k8s_check import generate, render
from tools.k8s_check.base import base_list, service_base
from tools.k8s_check.documents import CHECKOUT, MANIFESTS, Rendered, containers_of, load_all, name_of
from tools.k8s_check.rules import rule_findings
from tools.k8s_check.schemas import SUPPORTED_VERSIONS, schema_findings
from tools.k8s_check.secrets import write_development_secrets

OVERLAYS = ("development", "staging", "production", "restore-order")
OPERATORS_OBJECTS = {"Cluster", "RabbitmqCluster", "ScaledObject", "ServiceMonitor", "ExternalSecret", "Gateway"}


def test_the_files_that_the_code_decides_are_what_the_code_says() -> None:
    assert generate.differences() == []


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_overlay_keeps_every_rule(overlay: str, rendered: dict[str, Rendered]) -> None:
    assert [finding.line() for finding in rule_findings(rendered[overlay])] == []


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_overlay_fits_the_schemas_of_every_supported_kubernetes(
    overlay: str, rendered: dict[str, Rendered]
) -> None:
    found = schema_findings(rendered[overlay], versions=SUPPORTED_VERSIONS, definitions=None)

    assert [finding.line() for finding in found] == []


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_custom_resource_fits_its_operators_definition(
    overlay: str, rendered: dict[str, Rendered], definitions: Path
) -> None:
    found = schema_findings(rendered[overlay], versions=SUPPORTED_VERSIONS[-1:], definitions=definitions)

    assert [finding.line() for finding in found] == []


def test_the_development_overlay_needs_no_operator(rendered: dict[str, Rendered]) -> None:
    kinds = {str(found["apiVersion"]).partition("/")[0] for found in rendered["development"].documents}

    assert kinds == {"v1", "apps", "batch", "networking.k8s.io", "policy"}


def test_production_leaves_no_secret_in_the_repository(rendered: dict[str, Rendered]) -> None:
    assert list(rendered["production"].of("Secret")) == []
    assert {str(found["kind"]) for found in rendered["production"].documents} >= OPERATORS_OBJECTS


def test_the_brokers_objects_are_the_topology_of_the_code(rendered: dict[str, Rendered]) -> None:
    wanted = topology([service.wiring() for service in SERVICES])
    found = rendered["production"]

    assert {each["spec"]["name"] for each in found.of("Exchange")} == {each.name for each in wanted.exchanges}
    assert {each["spec"]["name"]: each["spec"]["arguments"] for each in found.of("Queue")} == {
        each.name: {key: value for key, value in each.arguments.items() if key != "x-queue-type"}
        for each in wanted.queues
    }
    assert {
        (each["spec"]["destination"], each["spec"]["source"], each["spec"]["routingKey"])
        for each in found.of("Binding")
    } == {(each.queue, each.exchange, each.routing_key) for each in wanted.bindings}
    rights = {name_of(each): each["spec"]["permissions"] for each in found.of("Permission")}
    assert rights == {
        **{each.service: {"configure": "^$", "write": each.write, "read": each.read} for each in wanted.rights},
        "scaler": {"configure": "^$", "write": "^$", "read": "^$"},
    }


def test_a_service_never_holds_the_password_that_migrates(rendered: dict[str, Rendered]) -> None:
    for deployment in rendered["production"].of("Deployment"):
        named = [
            source["secretRef"]["name"]
            for container in containers_of(deployment["spec"]["template"])
            for source in container.get("envFrom") or ()
            if "secretRef" in source
        ]
        assert set(named) == {name_of(deployment)}


def test_a_sixth_service_gets_its_objects_from_what_is_written(
    program: str, tmp_path: Path, copied_manifests: Path
) -> None:
    manifests = tmp_path / "k8s"
    shutil.copytree(copied_manifests, manifests)
    base = manifests / "base"
    sixth = replace(SERVICES[0], name=SIXTH)
    (base / SIXTH).mkdir()
    (base / SIXTH / "kustomization.yaml").write_text(service_base(sixth), encoding="utf-8")
    (base / "kustomization.yaml").write_text(base_list([*SERVICES, sixth]), encoding="utf-8")

    found = render.render(manifests / "overlays" / "development", program=program)

    owned = {each["kind"] for each in found.documents if name_of(each) == SIXTH}
    assert owned == {"Deployment", "Service", "ServiceAccount", "PodDisruptionBudget", "NetworkPolicy"}
    # What is left is what the code decides of a service that it does not have yet.
    assert {finding.rule for finding in rule_findings(found)} == {"reference", "route"}


def test_secrets_for_development_are_private_and_keep_their_values(tmp_path: Path) -> None:
    file = tmp_path / "secrets.yaml"
    write_development_secrets(file)
    first = file.read_text(encoding="utf-8")
    write_development_secrets(file)

    assert file.read_text(encoding="utf-8") == first
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    values = [value for found in load_all(first) for value in found["stringData"].values() if len(value) > 20]
    assert len(values) > len(SERVICES) * 4


def test_git_ignores_the_secrets_for_development() -> None:
    file = MANIFESTS / "overlays" / "development" / "secrets.yaml"
    done = subprocess.run(["git", "check-ignore", "--quiet", file], cwd=CHECKOUT, check=False)  # noqa: S603, S607

    assert done.returncode == 0


def test_a_check_without_kubectl_does_not_pass(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KUBECTL", "/nowhere/kubectl")
    monkeypatch.setattr(sys, "argv", ["k8s_check"])

    assert command.main() == command.EXIT_UNCHECKED
    assert "KUBECTL=/nowhere/kubectl is no kubectl" in capsys.readouterr().err
