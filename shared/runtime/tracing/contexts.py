"""Which trace an event belongs to, when one transaction serves many: found by the ids that events and answers name.

A handler takes a sequence and says what it says in any order, so it is not asked for whom it speaks. Whoever feeds it
knows what each message or call is about; an event is about its subject. Where several traces meet in one fact (a
balance moved by thirty purchases) it belongs to none of them. Nothing here runs when no caller traces.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Protocol, TypeAlias
from uuid import UUID

import msgspec

from shared.runtime.tracing.current import read_traceparent

FactRow: TypeAlias = tuple[UUID, str, UUID, int, bytes]
OutboxRow: TypeAlias = tuple[int, str, bytes]

_ID = re.compile(rb'"([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})"')
_SUBJECT = re.compile(rb'"subject":"([0-9a-f-]{36})"')
_HAS_ONE = b'"traceparent":"'


class Told(Protocol):
    """What is looked at of an event."""

    @property
    def traceparent(self) -> str:
        """The context of whatever said it."""
        ...

    @property
    def subject(self) -> UUID:
        """What it is about."""
        ...

    @property
    def data(self) -> msgspec.Raw:
        """What it says."""
        ...


class Contexts:
    """The traceparents of one transaction, by id."""

    __slots__ = ("_by_id", "_traceparents")

    def __init__(self) -> None:
        self._by_id: dict[bytes, str] = {}
        self._traceparents: set[str] = set()

    def learn(self, traceparent: str, *, about: bytes) -> None:
        """Whatever names one of the ids in this JSON belongs to this trace; an id of two traces belongs to none."""
        self._traceparents.add(traceparent)
        for found in _ID.findall(about):
            known = self._by_id.setdefault(found, traceparent)
            if known != traceparent:
                self._by_id[found] = ""

    def of(self, body: bytes) -> str:
        """The traceparent of an event's JSON, or nothing."""
        if len(self._traceparents) == 1:
            return next(iter(self._traceparents))
        subject = _SUBJECT.search(body)
        return "" if subject is None else self._by_id.get(subject[1], "")

    def stamp(self, body: bytes) -> bytes:
        """An event's JSON with its traceparent, where it has one and names none yet."""
        traceparent = self.of(body)
        if not traceparent or _HAS_ONE in body:
            return body
        return body[:-1] + b',"traceparent":"' + traceparent.encode() + b'"}'

    def stamp_rows(
        self, facts: Sequence[FactRow], outbox: Sequence[OutboxRow]
    ) -> tuple[list[FactRow], list[OutboxRow]]:
        """The rows of a transaction with the traceparents of their events."""
        return [(*row[:4], self.stamp(row[4])) for row in facts], [(*row[:2], self.stamp(row[2])) for row in outbox]


def contexts_of(known: Iterable[tuple[str, bytes]]) -> Contexts | None:
    """The contexts of (traceparent, JSON of what it is about), or None when nobody traces."""
    contexts: Contexts | None = None
    untraced = False
    for traceparent, about in known:
        if traceparent:
            contexts = contexts or Contexts()
            contexts.learn(traceparent, about=about)
        else:
            untraced = True
    if contexts is not None and untraced:
        contexts.learn("", about=b"")
    return contexts


def about(event: Told) -> bytes:
    """The ids that an event names: its subject and those in its data."""
    return b'"%s"%s' % (str(event.subject).encode(), bytes(event.data))


def contexts_of_events(events: Sequence[Told]) -> Contexts | None:
    """The contexts of events as they came, or None when nobody traces."""
    return contexts_of(
        (read_traceparent(event.traceparent), about(event)) if event.traceparent else ("", b"") for event in events
    )
