"""Rules about pods: images, limits, rights, probes, draining, spreading, and disruption."""

import re
from collections.abc import Iterator
from typing import Any

from shared.runtime.host.host import STOP_S
from shared.runtime.http.edge import WAIT_S_MAX
from tools.k8s_check.documents import (
    Document,
    Finding,
    Rendered,
    containers_of,
    labels_of,
    name_of,
    pod_template,
    selects,
)
from tools.k8s_check.setup import version

PLACEHOLDERS = re.compile(r"(^|[/:.@-])(version|site|component)([/:.@]|$)|site\.invalid")
DIGEST = re.compile(r"@sha256:[0-9a-f]{64}$")
OWN = re.compile(r"(^|/)yunquan/[a-z]+[:@]")
DRAIN_S = WAIT_S_MAX + 3 * STOP_S
"""The longest request, then background work, the pool and the broker, each ended within its bound."""
POD_RIGHTS = {"runAsNonRoot": True}
CONTAINER_RIGHTS = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True}
PROBES = ("startupProbe", "livenessProbe", "readinessProbe")


def images_of(document: Document) -> list[str]:
    """Every image an object brings into the cluster."""
    template = pod_template(document)
    if template is not None:
        return [str(container.get("image", "")) for container in containers_of(template)]
    spec = document.get("spec") or {}
    match document.get("kind"):
        case "Cluster":
            return [str(spec.get("imageName", ""))]
        case "RabbitmqCluster":
            return [str(spec.get("image", ""))]
        case _:
            return []


def images_are_pinned(rendered: Rendered) -> Iterator[Finding]:
    """A digest or a version; our own images carry the version of this release."""
    for document in rendered.documents:
        for image in images_of(document):
            name, _, tag = image.partition("@")[0].rpartition(":")
            pinned = bool(DIGEST.search(image)) or (name and "/" not in tag and re.match(r"v?\d", tag))
            if not pinned:
                yield rendered.finding(
                    document, "image-pinned", f"the image {image} is not pinned", "name a release tag or a digest"
                )
            elif OWN.search(image) and tag != version() and name.rpartition("/")[2] not in {"postgres", "broker"}:
                yield rendered.finding(
                    document, "image-pinned", f"{image} is not this release, {version()}", "make k8s-check ARGS=--write"
                )


def nothing_is_left_to_fill_in(rendered: Rendered) -> Iterator[Finding]:
    """No placeholder of a part or of the site is left."""
    for document in rendered.documents:
        texts = [*images_of(document), name_of(document)]
        listeners = (document.get("spec") or {}).get("listeners") or ()
        texts += [str(listener.get("hostname", "")) for listener in listeners]
        for text in texts:
            if PLACEHOLDERS.search(text):
                yield rendered.finding(
                    document,
                    "placeholder",
                    f"{text} was never filled in",
                    "name it in the component's folder or site.yaml",
                )


def limits_are_set(rendered: Rendered) -> Iterator[Finding]:
    """Requests and limits of CPU and memory, for every container and for what operators start."""
    for document in rendered.documents:
        template = pod_template(document)
        named = [] if template is None else [(found["name"], found) for found in containers_of(template)]
        if document.get("kind") in {"Cluster", "RabbitmqCluster"}:
            named = [("instances", document["spec"])]
        for name, holder in named:
            resources = holder.get("resources") or {}
            for bound in ("requests", "limits"):
                for what in ("cpu", "memory"):
                    if what not in (resources.get(bound) or {}):
                        yield rendered.finding(
                            document, "limits", f"{name} has no {bound}.{what}", f"set resources.{bound}.{what}"
                        )


def pods_are_restricted(rendered: Rendered) -> Iterator[Finding]:
    """What the restricted Pod Security Standard asks for, and a read-only root file system."""
    for document in rendered.documents:
        template = pod_template(document)
        if template is None:
            continue
        spec = template["spec"]
        pod = spec.get("securityContext") or {}
        wrong = [f"{key} is not {value}" for key, value in POD_RIGHTS.items() if pod.get(key) is not value]
        if (pod.get("seccompProfile") or {}).get("type") != "RuntimeDefault":
            wrong.append("seccompProfile is not RuntimeDefault")
        wrong += [f"{key} is set" for key in ("hostNetwork", "hostPID", "hostIPC") if spec.get(key)]
        wrong += [f"volume {found['name']} is a hostPath" for found in spec.get("volumes") or () if "hostPath" in found]
        for container in containers_of(template):
            wrong += [f"{container['name']}: {what}" for what in _container_faults(container)]
        if pod.get("runAsUser") == 0:
            wrong.append("runAsUser is 0")
        for what in wrong:
            yield rendered.finding(document, "restricted", what, "follow base/parts/web/deployment.yaml")


def _container_faults(container: Document) -> Iterator[str]:
    context = container.get("securityContext") or {}
    for key, value in CONTAINER_RIGHTS.items():
        if context.get(key) is not value:
            yield f"{key} is not {value}"
    capabilities = context.get("capabilities") or {}
    if capabilities.get("drop") != ["ALL"] or capabilities.get("add"):
        yield "capabilities are not dropped"
    if context.get("privileged"):
        yield "it is privileged"
    if context.get("runAsUser") == 0 or context.get("runAsNonRoot") is False:
        yield "it runs as root"
    if "/tmp" not in {found["mountPath"] for found in container.get("volumeMounts") or ()}:  # noqa: S108 - in the pod
        yield "there is nowhere to write: no /tmp"


def pods_have_no_token(rendered: Rendered) -> Iterator[Finding]:
    """No pod holds a token of the API server, and each workload has an account of its own."""
    accounts = {name_of(found): found for found in rendered.of("ServiceAccount")}
    for account in accounts.values():
        if account.get("automountServiceAccountToken") is not False:
            yield rendered.finding(account, "token", "its token is mounted", "automountServiceAccountToken: false")
    for document in rendered.documents:
        template = pod_template(document)
        if template is None:
            continue
        spec = template["spec"]
        if spec.get("automountServiceAccountToken") is not False:
            yield rendered.finding(document, "token", "a token is mounted", "automountServiceAccountToken: false")
        if spec.get("serviceAccountName", "default") not in accounts:
            yield rendered.finding(
                document,
                "token",
                f"there is no ServiceAccount {spec.get('serviceAccountName', 'default')} here",
                "give the workload an account of its own",
            )


def probes_are_there(rendered: Rendered) -> Iterator[Finding]:
    """Startup, liveness and readiness for every container that serves; ours answer on /health."""
    for document in rendered.of("Deployment", "StatefulSet", "DaemonSet"):
        for container in document["spec"]["template"]["spec"]["containers"]:
            for probe in PROBES:
                if probe not in container:
                    yield rendered.finding(document, "probe", f"{container['name']} has no {probe}", f"add a {probe}")
                    continue
                wanted = "/health/ready" if probe == "readinessProbe" else "/health/live"
                path = (container[probe].get("httpGet") or {}).get("path")
                if document["kind"] == "Deployment" and path != wanted:
                    yield rendered.finding(document, "probe", f"{probe} asks {path}", f"ask {wanted}")


def pods_drain(rendered: Rendered) -> Iterator[Finding]:
    """Proxies learn of the end first, then the longest request ends, then the process."""
    for document in rendered.of("Deployment"):
        spec = document["spec"]["template"]["spec"]
        sleeps = [
            (((found.get("lifecycle") or {}).get("preStop") or {}).get("sleep") or {}).get("seconds", 0)
            for found in spec["containers"]
        ]
        if min(sleeps, default=0) < 1:
            yield rendered.finding(document, "drain", "no preStop sleep", "lifecycle.preStop.sleep.seconds: 5")
        needed = max(sleeps, default=0) + DRAIN_S
        if spec.get("terminationGracePeriodSeconds", 30) < needed:
            yield rendered.finding(
                document,
                "drain",
                f"{spec.get('terminationGracePeriodSeconds', 30)} s are less than a drain takes, {needed:.0f} s",
                f"terminationGracePeriodSeconds of at least {needed:.0f}",
            )


def nothing_is_taken_away_first(rendered: Rendered) -> Iterator[Finding]:
    """A new pod is ready before an old one goes, except where a volume can be mounted once only."""
    single = {
        name_of(found)
        for found in rendered.of("PersistentVolumeClaim")
        if "ReadWriteMany" not in found["spec"]["accessModes"]
    }
    for document in rendered.of("Deployment"):
        strategy = document["spec"].get("strategy") or {}
        volumes = document["spec"]["template"]["spec"].get("volumes") or ()
        claims = {(found.get("persistentVolumeClaim") or {}).get("claimName") for found in volumes}
        if strategy.get("type") == "Recreate" and claims & single:
            continue
        if (strategy.get("rollingUpdate") or {}).get("maxUnavailable") != 0:
            yield rendered.finding(
                document, "rolling", "an update takes pods away first", "strategy.rollingUpdate.maxUnavailable: 0"
            )


def disruption_is_bounded(rendered: Rendered) -> Iterator[Finding]:
    """One budget for each Deployment and for the broker, which says minAvailable or maxUnavailable and not both."""
    budgets = list(rendered.of("PodDisruptionBudget"))
    for budget in budgets:
        spec = budget["spec"]
        if ("minAvailable" in spec) == ("maxUnavailable" in spec):
            yield rendered.finding(
                budget, "disruption", "it must have either minAvailable or maxUnavailable", "keep one of the two"
            )
        if spec.get("maxUnavailable") in {0, "0%"} or spec.get("minAvailable") == "100%":
            yield rendered.finding(budget, "disruption", "no node could ever be drained", "allow one")
    for document in rendered.of("Deployment", "RabbitmqCluster"):
        labels = _pod_labels(document)
        count = sum(selects(budget["spec"].get("selector"), labels) for budget in budgets)
        if count != 1:
            yield rendered.finding(
                document, "disruption", f"{count} PodDisruptionBudgets select its pods", "have exactly one"
            )


def _pod_labels(document: Document) -> dict[str, str]:
    template = pod_template(document)
    return labels_of(template) if template is not None else {"app.kubernetes.io/name": name_of(document)}


def replicas_are_spread(rendered: Rendered) -> Iterator[Finding]:
    """Over machines and zones, counted among a Deployment's own pods."""
    for document in rendered.of("Deployment"):
        template = document["spec"]["template"]
        constraints: list[Any] = template["spec"].get("topologySpreadConstraints") or []
        keys = {
            found["topologyKey"] for found in constraints if selects(found.get("labelSelector"), labels_of(template))
        }
        for key in ("kubernetes.io/hostname", "topology.kubernetes.io/zone"):
            if key not in keys:
                yield rendered.finding(document, "spread", f"its pods are not spread over {key}", "add the constraint")


def pods_wait_for_their_schema(rendered: Rendered) -> Iterator[Finding]:
    """A component with a migration has pods that wait for it, and the Job's name changes with each release."""
    components = set()
    for job in rendered.of("Job"):
        if labels_of(job).get("app.kubernetes.io/component") == "migration":
            components.add(labels_of(job).get("app.kubernetes.io/name"))
            if not name_of(job).endswith(version().replace(".", "-")):
                yield rendered.finding(
                    job,
                    "migration",
                    "a Job that ran is never run again",
                    f"end its name with {version().replace('.', '-')}",
                )
    for document in rendered.of("Deployment"):
        if labels_of(document).get("app.kubernetes.io/name") in components:
            waits = document["spec"]["template"]["spec"].get("initContainers") or ()
            if not any("--wait" in (found.get("command") or ()) for found in waits):
                yield rendered.finding(
                    document, "migration", "its pods do not wait for the schema", "add the wait-for-schema container"
                )


def namespaces_are_restricted(rendered: Rendered) -> Iterator[Finding]:
    """The cluster itself refuses what is not restricted, and everything is in the namespace."""
    spaces = {name_of(found): found for found in rendered.of("Namespace")}
    for found in spaces.values():
        if labels_of(found).get("pod-security.kubernetes.io/enforce") != "restricted":
            yield rendered.finding(
                found, "restricted", "Pod Security is not enforced", "pod-security.kubernetes.io/enforce: restricted"
            )
    for document in rendered.documents:
        if document.get("kind") != "Namespace" and document["metadata"].get("namespace") not in spaces:
            yield rendered.finding(
                document, "restricted", "it is in no namespace of ours", "set the overlay's namespace"
            )


RULES = (
    images_are_pinned,
    nothing_is_left_to_fill_in,
    limits_are_set,
    pods_are_restricted,
    pods_have_no_token,
    probes_are_there,
    pods_drain,
    nothing_is_taken_away_first,
    disruption_is_bounded,
    replicas_are_spread,
    pods_wait_for_their_schema,
    namespaces_are_restricted,
)
