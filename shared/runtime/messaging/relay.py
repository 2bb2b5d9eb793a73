"""The relay: sends what is in the outbox and deletes what is confirmed.

A relay packs up to 50 events of one routing key into an envelope, publishes a window of envelopes with pipelined
confirms, and deletes what is confirmed a little later, many at once. What a crash keeps from being deleted is sent
again and absorbed by the inboxes. One process at a time holds the lease of a partition. Its owner is a stable name and
bumps the epoch at its start, so a restarted process need not wait out its own old lease.

Commands and replies have no order among sagas, so each process sends those that its own commits hand over. The holder
of the lease also sends what stayed behind: rows that stand in the table longer than their own process would need.

Facts leave in the order of their aggregate, so the holder of the lease sends those of all processes. Rows of others
are read with one look before each sending, and put between its own by their ids: who writes an aggregate's next fact
has waited for the commit of the one before, and both its visibility and its ids come after. Deletes of facts are fenced
by the lease's epoch. Rows are never skipped by `id > last`: an id is taken before its commit, and such a relay loses
events.

What an operator has said again waits in a lane of its own (`resend`). The holder of the facts' lease sends one row of
it where no fact waits, and beside facts one from time to time.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from shared.contracts.messages.base import EVENT_SPECIFICATION
from shared.runtime.bus.base import ENVELOPE_BYTES_MAX, ENVELOPE_EVENTS_MAX, FACT_PARTITION, Envelope
from shared.runtime.database.sql import is_transient
from shared.runtime.messaging.resend import next_again
from shared.runtime.service.runtime import Runtime
from shared.runtime.unit_of_work.outbox_queue import CommittedBatch

log = structlog.get_logger()

READ_MAX = 500
LEASE_S = 10
RENEW_S = 3
POLL_S = 0.2
IDLE_POLL_S_MAX = 1.0
OTHERS_POLL_S = 0.1
OTHERS_S = 60.0
"""So long after a fact of another process was found, more are expected: looked for before each sending, and often."""
BEHIND_S = 2.0
"""A process sends and deletes its commands within a second; what is older than this stayed behind."""
FACT_LINGER_S = 0.05
FACT_PAUSE_S = 0.1
"""Nobody waits for facts. Sent so often while many come, they reach their readers in few batches, and in none so large
that whatever else a reader does waits for it."""
BUSY_EVENTS = ENVELOPE_EVENTS_MAX
RESEND_PAUSE_S = 0.25
"""Between two rows of the lane while facts are being said; where none wait, the next row follows at once."""
COMMAND_LINGER_S = 0.002
WORTH_BYTES = 4_000
"""So much (some eight messages) is worth a publication: whoever has it waits for no more."""
DELETE_QUIET_S = 0.1
DELETE_EACH_S = 0.5
BACKOFF_S_MAX = 2.0

# How every event begins; inside a text its quotes would be escaped. A row written in bulk holds several events.
_EVENT_MARK = f'"specversion":"{EVENT_SPECIFICATION}"'.encode()

_TAKE = """
INSERT INTO relay_partition AS r (partition, owner, epoch, until)
VALUES ($1, $2, 1, clock_timestamp() + make_interval(secs => $3))
ON CONFLICT (partition) DO UPDATE
    SET owner = $2, epoch = r.epoch + 1, until = clock_timestamp() + make_interval(secs => $3)
    WHERE r.owner = $2 OR r.until < clock_timestamp()
RETURNING epoch, EXISTS (SELECT FROM resend) AS again
"""
_RENEW = """
UPDATE relay_partition SET until = clock_timestamp() + make_interval(secs => $3)
WHERE partition = $1 AND epoch = $2 RETURNING epoch, EXISTS (SELECT FROM resend) AS again
"""
_READ = """
SELECT id, routing_key, body FROM outbox WHERE partition = $1 AND id <> ALL($2::bigint[]) AND id <= $4
ORDER BY id LIMIT $3
"""
_NEWEST = "SELECT COALESCE(max(id), 0) FROM outbox WHERE partition = $1"
_ID_MAX = 2**63 - 1
_DELETE_OWN = "DELETE FROM outbox WHERE id = ANY($1::bigint[])"
_DELETE = """
WITH mine AS (SELECT FROM relay_partition WHERE partition = $1 AND epoch = $2)
DELETE FROM outbox WHERE id = ANY($3::bigint[]) AND EXISTS (SELECT FROM mine)
"""
_SAID_AGAIN = """
WITH mine AS (SELECT FROM relay_partition WHERE partition = $1 AND epoch = $2)
DELETE FROM resend WHERE id = $3 AND EXISTS (SELECT FROM mine)
"""


@dataclass(frozen=True, slots=True)
class PackedEnvelope:
    """An envelope and the ids of what it carries."""

    envelope: Envelope
    ids: tuple[int, ...]
    events: int


def pack(producer: str, rows: Sequence[Any], *, mandatory: bool) -> list[PackedEnvelope]:
    """Rows (id, routing_key, body) packed into envelopes; order within a routing key is kept."""
    open_rows: dict[str, list[Any]] = {}
    size_bytes: dict[str, int] = {}
    events: dict[str, int] = {}
    packed: list[PackedEnvelope] = []

    def close(routing_key: str) -> None:
        taken = open_rows.pop(routing_key)
        del size_bytes[routing_key]
        count = events.pop(routing_key)
        body = b"[" + b",".join(row["body"] for row in taken) + b"]"
        envelope = Envelope(producer, routing_key, body, mandatory)
        packed.append(PackedEnvelope(envelope, tuple(row["id"] for row in taken), count))

    for row in rows:
        key = row["routing_key"]
        count = max(1, row["body"].count(_EVENT_MARK))
        # Each body has a bracket or a comma before it, and the last one a bracket behind it.
        added_bytes = len(row["body"]) + 1
        taken = open_rows.get(key, ())
        full = events.get(key, 0) + count > ENVELOPE_EVENTS_MAX
        if taken and (full or size_bytes[key] + added_bytes + 1 > ENVELOPE_BYTES_MAX):
            close(key)
        open_rows.setdefault(key, []).append(row)
        size_bytes[key] = size_bytes.get(key, 0) + added_bytes
        events[key] = events.get(key, 0) + count
    for key in list(open_rows):
        close(key)
    return packed


@dataclass(frozen=True, slots=True)
class _Newest:
    """The newest ids of a partition at two looks; what is not above the earlier one has stood since before the last."""

    before_id: int = 0
    last_id: int = 0
    at_s: float = 0.0


class Relay:
    """Sends one partition of one service's outbox."""

    def __init__(self, runtime: Runtime, partition: int) -> None:
        self._runtime = runtime
        self._partition = partition
        self._handed = runtime.handed[partition]
        self._in_order = partition == FACT_PARTITION
        self._epoch: int | None = None
        self._renew_at = 0.0
        self._look_at = 0.0
        self._poll_s = POLL_S
        self._others_until = 0.0
        self._newest = _Newest()
        self._everything = False
        self._busy = False
        self._again = False
        self._again_at = 0.0
        self._sent: list[int] = []
        self._sent_at = 0.0
        self._delete_at = 0.0

    async def run(self) -> None:
        """Serve the partition until cancelled; faults of the moment back off and go on."""
        backoff_s = POLL_S
        while True:
            try:
                await self._serve()
                backoff_s = POLL_S
            except Exception as error:  # noqa: BLE001 - the relay must outlive every fault of broker and database
                level = log.warning if is_transient(error) else log.error
                level(
                    "relay.failed",
                    partition=self._partition,
                    error=type(error).__name__,
                    reason=str(error)[:200],
                )
                self._epoch, self._renew_at = None, 0.0
                self._handed.forget()
                await asyncio.sleep(backoff_s)
                backoff_s = min(backoff_s * 2, BACKOFF_S_MAX)

    async def _serve(self) -> None:
        holding = await self._hold_lease()
        if not holding and self._in_order:
            self._handed.forget()
            await asyncio.sleep(RENEW_S)
            return
        units = await self._gather(holding=holding)
        if units and not await self._send(units):
            self._handed.forget()
            await asyncio.sleep(POLL_S)
        if self._sent and (len(self._sent) >= READ_MAX or self._now() >= self._delete_at):
            await self._delete()
        again = self._again and (not units or self._now() >= self._again_at) and await self._say_again()
        if not units and not again:
            await self._idle(holding=holding)
        elif units and (self._busy or self._now() < self._others_until):
            # Each sending costs a look where others write as well, and each receiver a batch.
            await asyncio.sleep(FACT_PAUSE_S)

    async def _gather(self, *, holding: bool) -> Sequence[CommittedBatch]:
        """What is to be sent now, in the order in which it was said."""
        handed = self._handed.take(READ_MAX)
        found = await self._look(handed) if holding else []
        if not found:
            return handed
        if not self._in_order:
            return [*found, *handed]
        self._others_until = self._now() + OTHERS_S
        if len(found) >= READ_MAX:
            # What the table still holds beyond these may come before what was handed over.
            self._handed.forget()
            return found
        return sorted([*found, *handed], key=lambda unit: min(unit.ids))

    async def _look(self, handed: Sequence[CommittedBatch]) -> list[CommittedBatch]:
        """Rows that nobody handed over: of a predecessor, of another process, of a commit without its answer."""
        now = self._now()
        everything = self._handed.must_look() or self._everything
        others = self._in_order and now < self._others_until
        if not everything and not others and now < self._look_at:
            return []
        last_id = _ID_MAX
        if not everything and not self._in_order:
            last_id = await self._behind(now)
        known = [*self._sent, *(row_id for unit in handed for row_id in unit.ids)]
        rows = await self._fetch(_READ, self._partition, known, READ_MAX, last_id)
        self._everything = everything and len(rows) == READ_MAX
        self._poll_s = POLL_S if rows else max(POLL_S, min(self._poll_s * 2, IDLE_POLL_S_MAX))
        pause_s = OTHERS_POLL_S if self._in_order and (rows or others) else self._poll_s
        self._look_at = now if len(rows) == READ_MAX else now + pause_s
        return [CommittedBatch((row["id"],), ((row["routing_key"], row["body"]),)) for row in rows]

    async def _behind(self, now: float) -> int:
        """The newest id of those rows that stand there for longer than their process would have needed."""
        if now >= self._newest.at_s + BEHIND_S:
            found = await self._fetch(_NEWEST, self._partition)
            self._newest = _Newest(self._newest.last_id, found[0][0], now)
        return self._newest.before_id

    async def _send(self, units: Sequence[CommittedBatch]) -> bool:
        """Publish; what is confirmed counts as sent and is deleted a little later. Whether all of it is."""
        sent = set(self._sent)
        fresh = [unit for unit in units if not sent.issuperset(unit.ids)]
        unsent = await self._publish(fresh)
        now = self._now()
        if not self._sent:
            self._sent_at = now
        self._delete_at = min(now + DELETE_QUIET_S, self._sent_at + DELETE_EACH_S)
        self._sent.extend(row_id for place, unit in enumerate(fresh) if place not in unsent for row_id in unit.ids)
        return not unsent

    async def _delete(self) -> None:
        """Delete what was sent; rows that the lease's next holder has to judge are left to it."""
        async with self._runtime.pool.acquire() as connection:
            if self._in_order:
                await connection.execute(_DELETE, self._partition, self._epoch, self._sent)
            else:
                # Confirmed is confirmed, whoever holds the lease by now.
                await connection.execute(_DELETE_OWN, self._sent)
        self._sent = []

    async def _say_again(self) -> bool:
        """Send the oldest row of the lane; whether there was one. What is not confirmed stays for the next time."""
        async with self._runtime.pool.acquire() as connection:
            row = await next_again(connection, service=self._runtime.service.name)
        self._again = row is not None
        if row is None:
            return False
        units = [CommittedBatch((place,), (fact,)) for place, fact in enumerate(row.facts)]
        if await self._publish(units):
            await asyncio.sleep(POLL_S)
        else:
            async with self._runtime.pool.acquire() as connection:
                await connection.execute(_SAID_AGAIN, self._partition, self._epoch, row.row_id)
        self._again_at = self._now() + RESEND_PAUSE_S
        return True

    async def _idle(self, *, holding: bool) -> None:
        """Wait for a commit of this process, or look for rows of others: ever more seldom while there are none."""
        until = self._look_at if holding else self._renew_at
        if self._sent:
            until = min(until, self._delete_at)
        try:
            async with asyncio.timeout(max(0.0, until - self._now())):
                await self._handed.wake.wait()
        except TimeoutError:
            return
        self._handed.wake.clear()
        await asyncio.sleep(self._linger_s())

    def _linger_s(self) -> float:
        """How long to wait for more where there was nothing before."""
        if self._in_order:
            return FACT_LINGER_S
        return COMMAND_LINGER_S if self._handed.size_bytes() < WORTH_BYTES else 0.0

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    async def _fetch(self, sql: str, *arguments: object) -> list[Any]:
        async with self._runtime.pool.acquire() as connection:
            rows: list[Any] = await connection.fetch(sql, *arguments)
            return rows

    async def _publish(self, units: Sequence[CommittedBatch]) -> set[int]:
        """Publish units; the places of those that are not confirmed as a whole."""
        rows = [
            {"id": place, "routing_key": key, "body": body}
            for place, unit in enumerate(units)
            for key, body in unit.rows
        ]
        packed = pack(self._runtime.service.name, rows, mandatory=not self._in_order)
        envelopes = [item.envelope for item in packed]
        with self._runtime.publishing(envelopes):
            confirms = await self._runtime.bus.publish(envelopes)
        self._runtime.counts["envelopes"] += len(packed)
        events = sum(item.events for item in packed)
        self._runtime.counts["events"] += events
        # Where more rows wait than one look takes, a pause would only make the backlog last.
        self._busy = self._in_order and events >= BUSY_EVENTS and len(rows) < READ_MAX
        return {place for item, ok in zip(packed, confirms, strict=True) if not ok for place in item.ids}

    async def _hold_lease(self) -> bool:
        """Take the lease, or renew it when it is due. A lost lease means another process serves the partition."""
        now = self._now()
        if now < self._renew_at:
            return self._epoch is not None
        taking = self._epoch is None
        arguments = (self._partition, self._runtime.owner if taking else self._epoch, float(LEASE_S))
        rows = await self._fetch(_TAKE if taking else _RENEW, *arguments)
        self._epoch = rows[0]["epoch"] if rows else None
        self._again = self._again or (self._in_order and bool(rows) and rows[0]["again"])
        self._renew_at = now + RENEW_S
        self._runtime.leads[self._partition].set(held=self._epoch is not None)
        return self._epoch is not None
