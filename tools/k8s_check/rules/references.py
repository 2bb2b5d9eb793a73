"""Rules about names: they are valid and unique, and whatever is named exists."""

import re
from collections import Counter
from collections.abc import Iterator

from tools.k8s_check.documents import Document, Finding, Rendered, labels_of, name_of, selects
from tools.k8s_check.named import references_of
from tools.k8s_check.pods import pods_of
from tools.k8s_check.secret_keys import keys_of

LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
SERVICE_NAME = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")


def names_are_valid(rendered: Rendered) -> Iterator[Finding]:
    """Every name is a DNS label, a Service's begins with a letter, and no two objects share one."""
    counted = Counter((found.get("apiVersion"), found.get("kind"), name_of(found)) for found in rendered.documents)
    for document in rendered.documents:
        pattern = SERVICE_NAME if document.get("kind") == "Service" else LABEL
        if not pattern.fullmatch(name_of(document)):
            yield rendered.finding(
                document, "name", "the name is no DNS label", "lower case, digits and hyphens, at most 63"
            )
        key = (document.get("apiVersion"), document.get("kind"), name_of(document))
        if counted[key] > 1:
            yield rendered.finding(document, "name", "two objects have this name", "rename one")


def references_resolve(rendered: Rendered) -> Iterator[Finding]:
    """Every Secret, ConfigMap and claim that is named is brought by something here, with the key that is wanted."""
    claims = rendered.names("PersistentVolumeClaim")
    for document in rendered.documents:
        for kind, name, key in references_of(document):
            if kind == "PersistentVolumeClaim":
                if name not in claims:
                    yield rendered.finding(document, "reference", f"there is no claim {name}", "add it")
                continue
            keys = keys_of(rendered, kind, name)
            if keys is None:
                yield rendered.finding(
                    document, "reference", f"nothing brings the {kind} {name}", "add it, or an ExternalSecret"
                )
            elif key is not None and key not in keys:
                yield rendered.finding(document, "reference", f"the {kind} {name} has no key {key}", "correct the key")


def services_have_pods(rendered: Rendered) -> Iterator[Finding]:
    """A Service selects pods of one workload that serve, and its port is a port of theirs."""
    for service in rendered.of("Service"):
        selector = {"matchLabels": service["spec"].get("selector") or {}}
        pods = [pod for pod in pods_of(rendered) if selects(selector, pod.labels)]
        owners = sorted(f"{pod.owner['kind']}/{name_of(pod.owner)}" for pod in pods)
        if len(owners) != 1 or pods[0].owner["kind"] == "Job":
            yield rendered.finding(service, "service", f"it selects {owners or 'no pod'}", "select one workload's pods")
            continue
        for port in service["spec"]["ports"]:
            target = port.get("targetPort", port["port"])
            if target not in (*pods[0].ports, *pods[0].ports.values()):
                yield rendered.finding(
                    service, "service", f"no container has a port {target}", "name a container's port"
                )


def routes_lead_somewhere(rendered: Rendered) -> Iterator[Finding]:
    """An Ingress and an HTTPRoute name a Service and a port of it, and a route a listener that is there."""
    ports = {
        name_of(found): {key for port in found["spec"]["ports"] for key in (port.get("name"), port["port"])}
        for found in rendered.of("Service")
    }
    listeners = {
        (name_of(found), listener["name"])
        for found in rendered.of("Gateway")
        for listener in found["spec"]["listeners"]
    }
    for document, service, port in _backends(rendered):
        if port not in ports.get(service, set()):
            yield rendered.finding(document, "route", f"there is no Service {service} with a port {port}", "correct it")
    for route in rendered.of("HTTPRoute"):
        for parent in route["spec"].get("parentRefs") or ():
            if (parent["name"], parent.get("sectionName")) not in listeners:
                yield rendered.finding(
                    route, "route", f"no Gateway {parent['name']} listens as {parent.get('sectionName')}", "correct it"
                )


def _backends(rendered: Rendered) -> Iterator[tuple[Document, str, str | int | None]]:
    for document in rendered.of("Ingress"):
        for rule in document["spec"].get("rules") or ():
            for path in rule["http"]["paths"]:
                port = path["backend"]["service"]["port"]
                yield document, path["backend"]["service"]["name"], port.get("name", port.get("number"))
    for document in rendered.of("HTTPRoute"):
        for rule in document["spec"].get("rules") or ():
            for found in rule.get("backendRefs") or ():
                yield document, found["name"], found.get("port")


def every_component_has_a_way_in(rendered: Rendered) -> Iterator[Finding]:
    """Where there is a way in, every component has a route."""
    reached = {service for _, service, _ in _backends(rendered)}
    for service in rendered.of("Service"):
        if (
            reached
            and labels_of(service).get("app.kubernetes.io/component") == "service"
            and name_of(service) not in reached
        ):
            yield rendered.finding(service, "route", "no route leads to it", "make k8s-check ARGS=--write")


def broker_objects_fit(rendered: Rendered) -> Iterator[Finding]:
    """Bindings, permissions and queues name a broker, exchanges, queues and users that are there."""
    brokers = rendered.names("RabbitmqCluster")
    exchanges = {found["spec"]["name"] for found in rendered.of("Exchange")}
    queues = {found["spec"]["name"] for found in rendered.of("Queue")}
    users = rendered.names("User")
    for document in rendered.documents:
        if document.get("apiVersion") != "rabbitmq.com/v1beta1" or document.get("kind") == "RabbitmqCluster":
            continue
        spec = document["spec"]
        wrong = [] if spec["rabbitmqClusterReference"].get("name") in brokers else ["the broker"]
        if document["kind"] == "Binding":
            wrong += [] if spec["source"] in exchanges else [f"the exchange {spec['source']}"]
            wrong += [] if spec["destination"] in queues else [f"the queue {spec['destination']}"]
        if "userReference" in spec and spec["userReference"]["name"] not in users:
            wrong.append(f"the user {spec['userReference']['name']}")
        for what in wrong:
            yield rendered.finding(document, "broker", f"{what} is not there", "make k8s-check ARGS=--write")


def backups_have_a_cluster(rendered: Rendered) -> Iterator[Finding]:
    """Every database cluster is backed up on a schedule, and every schedule has its cluster."""
    clusters = {name_of(found): found for found in rendered.of("Cluster")}
    planned = {found["spec"]["cluster"]["name"]: found for found in rendered.of("ScheduledBackup", "Backup")}
    for name in sorted(clusters.keys() - planned.keys()):
        yield rendered.finding(clusters[name], "backup", "no ScheduledBackup names it", "add one")
    for name in sorted(planned.keys() - clusters.keys()):
        yield rendered.finding(planned[name], "backup", f"there is no Cluster {name}", "correct the name")


RULES = (
    names_are_valid,
    references_resolve,
    services_have_pods,
    routes_lead_somewhere,
    every_component_has_a_way_in,
    broker_objects_fit,
    backups_have_a_cluster,
)
