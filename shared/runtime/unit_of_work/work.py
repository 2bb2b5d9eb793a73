"""One transaction of one service: what a handler reads the time from, writes through, and speaks with.

A handler never commits and never talks to another party inside its Work. What it says (facts, commands, replies) is
kept in memory until `flush`, then written with one statement whatever its number, and leaves with the commit. The rows
that it adds and changes go with it, unless something is read before: then they are written first.
"""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property, lru_cache
from typing import TypeVar
from uuid import UUID

import msgspec

from shared.contracts.messages.base import Command, Event, Fact, Message, Reply
from shared.contracts.policy import PolicyPack
from shared.kernel.ids import uuid7
from shared.kernel.refusals import invariant
from shared.runtime.bus.base import COMMAND_PARTITION, FACT_PARTITION, command_key, fact_key
from shared.runtime.database.sql import Connection, Record
from shared.runtime.tracing.contexts import Contexts
from shared.runtime.unit_of_work.outbox_queue import CommittedBatch, unit_of
from shared.runtime.unit_of_work.pending import WorkConnection
from shared.runtime.unit_of_work.registry import Registry
from shared.runtime.unit_of_work.rows import Rows, Stamp
from shared.runtime.unit_of_work.statement import (
    ANSWER,
    DECISION,
    FACT,
    INBOX,
    NOTICE,
    OUTBOX,
    TIMER,
    InsertSpec,
    Row,
    copy,
    joined,
    write,
)

R = TypeVar("R")

_ENCODER = msgspec.json.Encoder()

BULK_MIN = 256
"""From so many rows of a kind on, a Work writes them by COPY."""
_RANDOM_BITS = 73

# A timer that is being fired is locked by its firing, which waits for the very rows held here; it re-checks the state,
# so it is left alone instead of waited for.
_DROP_TIMERS = """
DELETE FROM timer WHERE (kind, key) IN (
    SELECT t.kind, t.key FROM timer t JOIN unnest($1::text[], $2::uuid[]) AS d(kind, key)
        ON t.kind = d.kind AND t.key = d.key
    FOR UPDATE OF t SKIP LOCKED
)
"""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: an account in a role, for an organisation where there is one. `SYSTEM` is a timer or a saga."""

    account_id: UUID | None
    organisation_id: UUID | None
    role: str


SYSTEM = Actor(account_id=None, organisation_id=None, role="system")


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Who decided what about which subject, on what ground, by which rule (article) of the pack."""

    subject_type: str
    subject_id: UUID
    act: str
    by: Actor
    rule: str
    ground: str = ""
    before: str = ""
    after: str = ""
    facts: dict[str, object] = field(default_factory=dict)


class Notice(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A decision told to somebody. `recipient` is `org:<uuid>`, `account:<uuid>` or `role:<role>`."""

    recipient: str
    subject_type: str
    subject_id: UUID
    event: str
    text: str
    reason: str = ""
    article: str = ""


@dataclass(slots=True)
class _PendingRows:
    """What a Work has said and not yet written."""

    received: list[tuple[UUID]] = field(default_factory=list)
    facts: list[tuple[UUID, str, UUID, int, bytes]] = field(default_factory=list)
    outbox: list[tuple[int, str, bytes]] = field(default_factory=list)
    subjects: list[UUID] = field(default_factory=list)
    """What each event of the outbox is about."""
    notices: list[Notice] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    answers: list[tuple[str, str, bytes, int, bytes | None, str]] = field(default_factory=list)
    timers: dict[tuple[str, UUID], datetime | None] = field(default_factory=dict)


class Work:
    """One open transaction."""

    def __init__(
        self,
        connection: Connection,
        *,
        service: str,
        now: datetime,
        ports: Registry,
        traceparent: str = "",
    ) -> None:
        self.connection = WorkConnection(connection)
        """Reads, and runs other statements; what is pending is written before."""
        self.service = service
        self.now = now
        self.ports = ports
        self.traceparent = traceparent
        self.contexts: Contexts | None = None
        self.facts: list[bytes] = []
        """The facts that have been written, as they were said."""
        self.handed: list[tuple[int, CommittedBatch]] = []
        self.after_commit: list[Callable[[], object]] = []
        self._said = _PendingRows()
        self._wire_time = now.isoformat()
        self._id_ms = int(now.timestamp() * 1_000)
        # The highest of the 74 bits begins as 0, so that counting never runs out of them.
        self._id_bits = secrets.randbits(_RANDOM_BITS)

    @cached_property
    def pack(self) -> PolicyPack:
        """The policy pack in force."""
        return self.ports.get(PolicyPack)

    def new_id(self) -> UUID:
        """A fresh UUIDv7 of the business time; the ids of one Work follow one another. Source: RFC 9562, 6.2.

        Randomness is drawn once: the first id holds 73 random bits, and each later one counts on from it.
        """
        self._id_bits += 1
        return uuid7(self._id_ms, self._id_bits)

    def emit(self, fact: Fact) -> None:
        """Broadcast a fact of an aggregate this service owns; it leaves with the commit."""
        aggregate_type, routing_key = _parts_of(fact.stream, self.service)
        event_id, aggregate_id, version = self.new_id(), fact.aggregate_id, fact.version
        body = self._event(event_id, fact, subject=aggregate_id, sequence=version, aggregatetype=aggregate_type)
        self._said.facts.append((event_id, aggregate_type, aggregate_id, version, body))
        self._said.outbox.append((FACT_PARTITION, routing_key, body))
        self._said.subjects.append(aggregate_id)

    def send(self, command: Command, *, saga: UUID, number: int) -> None:
        """Send step `number` of a saga to the service the command names. Raises: Bug when another service sends it."""
        # The broker would refuse the routing key, and close the channel under everything else that is published.
        invariant(command.orchestrator == self.service, "a service sends the commands of its own sagas only")
        self._point_to_point(command, target=command.target(), saga=saga, number=number, replyto=self.service)

    def reply(self, reply: Reply, *, to: str, saga: UUID, number: int) -> None:
        """Answer step `number` of a saga; the consumer calls this with what a handler returned."""
        self._point_to_point(reply, target=to, saga=saga, number=number, replyto="")

    def _point_to_point(self, message: Message, *, target: str, saga: UUID, number: int, replyto: str) -> None:
        body = self._event(self.new_id(), message, subject=saga, sequence=number, replyto=replyto)
        self._said.outbox.append((COMMAND_PARTITION, command_key(self.service, target), body))
        self._said.subjects.append(saga)

    def _event(  # noqa: PLR0913 - the attributes of a CloudEvent
        self,
        event_id: UUID,
        message: Message,
        *,
        subject: UUID,
        sequence: int,
        aggregatetype: str = "",
        replyto: str = "",
    ) -> bytes:
        return _ENCODER.encode(
            Event(
                id=event_id,
                source=self.service,
                type=message.type_name(),
                subject=subject,
                time=self._wire_time,
                sequence=sequence,
                data=msgspec.Raw(_ENCODER.encode(message)),
                aggregatetype=aggregatetype,
                replyto=replyto,
                traceparent=self.traceparent,
            )
        )

    def decide(self, decision: Decision) -> None:
        """Record who decided, on what ground, by which rule; the time and the pack's version are added."""
        self._said.decisions.append(decision)

    def notify(self, notice: Notice) -> None:
        """Tell somebody of a decision; they find it under /notices."""
        self._said.notices.append(notice)

    def set_timer(self, kind: str, *, key: UUID, due_at: datetime) -> None:
        """Fire `kind` for `key` at a business time; setting it again moves it."""
        self._said.timers[kind, key] = due_at

    def drop_timer(self, kind: str, *, key: UUID) -> None:
        """Forget a timer; one that is not set is no error."""
        self._said.timers[kind, key] = None

    def keep_answer(self, row: tuple[str, str, bytes, int, bytes | None, str]) -> None:
        """Store the answer of a call with its effects: scope, key, request hash, status, body, resource."""
        self._said.answers.append(row)

    def receive(self, event_ids: Sequence[UUID]) -> None:
        """Put events into the inbox at the flush; a unique violation there means that one was received before."""
        self._said.received.extend((event_id,) for event_id in event_ids)

    def insert(self, rows: Rows[R], new: Sequence[R]) -> None:
        """Add rows to a declared table; they are written before the next read, or with what is said."""
        if new:
            stamps = {name: self._stamps(stamp, len(new)) for name, stamp in rows.stamped.items()}
            self.connection.add(rows.inserted(new, stamps))

    def update(self, rows: Rows[R], pairs: Sequence[tuple[R, R]]) -> None:
        """Change rows of a declared table, each given as it was loaded and as it is now; written as new ones are.

        A row that is not there any more as it was loaded is a Bug of whoever held no lock. One statement changes a row
        once: whoever changes it again reads it before.
        """
        if pairs:
            self.connection.add(rows.updated(pairs))

    def _stamps(self, stamp: Stamp, count: int) -> Sequence[object]:
        match stamp:
            case Stamp.NEW_ID:
                return [self.new_id() for _ in range(count)]
            case Stamp.NOW:
                return [self.now] * count
            case Stamp.PACK_VERSION:
                return [self.pack.version] * count

    def set_apart(self) -> None:
        """Keep the changes so far for the flush: what comes next serves concurrent callers and does not read them."""
        self.connection.set_apart()

    async def flush(self) -> None:
        """Write what is pending and what was said with one statement; what is said in bulk goes by COPY before it.

        Raises: Bug when changed rows were not as they were loaded; SerializationError, UniqueViolationError when a
        parallel transaction was first.
        """
        said, self._said = self._said, _PendingRows()
        connection, changes = self.connection.raw, self.connection.take()
        if self.contexts is not None and not self.traceparent:
            _stamp(said, self.contexts)
        outbox = joined(said.outbox)
        dropping = [timer for timer, due_at in said.timers.items() if due_at is None]
        if dropping:
            columns = zip(*dropping, strict=True)
            await connection.execute(_DROP_TIMERS, *(list(column) for column in columns))
        small = []
        for kind, rows, same in self._rows_of(said, outbox):
            if kind.bulk and len(rows) >= BULK_MIN:
                await copy(connection, kind, rows, same)
            else:
                small.append((kind, rows, same))
        written = await write(connection, small, changes=changes)
        self.facts += [row[4] for row in said.facts]
        if outbox:
            self._hand_over(written, outbox)

    def _rows_of(self, said: _PendingRows, outbox: Sequence[Row]) -> list[tuple[InsertSpec, Sequence[Row], Row]]:
        """Every kind with its rows and what they share; the outbox last."""
        notices = [
            (self.new_id(), n.recipient, n.subject_type, n.subject_id, n.event, n.text, n.reason, n.article)
            for n in said.notices
        ]
        setting = [(kind, key, due_at) for (kind, key), due_at in said.timers.items() if due_at is not None]
        return [
            (INBOX, said.received, ()),
            (FACT, said.facts, ()),
            (TIMER, setting, ()),
            (NOTICE, notices, (self.now,)),
            (DECISION, self._decision_rows(said.decisions), (self.pack.version, self.now) if said.decisions else ()),
            (ANSWER, said.answers, ()),
            (OUTBOX, outbox, ()),
        ]

    def _hand_over(self, written: Sequence[Record], outbox: Sequence[tuple[int, str, bytes]]) -> None:
        for partition in {row[0] for row in outbox}:
            ids = [row["id"] for row in written if row["partition"] == partition]
            self.handed.append((partition, unit_of(ids, outbox, partition=partition)))

    def _decision_rows(self, decisions: Sequence[Decision]) -> list[Row]:
        return [
            (
                *(self.new_id(), d.subject_type, d.subject_id, d.act, d.by.account_id, d.by.role),
                *(d.ground, d.rule, d.before, d.after, d.facts),
            )
            for d in decisions
        ]


def _stamp(said: _PendingRows, contexts: Contexts) -> None:
    """Give each event the traceparent of what it is about."""
    said.facts = [(*row[:4], _stamped(row[4], contexts.of(row[2]))) for row in said.facts]
    said.outbox = [
        (*row[:2], _stamped(row[2], contexts.of(subject)))
        for row, subject in zip(said.outbox, said.subjects, strict=True)
    ]


def _stamped(body: bytes, traceparent: str) -> bytes:
    # The attribute is an event's last, and was left out because it was empty.
    return body[:-1] + b',"traceparent":"%b"}' % traceparent.encode() if traceparent else body


@lru_cache(maxsize=256)
def _parts_of(stream: str, service: str) -> tuple[str, str]:
    """The aggregate type and the routing key of a stream. Raises: Bug when it is another service's."""
    producer, _, aggregate_type = stream.partition(".")
    invariant(producer == service, "a service emits facts of its own streams only")
    return aggregate_type, fact_key(stream)
