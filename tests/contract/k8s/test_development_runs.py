"""The development overlay without a cluster: its pods as plain containers, with the rights the manifests give them."""

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest

from tests.containers import image
from tests.e2e.stack import build_images
from tools.k8s_check.documents import Rendered, name_of, pod_template

COMMAND_S = 60
READY_S = 60.0
SERVICE = "identity"
BASES = {"yunquan/postgres:17": "POSTGRES_IMAGE", "yunquan/broker:4": "BROKER_IMAGE"}
ASK = "import urllib.request as u; print(u.urlopen('http://127.0.0.1:8000/health/ready', timeout=3).read().decode())"


def _docker(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False, timeout=COMMAND_S)  # noqa: S603, S607


@dataclass(frozen=True, slots=True)
class Cluster:
    """A network of containers that stands for the cluster's."""

    overlay: Rendered
    network: str
    label: str

    def values(self, kind: str, name: str) -> dict[str, str]:
        """The keys and values of a Secret or ConfigMap."""
        found = next(each for each in self.overlay.of(kind) if name_of(each) == name)
        return {**(found.get("data") or {}), **(found.get("stringData") or {})}

    def pod(self, kind: str, start: str) -> Any:
        """The specification of a pod, by the beginning of its workload's name."""
        found = next(each for each in self.overlay.of(kind) if name_of(each).startswith(start))
        template: Any = pod_template(found)
        return template["spec"]

    def run(self, name: str, pod: Any, container: Any, *, stays: bool = False) -> subprocess.CompletedProcess[str]:
        """Run one container of a pod; what stays is left running under its name."""
        rights = pod["securityContext"]
        command = container.get("command", [])
        return _docker(
            "run",
            *(("--detach", "--name", f"{self.network}-{name}") if stays else ("--rm",)),
            *("--network", self.network, "--network-alias", name, "--hostname", f"{name}-0", "--label", self.label),
            *("--user", f"{rights['runAsUser']}:{rights['runAsGroup']}"),
            *("--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"),
            *("--memory", container["resources"]["limits"]["memory"].replace("Mi", "m").replace("Gi", "g")),
            *self._mounts(pod, container),
            *self._environment(name, container),
            *(("--entrypoint", command[0]) if command else ()),
            image(BASES[container["image"]], public=container["image"])
            if container["image"] in BASES
            else container["image"],
            *command[1:],
            *container.get("args", []),
        )

    def _mounts(self, pod: Any, container: Any) -> list[str]:
        secret = {volume["name"] for volume in pod.get("volumes", ()) if "secret" in volume}
        # The engine gives a fresh mount the owner and mode of what the image has there; a cluster gives it to fsGroup.
        user = pod["securityContext"]["runAsUser"]
        return [
            part
            for mount in container.get("volumeMounts", ())
            if mount["name"] not in secret
            for part in ("--tmpfs", f"{mount['mountPath']}:uid={user},gid={user},mode=0700")
        ]

    def _environment(self, name: str, container: Any) -> list[str]:
        given = {each["name"]: each.get("value", f"{name}-0") for each in container.get("env", ())}
        for source in container.get("envFrom", ()):
            for field, kind in (("configMapRef", "ConfigMap"), ("secretRef", "Secret")):
                if field in source:
                    given |= self.values(kind, source[field]["name"])
        return [part for key, value in given.items() for part in ("--env", f"{key}={value}")]

    def ask(self, name: str, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command in a container that stays."""
        return _docker("exec", f"{self.network}-{name}", *command)


@pytest.fixture
def cluster(rendered: dict[str, Rendered], container_labels: dict[str, str]) -> Iterator[Cluster]:
    """An empty network; everything in it is removed afterwards."""
    build_images()
    (key, owner), network = next(iter(container_labels.items())), f"yunquan-{uuid4().hex[:8]}"
    made = _docker("network", "create", "--label", f"{key}={owner}", network)
    assert made.returncode == 0, made.stderr
    try:
        yield Cluster(rendered["development"], network, f"{key}={owner}")
    finally:
        for found in _docker("ps", "--all", "--quiet", "--filter", f"network={network}").stdout.split():
            _docker("rm", "--force", "--volumes", found)
        _docker("network", "rm", network)


def _until(what: str, attempt: Callable[[], subprocess.CompletedProcess[str]]) -> str:
    """Repeat as Kubernetes would, within READY_S; what the command said in the end."""
    deadline = time.monotonic() + READY_S
    while True:
        done = attempt()
        if done.returncode == 0:
            return done.stdout
        assert "is not running" not in done.stderr, f"{what} has ended: {done.stderr}"
        assert time.monotonic() < deadline, f"{what}: {done.stdout}{done.stderr}"
        time.sleep(0.5)


@pytest.mark.container
def test_the_development_overlay_runs_with_the_rights_it_gives(cluster: Cluster) -> None:
    for store in ("database", "broker"):
        pod = cluster.pod("StatefulSet", store)
        started = cluster.run(store, pod, pod["containers"][0], stays=True)
        assert started.returncode == 0, started.stderr
    probe = cluster.pod("StatefulSet", "database")["containers"][0]["readinessProbe"]["exec"]["command"]
    _until("database", lambda: cluster.ask("database", *probe))

    for job in ("database-setup", "broker-setup", f"{SERVICE}-migrate"):
        pod = cluster.pod("Job", job)
        _until(job, lambda pod=pod, job=job: cluster.run(job, pod, pod["containers"][0]))  # type: ignore[misc]

    pod = cluster.pod("Deployment", SERVICE)
    waited = cluster.run("wait", pod, pod["initContainers"][0])
    assert waited.returncode == 0, waited.stderr
    assert cluster.run(SERVICE, pod, pod["containers"][0], stays=True).returncode == 0
    said = _until(SERVICE, lambda: cluster.ask(SERVICE, "python", "-c", ASK))
    assert json.loads(said)["ready"] is True

    # The neighbour's database does not let it in, and its own lets it define nothing.
    own = cluster.values("Secret", SERVICE)[f"{SERVICE.upper()}_DATABASE_URL"]
    foreign = cluster.ask("database", "psql", own.removesuffix(SERVICE) + "voucher", "--command=SELECT 1")
    defining = cluster.ask("database", "psql", own, "--command=CREATE TABLE planted (id int)")
    assert "permission denied for database" in foreign.stderr
    assert "permission denied for schema" in defining.stderr

    # The operators' pod, and what one types in it.
    pod = cluster.pod("CronJob", "operations")
    assert cluster.run("operations", pod, pod["containers"][0], stays=True).returncode == 0
    for words in (("verify", "--service", SERVICE), ("backup", SERVICE, "--out", "/backups"), ("keys", "list")):
        typed = cluster.ask("operations", "python", "-m", "operations", *words)
        assert typed.returncode == 0, typed.stdout + typed.stderr
