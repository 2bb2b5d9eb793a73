"""The pods of an overlay: those of its workloads, and those that operators will start for its custom resources."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tools.k8s_check.documents import Document, Rendered, containers_of, labels_of, name_of, pod_template

POSTGRESQL_PORTS = {"postgresql": 5432, "status": 8000, "metrics": 9187}
"""What CloudNativePG's instances listen on."""
RABBITMQ_PORTS = {"epmd": 4369, "cluster-rpc": 25672}
RABBITMQ_PLAIN_PORTS = {"amqp": 5672, "management": 15672, "prometheus": 15692}
RABBITMQ_TLS_PORTS = {"amqps": 5671, "management-tls": 15671, "prometheus-tls": 15691}


@dataclass(frozen=True, slots=True)
class Pod:
    """One kind of pod: who owns it, its labels, and the ports it listens on by name."""

    owner: Document
    labels: Mapping[str, str]
    ports: Mapping[str, int]


def pods_of(rendered: Rendered) -> Iterator[Pod]:
    """One for each workload and each cluster of an operator."""
    for document in rendered.documents:
        template = pod_template(document)
        if template is not None:
            yield Pod(document, labels_of(template), _ports(template))
        elif document.get("kind") == "Cluster":
            labels = {"cnpg.io/cluster": name_of(document), "cnpg.io/podRole": "instance"}
            yield Pod(document, labels, POSTGRESQL_PORTS)
        elif document.get("kind") == "RabbitmqCluster":
            labels = {
                "app.kubernetes.io/name": name_of(document),
                "app.kubernetes.io/component": "rabbitmq",
                "app.kubernetes.io/part-of": "rabbitmq",
            }
            yield Pod(document, labels, _rabbitmq_ports(document))


def _ports(template: Document) -> dict[str, int]:
    return {
        str(port.get("name", port["containerPort"])): int(port["containerPort"])
        for container in containers_of(template)
        for port in container.get("ports") or ()
    }


def _rabbitmq_ports(document: Document) -> dict[str, int]:
    tls = document["spec"].get("tls") or {}
    plain = {} if tls.get("disableNonTLSListeners") else RABBITMQ_PLAIN_PORTS
    secure = RABBITMQ_TLS_PORTS if tls.get("secretName") else {}
    return {**RABBITMQ_PORTS, **plain, **secure}
