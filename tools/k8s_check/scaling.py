"""KEDA scales each service by the depth of its two queues, and by CPU for what comes in over HTTP."""

from collections.abc import Sequence

from shared.runtime.bus.base import command_queue, fact_queue
from shared.runtime.service.service import Service
from tools.k8s_check.documents import Document

REPLICAS_MIN = 2
REPLICAS_MAX = 6
ENVELOPES_A_REPLICA = 200
"""Waiting envelopes, of up to 50 events each, for which one more replica is worth its start.

A process holds 50. Measured (docs/adr/0030): a command costs voucher 1.05 ms, so 200 envelopes are half a second of
work with the two commands of a moderate load, and ten seconds when they are full, which is what a start takes.
"""
CPU_PERCENT = 225
"""Of the requested CPU, on the average of all replicas. A process uses one core at most; production requests 0.3.

Measured (docs/adr/0030): of two order processes the preferred one does 0.63 of the work, so it uses 0.85 of its core
when both use 0.675 on average. At 300, as it was, it would be full before anybody came to help.
"""


def scaled_objects(services: Sequence[Service]) -> list[Document]:
    """One object for each service."""
    return [_scaled_object(service.name) for service in services]


def _scaled_object(service: str) -> Document:
    return {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": {"name": service},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": service},
            "minReplicaCount": REPLICAS_MIN,
            "maxReplicaCount": REPLICAS_MAX,
            "pollingInterval": 15,
            "cooldownPeriod": 300,
            "triggers": [
                _depth(command_queue(service)),
                _depth(fact_queue(service)),
                {"type": "cpu", "metricType": "Utilization", "metadata": {"value": str(CPU_PERCENT)}},
            ],
        },
    }


def _depth(queue: str) -> Document:
    return {
        "type": "rabbitmq",
        "metadata": {
            "protocol": "amqp",
            "queueName": queue,
            "mode": "QueueLength",
            "value": str(ENVELOPES_A_REPLICA),
        },
        "authenticationRef": {"name": "broker"},
    }
