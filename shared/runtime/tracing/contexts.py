"""Which trace an event belongs to, when one transaction serves many: that of the message or call which it is about.

A handler takes a sequence and says what it says in any order. Whoever feeds it tells which ids each message and each
call is about: the subject of a message and the ids among its fields, and those of the answer to a call. An event has
the trace of its own subject. Where several traces meet in one fact (a balance moved by thirty purchases) it belongs to
none of them. Nothing here runs when no caller traces.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol
from uuid import UUID

import msgspec

from shared.runtime.tracing.current import read_traceparent


class Told(Protocol):
    """What is looked at of an event."""

    @property
    def id(self) -> UUID:
        """Which event it is."""
        ...

    @property
    def traceparent(self) -> str:
        """The context of whatever said it."""
        ...

    @property
    def subject(self) -> UUID:
        """What it is about."""
        ...


class Contexts:
    """The traceparents of one transaction, by what they are about."""

    __slots__ = ("_by_id", "_traceparents")

    def __init__(self) -> None:
        self._by_id: dict[UUID, str] = {}
        self._traceparents: set[str] = set()

    def learn(self, traceparent: str, *, about: Iterable[UUID]) -> None:
        """What is said of these ids belongs to this trace, or to none (empty); an id of two traces belongs to none."""
        self._traceparents.add(traceparent)
        for one in about:
            if self._by_id.setdefault(one, traceparent) != traceparent:
                self._by_id[one] = ""

    def name(self, event_id: UUID, message: msgspec.Struct) -> None:
        """A handler is about to be given an event's message: the ids among its fields are what the event is about."""
        traceparent = self._by_id.get(event_id, "")
        if traceparent:
            self.learn(traceparent, about=ids_in(message))

    def of(self, subject: UUID) -> str:
        """The traceparent of what is said of a subject, or nothing."""
        if len(self._traceparents) == 1:
            return next(iter(self._traceparents))
        return self._by_id.get(subject, "")


def contexts_of(known: Iterable[tuple[str, Iterable[UUID]]]) -> Contexts | None:
    """The contexts of traceparents, each with the ids that it is about, or None when nobody traces."""
    known = list(known)
    if not any(traceparent for traceparent, _ in known):
        return None
    contexts = Contexts()
    for traceparent, about in known:
        contexts.learn(traceparent, about=about if traceparent else ())
    return contexts


def contexts_of_events(events: Sequence[Told]) -> Contexts | None:
    """The contexts of events as they came, or None when nobody traces."""
    return contexts_of((read_traceparent(event.traceparent), (event.id, event.subject)) for event in events)


def ids_in(said: object) -> Iterator[UUID]:
    """The ids among the fields of a message or of an answer."""
    if isinstance(said, msgspec.Struct):
        values = (getattr(said, name) for name in said.__struct_fields__)
        yield from (value for value in values if isinstance(value, UUID))
