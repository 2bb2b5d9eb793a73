"""RabbitMQ's exchanges, queues, bindings, users and rights as objects of the messaging topology operator."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from shared.runtime.bus.topology import Topology, topology
from shared.runtime.service.service import Service
from tools.k8s_check.documents import Document

API = "rabbitmq.com/v1beta1"
CLUSTER = "broker"
VHOST = "/"
SCALER = "scaler"
"""The user that only looks how long queues are. It may do nothing; a passive declaration asks for no right."""
NOTHING = "^$"


def label(*parts: str) -> str:
    """A DNS label from names of the broker."""
    return re.sub(r"[^a-z0-9]+", "-", "-".join(parts).lower()).strip("-")


def broker_user_secret(service: str) -> str:
    """The Secret with the name and password of a service's user of the broker."""
    return f"{service}-broker"


def topology_objects(services: Sequence[Service]) -> list[Document]:
    """Everything `shared.runtime.bus.topology` declares."""
    found = topology([service.wiring() for service in services])
    return [*_exchanges(found), *_queues(found), *_bindings(found), *_users(found)]


def _object(kind: str, name: str, spec: Mapping[str, Any]) -> Document:
    reference = {"rabbitmqClusterReference": {"name": CLUSTER}}
    return {"apiVersion": API, "kind": kind, "metadata": {"name": name}, "spec": {**reference, **spec}}


def _exchanges(found: Topology) -> list[Document]:
    return [
        _object(
            "Exchange",
            label(exchange.name),
            {
                "name": exchange.name,
                "vhost": VHOST,
                "type": exchange.kind,
                "durable": True,
                "autoDelete": False,
                **({"arguments": dict(exchange.arguments)} if exchange.arguments else {}),
            },
        )
        for exchange in found.exchanges
    ]


def _queues(found: Topology) -> list[Document]:
    return [
        _object(
            "Queue",
            label(queue.name),
            {
                "name": queue.name,
                "vhost": VHOST,
                "type": "quorum",
                "durable": True,
                "autoDelete": False,
                # The operator sets the type itself.
                "arguments": {key: value for key, value in queue.arguments.items() if key != "x-queue-type"},
                # An object deleted by mistake must not take messages with it.
                "deletionPolicy": "retain",
            },
        )
        for queue in found.queues
    ]


def _bindings(found: Topology) -> list[Document]:
    return [
        _object(
            "Binding",
            label(binding.queue, binding.routing_key),
            {
                "vhost": VHOST,
                "source": binding.exchange,
                "destination": binding.queue,
                "destinationType": "queue",
                "routingKey": binding.routing_key,
            },
        )
        for binding in found.bindings
    ]


def _users(found: Topology) -> list[Document]:
    documents: list[Document] = []
    for rights in found.rights:
        user = rights.service
        documents += [
            _user(user),
            _permission(user, configure=rights.configure, write=rights.write, read=rights.read),
            *(
                _object(
                    "TopicPermission",
                    label(user, exchange),
                    {
                        "vhost": VHOST,
                        "userReference": {"name": user},
                        "permissions": {"exchange": exchange, "write": keys, "read": NOTHING},
                    },
                )
                for exchange, keys in rights.topics.items()
            ),
        ]
    return [*documents, _user(SCALER), _permission(SCALER, configure=NOTHING, write=NOTHING, read=NOTHING)]


def _user(name: str) -> Document:
    return _object("User", name, {"importCredentialsSecret": {"name": broker_user_secret(name)}})


def _permission(user: str, *, configure: str, write: str, read: str) -> Document:
    permissions = {"configure": configure, "write": write, "read": read}
    return _object("Permission", user, {"vhost": VHOST, "userReference": {"name": user}, "permissions": permissions})
