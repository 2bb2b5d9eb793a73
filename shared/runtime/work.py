"""One transaction of one service: what a handler reads the time from, writes through, and speaks with.

A handler never commits and never talks to another party inside its Work. What it says (facts, commands, replies) is
kept in memory until `flush`, then written with two statements whatever their number, and leaves with the commit.
"""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property, lru_cache
from itertools import groupby
from operator import itemgetter
from uuid import UUID

import msgspec
from asyncpg.pgproto import pgproto

from shared.contracts.messages.base import Command, Event, Fact, Message, Reply
from shared.contracts.policy import PolicyPack
from shared.kernel.ids import uuid7
from shared.kernel.refusals import invariant
from shared.runtime.bus.base import (
    COMMAND_PARTITION,
    FACT_PARTITION,
    command_key,
    fact_key,
)
from shared.runtime.db import Connection
from shared.runtime.ports import Ports

_ENCODER = msgspec.json.Encoder()

BULK_MIN = 256
"""From so many facts or notices on, a Work writes them by COPY: the driver looks at each element of an array twice."""
ROW_BYTES_MAX = 1_900
"""PostgreSQL compresses and moves out what makes a row longer than 2 kB, which costs more than rows do."""
_FACT_COLUMNS = ("event_id", "aggregate_type", "aggregate_id", "version", "body")
_NOTICE_COLUMNS = ("id", "recipient", "subject_type", "subject_id", "event", "text", "reason", "article", "at")
_COUNTER_BITS = 61

_WRITE_FACTS = """
WITH kept AS (
    INSERT INTO fact (event_id, aggregate_type, aggregate_id, version, body)
    SELECT * FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::int[], $5::bytea[])
)
INSERT INTO outbox (partition, routing_key, body)
SELECT * FROM unnest($6::smallint[], $7::text[], $8::bytea[])
"""
_WRITE_OUTBOX = """
INSERT INTO outbox (partition, routing_key, body)
SELECT * FROM unnest($1::smallint[], $2::text[], $3::bytea[])
"""
_WRITE_NOTICES = """
INSERT INTO notice (id, recipient, subject_type, subject_id, event, text, reason, article, at)
SELECT n.*, $9 FROM unnest($1::uuid[], $2::text[], $3::text[], $4::uuid[], $5::text[], $6::text[], $7::text[],
                           $8::text[]) AS n
"""
_WRITE_DECISIONS = """
INSERT INTO decision (id, subject_type, subject_id, act, account_id, role, ground, rule, before, after, facts,
                      pack_version, at)
SELECT d.*, $12, $13
FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::text[], $5::uuid[], $6::text[], $7::text[], $8::text[], $9::text[],
            $10::text[], $11::jsonb[]) AS d
"""
_WRITE_TIMERS = """
INSERT INTO timer (kind, key, due_at) SELECT * FROM unnest($1::text[], $2::uuid[], $3::timestamptz[])
ON CONFLICT (kind, key) DO UPDATE SET due_at = EXCLUDED.due_at
"""
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
class _Said:
    """What a Work has said and not yet written."""

    facts: list[tuple[UUID, str, UUID, int, bytes]] = field(default_factory=list)
    outbox: list[tuple[int, str, bytes]] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    timers: dict[tuple[str, UUID], datetime | None] = field(default_factory=dict)


class Work:
    """One open transaction."""

    def __init__(
        self,
        connection: Connection,
        *,
        service: str,
        now: datetime,
        ports: Ports,
        traceparent: str = "",
    ) -> None:
        self.connection = connection
        self.service = service
        self.now = now
        self.ports = ports
        self.traceparent = traceparent
        self.partitions: set[int] = set()
        self.after_commit: list[Callable[[], None]] = []
        self._said = _Said()
        self._wire_time = now.isoformat()
        self._id_head = b""
        self._id_tail = 0

    @cached_property
    def pack(self) -> PolicyPack:
        """The policy pack in force."""
        return self.ports.get(PolicyPack)

    def new_id(self) -> UUID:
        """A fresh UUIDv7 of the business time; the ids of one Work follow one another. Source: RFC 9562, 6.2.

        Randomness is drawn once: the first id holds 73 random bits, and each later one counts on from it.
        """
        if not self._id_head:
            # The counter's highest bit begins as 0, so that it never runs into the variant's bits.
            drawn = uuid7(int(self.now.timestamp() * 1_000), secrets.randbits(74) & ~(1 << _COUNTER_BITS)).bytes
            self._id_head, self._id_tail = drawn[:8], int.from_bytes(drawn[8:], "big")
        self._id_tail += 1
        # The driver's own kind of UUID is built in a fifth of the time.
        fresh: UUID = pgproto.UUID(self._id_head + self._id_tail.to_bytes(8, "big"))
        return fresh

    def emit(self, fact: Fact) -> None:
        """Broadcast a fact of an aggregate this service owns; it leaves with the commit."""
        aggregate_type, routing_key = _parts_of(fact.stream, self.service)
        event_id, aggregate_id, version = self.new_id(), fact.aggregate_id, fact.version
        body = self._event(event_id, fact, subject=aggregate_id, sequence=version, aggregatetype=aggregate_type)
        self._said.facts.append((event_id, aggregate_type, aggregate_id, version, body))
        self._said.outbox.append((FACT_PARTITION, routing_key, body))

    def send(self, command: Command, *, saga: UUID, number: int) -> None:
        """Send step `number` of a saga to the service the command names."""
        self._point_to_point(command, target=command.target(), saga=saga, number=number, replyto=self.service)

    def reply(self, reply: Reply, *, to: str, saga: UUID, number: int) -> None:
        """Answer step `number` of a saga; the consumer calls this with what a handler returned."""
        self._point_to_point(reply, target=to, saga=saga, number=number, replyto="")

    def _point_to_point(self, message: Message, *, target: str, saga: UUID, number: int, replyto: str) -> None:
        body = self._event(self.new_id(), message, subject=saga, sequence=number, replyto=replyto)
        self._said.outbox.append((COMMAND_PARTITION, command_key(self.service, target), body))

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

    async def flush(self) -> None:
        """Write everything said, with as few statements as there are kinds of it."""
        said, self._said = self._said, _Said()
        self.partitions.update(row[0] for row in said.outbox)
        if len(said.facts) >= BULK_MIN:
            await self._copy("fact", said.facts, _FACT_COLUMNS)
            await self.connection.execute(_WRITE_OUTBOX, *_columns(joined(said.outbox), 3))
        elif said.facts:
            await self.connection.execute(_WRITE_FACTS, *_columns(said.facts, 5), *_columns(said.outbox, 3))
        elif said.outbox:
            await self.connection.execute(_WRITE_OUTBOX, *_columns(said.outbox, 3))
        await self._flush_timers(said)
        await self._flush_notices(said.notices)
        if said.decisions:
            await self.connection.execute(
                _WRITE_DECISIONS, *self._decision_columns(said.decisions), self.pack.version, self.now
            )

    async def _copy(self, table: str, rows: Sequence[tuple[object, ...]], columns: Sequence[str]) -> None:
        await self.connection.copy_records_to_table(table, records=rows, columns=columns)

    async def _flush_timers(self, said: _Said) -> None:
        setting = [(kind, key, due_at) for (kind, key), due_at in said.timers.items() if due_at is not None]
        dropping = [timer for timer, due_at in said.timers.items() if due_at is None]
        if setting:
            await self.connection.execute(_WRITE_TIMERS, *_columns(setting, 3))
        if dropping:
            await self.connection.execute(_DROP_TIMERS, *_columns(dropping, 2))

    async def _flush_notices(self, notices: Sequence[Notice]) -> None:
        rows = [
            (self.new_id(), n.recipient, n.subject_type, n.subject_id, n.event, n.text, n.reason, n.article)
            for n in notices
        ]
        if len(rows) >= BULK_MIN:
            await self._copy("notice", [(*row, self.now) for row in rows], _NOTICE_COLUMNS)
        elif rows:
            await self.connection.execute(_WRITE_NOTICES, *_columns(rows, 8), self.now)

    def _decision_columns(self, decisions: Sequence[Decision]) -> list[list[object]]:
        rows = [
            (
                *(self.new_id(), d.subject_type, d.subject_id, d.act, d.by.account_id, d.by.role),
                *(d.ground, d.rule, d.before, d.after, d.facts),
            )
            for d in decisions
        ]
        return _columns(rows, 11)


@lru_cache(maxsize=256)
def _parts_of(stream: str, service: str) -> tuple[str, str]:
    """The aggregate type and the routing key of a stream. Raises: Bug when it is another service's."""
    producer, _, aggregate_type = stream.partition(".")
    invariant(producer == service, "a service emits facts of its own streams only")
    return aggregate_type, fact_key(stream)


def joined(rows: Sequence[tuple[int, str, bytes]]) -> list[tuple[int, str, bytes]]:
    """Outbox rows with several events each; the relay puts a comma between bodies, and so may a row.

    Only neighbours of one routing key are joined, so the order within a key stays.
    """
    joined: list[tuple[int, str, bytes]] = []
    for (partition, routing_key), group in groupby(rows, key=itemgetter(0, 1)):
        taken: list[bytes] = []
        size_bytes = 0
        for _, _, body in group:
            size_bytes += len(body) + 1
            if taken and size_bytes > ROW_BYTES_MAX:
                joined.append((partition, routing_key, b",".join(taken)))
                taken, size_bytes = [], len(body) + 1
            taken.append(body)
        joined.append((partition, routing_key, b",".join(taken)))
    return joined


def _columns(rows: Sequence[tuple[object, ...]], width: int) -> list[list[object]]:
    """Rows turned into the arrays that unnest takes."""
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in range(width)]
