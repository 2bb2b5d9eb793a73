"""The consumer: applies envelopes set-based, in one transaction, each event once, each aggregate in order.

Inside a batch the order of writes is always the same: cursors (locked, keys sorted), state, and the inbox rows with all
that is said. Facts apply at version n+1, park when early, drop when old. Commands and replies are deduplicated by the
inbox; their handlers are idempotent by business key besides. On a fault the batch runs again, and then begins with the
inbox rows of what is new; where another process has one of these events at this very moment, both may wait for each
other, which the database ends, and which is a fault of the moment. When it fails again the batch is bisected, so one
bad message never fails 99 good ones.
"""

import asyncio
from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

import structlog

from shared.contracts.messages.base import Event, Refused
from shared.kernel.refusals import Bug, Refusal
from shared.runtime.bus.base import COMMAND_PARTITION, FACT_PARTITION, Delivery, Receiver, fact_queue
from shared.runtime.database.sql import is_transient
from shared.runtime.messaging.ordering import Cursors, ParkedFault
from shared.runtime.messaging.routing import (
    Routes,
    Unreadable,
    by_handler,
    read_batch,
    read_one,
    rounds,
    stream_of,
    to_bytes,
    vouched,
)
from shared.runtime.service.runtime import More, Runtime
from shared.runtime.service.service import SagaReply, Subscriptions
from shared.runtime.unit_of_work.work import Work

log = structlog.get_logger()

BATCH_EVENTS_MAX = 500
BATCH_BYTES_MAX = 2 * 1024 * 1024
MORE_BYTES_MAX = 128 * 1024
HOLD_S = 60.0
ATTEMPTS_MAX = 6
BACKOFF_S_MAX = 2.0

_INBOX = "INSERT INTO inbox (event_id) SELECT unnest($1::uuid[]) ON CONFLICT DO NOTHING RETURNING event_id"
_RETRY = """
INSERT INTO retry (event_id, event, attempts, reason, due_at)
VALUES ($1, $2, $3, $4, clock_timestamp() + make_interval(secs => $5))
ON CONFLICT (event_id) DO UPDATE SET attempts = $3, reason = $4, due_at = EXCLUDED.due_at
"""
_DEAD = """
INSERT INTO dead_letter (event_id, type, event, attempts, reason) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (event_id) DO UPDATE SET attempts = $4, reason = $5, dead_at = now(), replayed_at = NULL
"""
_UNPARK = "DELETE FROM parked WHERE stream = $1 AND aggregate_id = $2 AND version = $3"
_DUE = "SELECT event_id, event, attempts FROM retry WHERE due_at <= clock_timestamp() ORDER BY due_at LIMIT 50"


class Applier:
    """Applies events to one service, whatever brought them: the bus, the retry table, a replay."""

    def __init__(self, runtime: Runtime, subscriptions: Subscriptions) -> None:
        self._runtime = runtime
        self.routes = Routes(subscriptions)

    async def settle(self, events: Sequence[Event], *, attempts: int = 0, more: More | None = None) -> Sequence[Event]:
        """Make every event applied, duplicate, parked, set for retry or dead-lettered, durably; says which these were.

        With `more`, what came while the transaction began is settled with them.

        Raises: the fault itself when it is transient; then the whole call may be repeated.
        """
        if 0 < len(events) <= BATCH_EVENTS_MAX:
            return await self._settle(events, attempts=attempts, more=more)
        for start in range(0, len(events), BATCH_EVENTS_MAX):
            await self._settle(events[start : start + BATCH_EVENTS_MAX], attempts=attempts)
        return events

    async def _settle(self, events: Sequence[Event], *, attempts: int, more: More | None = None) -> Sequence[Event]:
        try:
            applied = False
            if not attempts:
                events, applied = await self._first_try(events, more=more)
            if not applied:
                await self._apply(events, retried=attempts > 0)
        except ParkedFault as fault:
            # The parked fact leaves the way; what came before it is good and is applied again without it.
            await self._set_parked_aside(fault.event, fault.__cause__ or fault)
            await self._settle(events, attempts=attempts)
        except Exception as error:
            if is_transient(error):
                raise
            if len(events) == 1:
                await self._set_aside(events[0], error, attempts=attempts + 1)
            else:
                half = len(events) // 2
                await self._settle(events[:half], attempts=attempts)
                await self._settle(events[half:], attempts=attempts)
        return events

    async def _first_try(self, events: Sequence[Event], *, more: More | None) -> tuple[Sequence[Event], bool]:
        """All events of a batch, and whether they could be applied without asking the inbox, whose key refuses others.

        Nearly every event is new. A batch with one that is not runs again without it, as after any other fault.
        """
        try:
            async with self._runtime.processing(events, more=more) as (work, found):
                events = found
                fresh = _received(work, events)
                await self._apply_fresh(work, fresh)
        except Exception as error:
            if is_transient(error):
                raise
            log.info("events.again", service=self._runtime.service.name, events=len(events), error=type(error).__name__)
            return events, False
        self._count(events, fresh)
        return events, True

    async def _apply(self, events: Sequence[Event], *, retried: bool) -> None:
        """Apply those of the events that the inbox does not hold."""
        async with self._runtime.processing(events) as (work, _):
            fresh = await self._first_seen(work, events)
            if retried:
                await work.connection.execute(
                    "DELETE FROM retry WHERE event_id = ANY($1::uuid[])", [event.id for event in events]
                )
            await self._apply_fresh(work, fresh)
        self._count(events, fresh)

    async def _apply_fresh(self, work: Work, fresh: Sequence[Event]) -> None:
        facts = [event for event in fresh if event.aggregatetype]
        if facts:
            await Cursors(work, self.routes, self._run).apply(facts)
        messages = [event for event in fresh if not event.aggregatetype]
        for batch in rounds(messages, key=lambda event: event.subject):
            await self._run(work, batch)

    def _count(self, events: Sequence[Event], fresh: Sequence[Event]) -> None:
        self._runtime.flow.apply(fresh)
        self._runtime.counts["applied"] += len(fresh)
        self._runtime.counts["duplicates"] += len(events) - len(fresh)

    async def _first_seen(self, work: Work, events: Sequence[Event]) -> list[Event]:
        by_id: dict[UUID, Event] = {event.id: event for event in events}
        rows = await work.connection.fetch(_INBOX, sorted(by_id))
        new = {row["event_id"] for row in rows}
        return [event for event in by_id.values() if event.id in new]

    async def _run(self, work: Work, events: Sequence[Event]) -> None:
        for route, group in by_handler(events, self.routes):
            messages = [self.routes.read(event) for event in group]
            if work.contexts is not None:
                for event, message in zip(group, messages, strict=True):
                    work.contexts.name(event.id, message.reply if isinstance(message, SagaReply) else message)
            outcomes = await route.handler(work, messages)
            if outcomes is None:
                continue
            for event, outcome in zip(group, outcomes, strict=True):
                reply = refused(outcome) if isinstance(outcome, Refusal) else outcome
                work.reply(reply, to=event.replyto, saga=event.subject, number=event.sequence)

    async def _set_parked_aside(self, event: Event, error: BaseException) -> None:
        """Move a parked fact to the retries or the dead letters; it counts as unseen, so a replay is no duplicate."""
        async with self._runtime.work() as work:
            await work.connection.execute(_UNPARK, stream_of(event), event.subject, event.sequence)
            await work.connection.execute("DELETE FROM inbox WHERE event_id = $1", event.id)
            outcome = await self._write_aside(work, event, error, attempts=1)
        self._tell_aside(event, error, outcome, attempts=1)

    async def _set_aside(self, event: Event, error: BaseException, *, attempts: int) -> None:
        async with self._runtime.work() as work:
            outcome = await self._write_aside(work, event, error, attempts=attempts)
        self._tell_aside(event, error, outcome, attempts=attempts)

    async def _write_aside(self, work: Work, event: Event, error: BaseException, *, attempts: int) -> str:
        """Keep an event for a later attempt, or as a dead letter when no attempt will help."""
        reason = f"{type(error).__name__}: {error}"[:2_000]
        if isinstance(error, Unreadable | Refusal | Bug) or attempts >= ATTEMPTS_MAX:
            await work.connection.execute(_DEAD, event.id, event.type, to_bytes(event), attempts, reason)
            await work.connection.execute("DELETE FROM retry WHERE event_id = $1", event.id)
            return "dead_lettered"
        await work.connection.execute(_RETRY, event.id, to_bytes(event), attempts, reason, float(2**attempts))
        return "set_for_retry"

    def _tell_aside(self, event: Event, error: BaseException, outcome: str, *, attempts: int) -> None:
        self._runtime.counts[outcome] += 1
        log.error(
            "event.set_aside",
            outcome=outcome,
            event_id=str(event.id),
            type=event.type,
            attempts=attempts,
            exc_info=error,
        )


def _received(work: Work, events: Sequence[Event]) -> list[Event]:
    """The events, each once, as new: the flush puts them into the inbox."""
    by_id = {event.id: event for event in events}
    work.receive(sorted(by_id))
    return list(by_id.values())


def refused(refusal: Refusal) -> Refused:
    """A refusal as it travels in a reply."""
    return Refused(
        code=refusal.code,
        kind=refusal.kind.value,
        article=refusal.article,
        detail=refusal.detail,
        facts=refusal.facts,
    )


class Consumer:
    """Reads one queue of one service."""

    def __init__(self, runtime: Runtime, applier: Applier, queue: str) -> None:
        self._runtime = runtime
        self._leading = runtime.leads[
            FACT_PARTITION if queue == fact_queue(runtime.service.name) else COMMAND_PARTITION
        ]
        self._applier = applier
        self._queue = queue

    async def run(self) -> None:
        """Receive and apply until cancelled; faults of the moment back off and go on."""
        backoff_s = 0.1
        while True:
            receiver: Receiver | None = None
            following: asyncio.Task[None] | None = None
            try:
                receiver = await self._runtime.bus.listen(self._queue)
                following = asyncio.create_task(self._follow(receiver))
                while True:
                    deliveries = await receiver.receive(bytes_max=BATCH_BYTES_MAX)
                    await self._handle(receiver, deliveries)
                    backoff_s = 0.1
            except Exception as error:  # noqa: BLE001 - the consumer must outlive every fault of broker and database
                log.warning("consumer.failed", queue=self._queue, error=type(error).__name__, reason=str(error)[:200])
                await asyncio.sleep(backoff_s)
                backoff_s = min(backoff_s * 2, BACKOFF_S_MAX)
            finally:
                if following is not None:
                    following.cancel()
                if receiver is not None:
                    await receiver.close()

    async def _follow(self, receiver: Receiver) -> None:
        """Come before the other processes of the service while this one holds the lease, so that batches stay large.

        Two that share what one could take apply twice as many batches of half the size, and facts of one aggregate
        meet each other's locks and come out of order. Whatever the first has no room for goes to the others.
        """
        while True:
            self._leading.changed.clear()
            await receiver.prefer(preferred=self._leading.held)
            await self._leading.changed.wait()

    async def _handle(self, receiver: Receiver, deliveries: Sequence[Delivery]) -> None:
        batch = await self._read(receiver, deliveries)
        self._runtime.flow.take(self._queue)
        batch = await self._settle(receiver, batch)
        self._runtime.flow.settle(self._queue)
        await receiver.acknowledge(batch.readable)

    async def _read(self, receiver: Receiver, deliveries: Sequence[Delivery]) -> "_Batch":
        """Deliveries and their events; what cannot be read is rejected."""
        readable: list[Delivery] = []
        events: list[Event] = []
        for delivery in deliveries:
            try:
                events += vouched(read_batch(delivery.body), sender=delivery.sender)
                readable.append(delivery)
            except Unreadable as error:
                log.error("envelope.unreadable", queue=self._queue, reason=str(error)[:200])  # noqa: TRY400
                await receiver.reject(delivery)
        return _Batch(readable, events)

    async def _settle(self, receiver: Receiver, batch: "_Batch") -> "_Batch":
        """Apply a batch and what comes while its transaction begins; gives all that was applied.

        What waits for the database is held, because the broker counts what is given back and gives it up.
        """
        clock = asyncio.get_running_loop()
        hold_until = clock.time() + HOLD_S
        pause_s = 0.1

        async def more() -> Sequence[Event]:
            nonlocal batch
            come = await self._read(receiver, receiver.take(bytes_max=MORE_BYTES_MAX))
            batch = _Batch([*batch.readable, *come.readable], [*batch.events, *come.events])
            return come.events

        while True:
            try:
                await self._applier.settle(batch.events, more=more)
            except Exception as error:
                if clock.time() >= hold_until or not is_transient(error):
                    await receiver.requeue(batch.readable)
                    raise
                log.warning("consumer.waits", queue=self._queue, error=type(error).__name__, reason=str(error)[:200])
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 2, BACKOFF_S_MAX)
            else:
                return batch


class _Batch(NamedTuple):
    """What is settled together: deliveries, and all their events."""

    readable: Sequence[Delivery]
    events: Sequence[Event]


async def run_retries(runtime: Runtime, applier: Applier, *, every_s: float = 1.0) -> None:
    """Apply what was set for retry and is due; runs until cancelled."""
    while True:
        await asyncio.sleep(every_s)
        try:
            async with runtime.reading() as connection:
                rows = await connection.fetch(_DUE)
            for row in rows:
                await applier.settle([read_one(row["event"])], attempts=row["attempts"])
        except Exception as error:  # noqa: BLE001 - retries must outlive every fault
            log.warning("retries.failed", error=type(error).__name__, reason=str(error)[:200])
