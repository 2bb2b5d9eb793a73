"""What exists on the broker: one pure value derived from the declarations of all services.

A deploy-time job puts it there; a service's own user configures nothing. Every producer has two exchanges. Facts go
to a topic exchange whose alternate exchange keeps what nobody subscribed to. Commands and replies go to a direct
exchange without one, because a broker counts a message that an alternate exchange took as routed, and a lost command
would then look delivered. Queues are quorum queues without a length limit: a full disk blocks publishers and the
outbox waits, while a limit would drop or refuse what is already promised.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from shared.runtime.bus.base import Wiring, command_key, command_queue, fact_queue

UNROUTED = "yq.unrouted"
DEAD_EXCHANGE = "yq.dead"
DELIVERY_LIMIT = 100
"""Deliveries of one envelope before the broker gives it up; attempts are counted for each event by its consumer."""
NO_DELIVERY_LIMIT = -1
NOTHING = "^$"
"""The regular expression of a right that nobody has."""

Arguments = Mapping[str, str | int]


def facts_exchange(producer: str) -> str:
    """The topic exchange a service publishes its facts to."""
    return f"yq.{producer}"


def commands_exchange(producer: str) -> str:
    """The direct exchange a service publishes its commands and replies to."""
    return f"yq.{producer}.commands"


def exchange_of(producer: str, routing_key: str) -> str:
    """The exchange of an envelope, told from its routing key."""
    point_to_point = routing_key.rpartition(".")[0].endswith(".to")
    return commands_exchange(producer) if point_to_point else facts_exchange(producer)


def dead_queue(service: str) -> str:
    """The queue of the envelopes a service could not read, or did not settle within the delivery limit."""
    return f"{service}.dead"


@dataclass(frozen=True, slots=True)
class Exchange:
    """A durable exchange; `kind` is topic, direct or fanout."""

    name: str
    kind: str
    arguments: Arguments = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Queue:
    """A durable quorum queue."""

    name: str
    arguments: Arguments


@dataclass(frozen=True, slots=True)
class Binding:
    """A queue receives from an exchange what carries the routing key."""

    queue: str
    exchange: str
    routing_key: str


@dataclass(frozen=True, slots=True)
class Rights:
    """What one service's user may do: regular expressions of names, as the broker matches them.

    `topics` is, for an exchange of facts, the routing keys that may be published to it.
    """

    service: str
    write: str
    read: str
    topics: Mapping[str, str]
    configure: str = NOTHING


@dataclass(frozen=True, slots=True)
class Topology:
    """Everything that must exist before the first service starts. Declaring it again changes nothing."""

    exchanges: tuple[Exchange, ...]
    queues: tuple[Queue, ...]
    bindings: tuple[Binding, ...]
    rights: tuple[Rights, ...] = ()


def topology(wirings: Sequence[Wiring]) -> Topology:
    """The exchanges, queues and bindings of a set of services."""
    services = [wiring.service for wiring in wirings]
    exchanges = [Exchange(UNROUTED, "fanout"), Exchange(DEAD_EXCHANGE, "direct")]
    queues = [Queue(UNROUTED, _kept_for_people())]
    bindings = [Binding(UNROUTED, UNROUTED, "")]
    for producer in services:
        exchanges.append(Exchange(facts_exchange(producer), "topic", {"alternate-exchange": UNROUTED}))
        exchanges.append(Exchange(commands_exchange(producer), "direct"))
    for wiring in wirings:
        queues += _queues(wiring.service)
        bindings += _bindings(wiring, services)
    return Topology(tuple(exchanges), tuple(queues), tuple(bindings), tuple(rights(service) for service in services))


def rights(service: str) -> Rights:
    """A service publishes to its own two exchanges, under its own name, and reads its own three queues.

    Binding a queue needs the right to write to the queue, which nobody has. The exchange of commands is direct: there
    the bindings themselves leave a routing key of somebody else's without a receiver.
    """
    return Rights(
        service,
        write=_exactly(facts_exchange(service), commands_exchange(service)),
        read=_exactly(command_queue(service), fact_queue(service), dead_queue(service)),
        topics={facts_exchange(service): rf"^{re.escape(service)}\.[a-z_]+\.[0-9]+$"},
    )


def _exactly(*names: str) -> str:
    return f"^({'|'.join(re.escape(name) for name in names)})$"


def _queues(service: str) -> list[Queue]:
    return [
        Queue(command_queue(service), _worked_off(service)),
        Queue(fact_queue(service), _worked_off(service)),
        Queue(dead_queue(service), _kept_for_people()),
    ]


def _bindings(wiring: Wiring, services: Sequence[str]) -> list[Binding]:
    service = wiring.service
    commands = [
        Binding(command_queue(service), commands_exchange(producer), command_key(producer, service))
        for producer in services
    ]
    # A stream of a service that is not deployed here has no exchange to bind to.
    facts = [
        Binding(fact_queue(service), facts_exchange(stream.partition(".")[0]), f"{stream}.*")
        for stream in wiring.streams
        if stream.partition(".")[0] in services
    ]
    return [*commands, *facts, Binding(dead_queue(service), DEAD_EXCHANGE, service)]


def _worked_off(service: str) -> Arguments:
    return {
        "x-queue-type": "quorum",
        "x-delivery-limit": DELIVERY_LIMIT,
        "x-dead-letter-exchange": DEAD_EXCHANGE,
        "x-dead-letter-routing-key": service,
        # At-least-once dead-lettering exists only together with reject-publish.
        "x-dead-letter-strategy": "at-least-once",
        "x-overflow": "reject-publish",
    }


def _kept_for_people() -> Arguments:
    # The broker's default delivery limit would drop what is looked at often, for there is no dead-letter exchange.
    return {"x-queue-type": "quorum", "x-delivery-limit": NO_DELIVERY_LIMIT}
