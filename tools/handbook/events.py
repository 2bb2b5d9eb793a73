"""AsyncAPI 3 of everything that is said on the bus, from the message classes and the declarations of the services."""

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from embedded.platform import SERVICES
from shared.contracts.messages.base import Command, Event, Fact, Message, Reply
from shared.runtime.bus.base import command_key, fact_key
from shared.runtime.bus.topology import commands_exchange, facts_exchange
from tools.message_schemas import cleaned, messages

_SCHEMAS = "#/components/schemas/"
_CONTENT = "application/cloudevents-batch+json"
_ABOUT = (
    "Everything that the services tell one another. An envelope is a JSON array of up to 50 CloudEvents of one routing "
    "key; `data` holds the message. Facts are broadcast and gapless for each aggregate (`sequence`), commands and "
    "replies go from one service to one other. Providers do not read the bus: theirs is the event feed of the order "
    "service."
)


def asyncapi() -> dict[str, Any]:
    """The whole document; its parts are in the order of their names."""
    kinds = [kind for kind in messages() if issubclass(kind, Fact | Command | Reply)]
    schemas = _schemas(kinds)
    channels = _channels(kinds)
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "云券 Yunquan", "version": "1.0.0", "description": _ABOUT, "license": {"name": "Apache-2.0"}},
        "defaultContentType": _CONTENT,
        "channels": channels,
        "operations": _operations(channels),
        "components": {
            "messages": {kind.type_name(): _message(kind) for kind in kinds},
            "schemas": dict(sorted(schemas.items())),
        },
    }


def _schemas(kinds: Sequence[type[Message]]) -> dict[str, Any]:
    _, found = msgspec.json.schema_components([*kinds, Event], ref_template=_SCHEMAS + "{name}")
    return {name: cleaned(schema) for name, schema in found.items()}


def _message(kind: type[Message]) -> dict[str, Any]:
    summary = " ".join(inspect.cleandoc(kind.__doc__ or "").split("\n\n", 1)[0].split())
    told = {"properties": {"type": {"const": kind.type_name()}, "data": {"$ref": _SCHEMAS + kind.__name__}}}
    return {
        "name": kind.type_name(),
        "title": kind.__name__,
        "summary": summary,
        "contentType": _CONTENT,
        "payload": {"type": "array", "maxItems": 50, "items": {"allOf": [{"$ref": _SCHEMAS + "Event"}, told]}},
    }


def _channels(kinds: Sequence[type[Message]]) -> dict[str, Any]:
    """A channel for each stream of facts, one for the commands of a pair of services and one for the answers."""
    replies = {kind.type_name() for kind in kinds if issubclass(kind, Reply)}
    told: dict[str, tuple[str, str, set[str]]] = {}
    for kind in kinds:
        if issubclass(kind, Fact):
            key = fact_key(kind.stream)
            told.setdefault(key, (facts_exchange(kind.stream.partition(".")[0]), key, set()))[2].add(kind.type_name())
        elif issubclass(kind, Command):
            sender, target = kind.orchestrator, kind.target()
            there, back = command_key(sender, target), command_key(target, sender)
            told.setdefault(there, (commands_exchange(sender), there, set()))[2].add(kind.type_name())
            told.setdefault(back, (commands_exchange(target), back, set()))[2].update(
                name for name in replies if name.partition(".")[0] in {target, "saga"}
            )
    return {key: _channel(*told[key]) for key in sorted(told)}


def _channel(exchange: str, key: str, names: set[str]) -> dict[str, Any]:
    return {
        "address": key,
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in sorted(names)},
        "bindings": {
            "amqp": {
                "is": "routingKey",
                "exchange": {"name": exchange, "type": "topic", "durable": True, "autoDelete": False, "vhost": "/"},
                "bindingVersion": "0.3.0",
            }
        },
    }


def _operations(channels: Mapping[str, Any]) -> dict[str, Any]:
    """Who sends on which channel, and who reads it."""
    found: dict[str, Any] = {}
    for key in channels:
        sender = key.partition(".")[0]
        channel = {"$ref": f"#/channels/{key}"}
        found[f"{sender}.send.{key}"] = {"action": "send", "channel": channel, "title": f"{sender} → {key}"}
        for service in SERVICES:
            wiring = service.wiring()
            reads = {fact_key(stream) for stream in wiring.streams}
            reads |= {command_key(other, service.name) for other in wiring.orchestrators}
            if key in reads or key.endswith(f".to.{service.name}"):
                title = f"{key} → {service.name}"
                found[f"{service.name}.receive.{key}"] = {"action": "receive", "channel": channel, "title": title}
    return dict(sorted(found.items()))
