"""What exists on the broker: one pure value derived from the declarations of all services.

A deploy-time job puts it there; a service's own user configures nothing. Every producer has two exchanges. Facts go
to one whose alternate exchange keeps what nobody subscribed to. Commands and replies go to one without, because a
broker counts a message that an alternate exchange took as routed, and a lost command would then look delivered. Both
are topic exchanges, though no command is ever bound by a pattern: the broker knows rights by routing key on these
alone. Queues are quorum queues without a length limit: a full disk blocks publishers and the outbox waits, while a
limit would drop or refuse what is already promised.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from shared.kernel.refusals import invariant
from shared.runtime.bus.base import Wiring, command_key, command_queue, fact_queue

UNROUTED = "yq.unrouted"
DEAD_EXCHANGE = "yq.dead"
DELIVERY_LIMIT = 100
"""Deliveries of one envelope before the broker gives it up; attempts are counted for each event by its consumer."""
NO_DELIVERY_LIMIT = -1
NOTHING = "^$"
"""The regular expression of a right that nobody has."""
SERVICE_NAME = re.compile(r"[a-z][a-z_]*")
"""A name that is one word of a routing key, and in which no pattern can hide."""

Arguments = Mapping[str, str | int]


def facts_exchange(producer: str) -> str:
    """The topic exchange a service publishes its facts to."""
    return f"yq.{producer}"


def commands_exchange(producer: str) -> str:
    """The topic exchange a service publishes its commands and replies to."""
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

    `topics` is, for each exchange the service publishes to, the routing keys that it may use there.
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
    invariant(all(SERVICE_NAME.fullmatch(name) for name in services), "a service's name is one plain word")
    exchanges = [Exchange(UNROUTED, "fanout"), Exchange(DEAD_EXCHANGE, "direct")]
    queues = [Queue(UNROUTED, _kept_for_people())]
    bindings = [Binding(UNROUTED, UNROUTED, "")]
    for producer in services:
        exchanges.append(Exchange(facts_exchange(producer), "topic", {"alternate-exchange": UNROUTED}))
        if partners(wirings, producer):
            exchanges.append(Exchange(commands_exchange(producer), "topic"))
    for wiring in wirings:
        queues += _queues(wiring.service)
        bindings += _bindings(wiring, wirings)
    return Topology(tuple(exchanges), tuple(queues), tuple(bindings), tuple(rights(wirings, each) for each in services))


def partners(wirings: Sequence[Wiring], service: str) -> list[str]:
    """Whom a service speaks to point to point: those that accept its commands, and those whose commands it answers."""
    own = {name for wiring in wirings if wiring.service == service for name in wiring.orchestrators}
    return [each.service for each in wirings if each.service in own or service in each.orchestrators]


def rights(wirings: Sequence[Wiring], service: str) -> Rights:
    """A service publishes facts under its own name and to its partners alone, and reads its own three queues.

    Binding a queue needs the right to write to the queue, which nobody has.
    """
    topics = {facts_exchange(service): rf"^{re.escape(service)}\.[a-z_]+\.[0-9]+$"}
    keys = [command_key(service, partner) for partner in partners(wirings, service)]
    if keys:
        topics[commands_exchange(service)] = _exactly(*keys)
    return Rights(
        service,
        write=_exactly(*topics),
        read=_exactly(command_queue(service), fact_queue(service), dead_queue(service)),
        topics=topics,
    )


def _exactly(*names: str) -> str:
    return f"^({'|'.join(re.escape(name) for name in names)})$"


def _queues(service: str) -> list[Queue]:
    return [
        Queue(command_queue(service), _worked_off(service)),
        Queue(fact_queue(service), _worked_off(service)),
        Queue(dead_queue(service), _kept_for_people()),
    ]


def _bindings(wiring: Wiring, wirings: Sequence[Wiring]) -> list[Binding]:
    service, services = wiring.service, {each.service for each in wirings}
    commands = [
        Binding(command_queue(service), commands_exchange(partner), command_key(partner, service))
        for partner in partners(wirings, service)
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
