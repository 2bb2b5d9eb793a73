"""The operators that staging and production need, with the oldest version that knows what the manifests ask for."""

from dataclasses import dataclass
from typing import Any

from jsonschema import Draft202012Validator


@dataclass(frozen=True, slots=True)
class Operator:
    """Who looks after the objects of one API group, from which version on, and what asks for that version."""

    name: str
    oldest: str
    because: str


OPERATORS = {
    "postgresql.cnpg.io": Operator("CloudNativePG", "1.27", "the Barman Cloud plug-in reports through it"),
    "barmancloud.cnpg.io": Operator(
        "Barman Cloud plug-in of CloudNativePG, with cert-manager",
        "0.14",
        "its definition of `ObjectStore` is the one checked against",
    ),
    "rabbitmq.com": Operator(
        "RabbitMQ cluster operator, with the messaging topology operator",
        "2.14, with 1.17",
        "RabbitMQ 4.1; `deletionPolicy` of a Queue",
    ),
    "external-secrets.io": Operator("External Secrets", "0.17", "`external-secrets.io/v1`"),
    "keda.sh": Operator("KEDA, with a metrics server", "2.16", "supported beside Kubernetes 1.34"),
    "monitoring.coreos.com": Operator("Prometheus operator", "0.75", "`scheme` and `tlsConfig` of a PodMonitor"),
    "gateway.networking.k8s.io": Operator("an implementation of the Gateway API", "1.2", "`timeouts` of an HTTPRoute"),
}
"""By API group. docs/operations/deploy.md holds the same as a table; a test compares them."""

_REFERENCE = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "key": {"type": "string"}},
    "required": ["name", "key"],
    "additionalProperties": False,
}
_COMPRESSED = {
    "type": "object",
    "properties": {"compression": {"enum": ["bzip2", "gzip", "lz4", "snappy"]}},
    "additionalProperties": False,
}
_RESOURCES = {"type": "object", "properties": {"requests": {}, "limits": {}}, "additionalProperties": False}
_OBJECT_STORE: dict[str, Any] = {
    "type": "object",
    "properties": {
        "retentionPolicy": {"type": "string", "pattern": "^[1-9][0-9]*[dwm]$"},
        "configuration": {
            "type": "object",
            "properties": {
                "destinationPath": {"type": "string", "minLength": 1},
                "endpointURL": {"type": "string"},
                "s3Credentials": {
                    "type": "object",
                    "properties": {"accessKeyId": _REFERENCE, "secretAccessKey": _REFERENCE},
                    "additionalProperties": False,
                },
                "wal": _COMPRESSED,
                "data": _COMPRESSED,
            },
            "required": ["destinationPath"],
            "additionalProperties": False,
        },
        "instanceSidecarConfiguration": {
            "type": "object",
            "properties": {"resources": _RESOURCES},
            "additionalProperties": False,
        },
    },
    "required": ["configuration"],
    "additionalProperties": False,
}

KNOWN_HERE = {
    ("barmancloud.cnpg.io/v1", "ObjectStore"): Draft202012Validator(
        {"type": "object", "properties": {"spec": _OBJECT_STORE}, "required": ["spec"]}
    )
}
"""Kinds that are judged also where nobody has their definition: as far as the manifests use them, in our own words."""
