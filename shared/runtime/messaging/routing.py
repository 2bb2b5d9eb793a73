"""Events as a consumer sees them: decoded, matched with their handlers, and put into rounds that keep order."""

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

import msgspec

from shared.contracts.messages.base import Command, Event, Fact, Message, Reply
from shared.kernel.refusals import invariant
from shared.runtime.service.service import MessageHandler, SagaReply, Subscriptions, is_folding

_BATCH = msgspec.json.Decoder(list[Event])
_ONE = msgspec.json.Decoder(Event)
_ENCODER = msgspec.json.Encoder()

T = TypeVar("T")


class Unreadable(Exception):
    """An event that no later attempt can read: it is dead-lettered at once."""


def read_batch(body: bytes) -> list[Event]:
    """The events of an envelope. Raises: Unreadable."""
    try:
        return _BATCH.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Unreadable(str(error)) from error


def vouched(events: Sequence[Event], *, sender: str) -> Sequence[Event]:
    """Events as their sender may say them: what it says in another's name keeps both names.

    So nobody believes it, neither today nor in a replay: no fact, command or pending step is of such a source.
    """
    if all(event.source == sender for event in events):
        return events
    return [
        event if event.source == sender else msgspec.structs.replace(event, source=f"{sender} as {event.source}")
        for event in events
    ]


def read_one(body: bytes) -> Event:
    """One stored event. Raises: Unreadable."""
    try:
        return _ONE.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Unreadable(str(error)) from error


def to_bytes(event: Event) -> bytes:
    """One event as it is kept in parked, retry and dead_letter."""
    return _ENCODER.encode(event)


def stream_of(event: Event) -> str:
    """The stream a fact belongs to."""
    return _stream(event.source, event.aggregatetype)


@lru_cache(maxsize=512)
def _stream(source: str, aggregate_type: str) -> str:
    return f"{source}.{aggregate_type}"


@dataclass(frozen=True, slots=True)
class Route:
    """How one message type is read and who handles it."""

    decoder: msgspec.json.Decoder[Message]
    handler: MessageHandler
    orchestrator: str = ""
    """Of a command: the service that may send it, and to which the answer goes."""
    place: int = 0
    """Where the service declared it."""

    def read(self, event: Event) -> Message | SagaReply:
        """The message of an event as its handler takes it. Raises: Unreadable."""
        try:
            message = self.decoder.decode(event.data)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise Unreadable(f"{event.type}: {error}") from error
        if isinstance(message, Fact) and not _is_genuine(event, message):
            raise Unreadable(f"{event.type}: source, subject or sequence contradicts the fact")
        if self.orchestrator and not event.source == event.replyto == self.orchestrator:
            raise Unreadable(f"{event.type}: only {self.orchestrator} may send it and be answered")
        if isinstance(message, Reply):
            return SagaReply(saga_id=event.subject, number=event.sequence, reply=message, sender=event.source)
        return message


def _is_genuine(event: Event, fact: Fact) -> bool:
    """Whether the envelope of a fact says what the fact says: nobody speaks for another service or aggregate."""
    producer, _, aggregate_type = fact.stream.partition(".")
    said = (event.source, event.aggregatetype, event.subject, event.sequence)
    return said == (producer, aggregate_type, fact.aggregate_id, fact.version)


class Routes:
    """The subscriptions of a service, by CloudEvents type."""

    def __init__(self, subscriptions: Subscriptions) -> None:
        self._routes = {
            kind.type_name(): Route(
                msgspec.json.Decoder(kind),
                handler,
                orchestrator=kind.orchestrator if issubclass(kind, Command) else "",
                place=place,
            )
            for place, (kind, handler) in enumerate(subscriptions.items())
        }
        self._names = {kind.name for kind in subscriptions}
        self._folded = _folded(subscriptions)
        self._producers = {kind.stream.partition(".")[0] for kind in subscriptions if issubclass(kind, Fact)}

    def find(self, event: Event) -> Route | None:
        """The route of an event's type, or None when nobody here handles it."""
        return self._routes.get(event.type)

    def read(self, event: Event) -> Message | SagaReply:
        """The message of an event, read as its own type: a group may hold several. Raises: Unreadable."""
        route = self.find(event)
        if route is None:
            raise Unreadable(f"{event.type} has no handler here")
        return route.read(event)

    def folds(self, event: Event) -> bool:
        """Whether a fact's handler takes it in one call with the facts of its aggregate before it."""
        return stream_of(event) in self._folded

    def knows_other_version(self, event: Event) -> bool:
        """Whether the name is handled here, but not in this schema version: a newer producer is talking."""
        return event.type not in self._routes and event.type.rpartition(".v")[0] in self._names


def _folded(subscriptions: Subscriptions) -> frozenset[str]:
    """The streams whose facts go to a folding handler; what goes to another one would lose its place among them."""
    handlers: dict[str, set[MessageHandler]] = {}
    for kind, handler in subscriptions.items():
        if issubclass(kind, Fact):
            handlers.setdefault(kind.stream, set()).add(handler)
    folded = frozenset(stream for stream, found in handlers.items() if any(map(is_folding, found)))
    invariant(all(len(handlers[stream]) == 1 for stream in folded), "a folding handler takes all facts of its stream")
    return folded


def rounds(
    events: Iterable[T], *, key: Callable[[T], Hashable], folds: Callable[[T], bool] = lambda _: False
) -> list[list[T]]:
    """Split events so that no round holds two of one key, and a key's events stay in order over the rounds.

    Those that `folds` is true of are all in the first round.
    """
    depth: dict[Hashable, int] = {}
    found: list[list[T]] = []
    for event in events:
        of = key(event)
        place = 0 if folds(event) else depth.get(of, 0)
        depth[of] = place + 1
        if place == len(found):
            found.append([])
        found[place].append(event)
    return found


def by_handler(events: Sequence[Event], routes: Routes) -> list[tuple[Route, list[Event]]]:
    """Group one round by handler: one call takes every type that a handler is there for, in the order they came.

    Groups come in the order in which the service declares its subscriptions, whatever stands first in the batch.
    Facts that nobody here handles are left out. Raises: Unreadable for a command or reply of that kind.
    """
    groups: dict[object, tuple[Route, list[Event]]] = {}
    for event in events:
        route = routes.find(event)
        if route is not None:
            groups.setdefault(route.handler, (route, []))[1].append(event)
        elif not event.aggregatetype:
            raise Unreadable(f"{event.type} is not accepted here")
    return sorted(groups.values(), key=lambda group: group[0].place)
