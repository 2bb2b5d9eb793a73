"""The relay: sends what is in the outbox and deletes what is confirmed.

One holder of a lease serves one partition. It takes what commits of its own process hand over, and reads the table in
id order for everything else; packs up to 50 events of one routing key into an envelope, publishes a window of envelopes
with pipelined confirms, and deletes what is confirmed a little later, many at once, fenced by the lease's epoch. What a
crash keeps from being deleted is sent again and absorbed by the inboxes. The owner is a stable name and bumps the epoch
at its start, so a restarted process need not wait out its own old lease. Rows are never skipped by `id > last`: an id
is taken before its commit, and such a relay loses events.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from shared.contracts.messages.base import EVENT_SPECIFICATION
from shared.runtime.bus.base import ENVELOPE_BYTES_MAX, ENVELOPE_EVENTS_MAX, FACT_PARTITION, Envelope
from shared.runtime.database.sql import is_transient
from shared.runtime.service.runtime import Runtime
from shared.runtime.unit_of_work.outbox_queue import CommittedBatch

log = structlog.get_logger()

READ_MAX = 500
LEASE_S = 10
RENEW_S = 3
POLL_S = 0.2
IDLE_POLL_S_MAX = 1.0
FACT_LINGER_S = 0.05
FACT_PAUSE_S = 0.1
"""Nobody waits for facts. Sent so often while many come, they reach their readers in few batches, and in none so large
that whatever else a reader does waits for it."""
BUSY_EVENTS = ENVELOPE_EVENTS_MAX
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
RETURNING epoch
"""
_RENEW = """
UPDATE relay_partition SET until = clock_timestamp() + make_interval(secs => $3)
WHERE partition = $1 AND epoch = $2 RETURNING epoch
"""
_READ = "SELECT id, routing_key, body FROM outbox WHERE partition = $1 AND id <> ALL($2::bigint[]) ORDER BY id LIMIT $3"
_DELETE = """
WITH mine AS (SELECT FROM relay_partition WHERE partition = $1 AND epoch = $2)
DELETE FROM outbox WHERE id = ANY($3::bigint[]) AND EXISTS (SELECT FROM mine)
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


class Relay:
    """Sends one partition of one service's outbox."""

    def __init__(self, runtime: Runtime, partition: int) -> None:
        self._runtime = runtime
        self._partition = partition
        self._handed = runtime.handed[partition]
        self._epoch: int | None = None
        self._renew_at = 0.0
        self._look_at = 0.0
        self._poll_s = POLL_S
        self._busy = False
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
                self._epoch = None
                self._handed.forget()
                await asyncio.sleep(backoff_s)
                backoff_s = min(backoff_s * 2, BACKOFF_S_MAX)

    async def _serve(self) -> None:
        if not await self._hold_lease():
            self._handed.forget()
            await asyncio.sleep(RENEW_S)
            return
        handed = self._handed.take(READ_MAX)
        # What the table still holds was said before what is handed over, and a receiver may need that order.
        units = [*await self._look(handed), *handed]
        if units and not await self._send(units):
            self._handed.forget()
            await asyncio.sleep(POLL_S)
        if self._sent and (len(self._sent) >= READ_MAX or self._now() >= self._delete_at):
            await self._delete()
        if not units:
            await self._idle()
        elif self._busy:
            await asyncio.sleep(FACT_PAUSE_S)

    async def _look(self, handed: Sequence[CommittedBatch]) -> list[CommittedBatch]:
        """Rows that nobody handed over: of a predecessor, of another process, of a commit without its answer."""
        now = self._now()
        if not self._handed.must_look() and now < self._look_at:
            return []
        known = [*self._sent, *(row_id for unit in handed for row_id in unit.ids)]
        rows = await self._fetch(_READ, self._partition, known, READ_MAX)
        self._poll_s = POLL_S if rows else max(POLL_S, min(self._poll_s * 2, IDLE_POLL_S_MAX))
        self._look_at = now if len(rows) == READ_MAX else now + self._poll_s
        return [CommittedBatch((row["id"],), ((row["routing_key"], row["body"]),)) for row in rows]

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
            await connection.execute(_DELETE, self._partition, self._epoch, self._sent)
        self._sent = []

    async def _idle(self) -> None:
        """Wait for a commit of this process, or look for rows of others: ever more seldom while there are none."""
        until = min(self._look_at, self._delete_at) if self._sent else self._look_at
        try:
            async with asyncio.timeout(max(0.0, until - self._now())):
                await self._handed.wake.wait()
        except TimeoutError:
            return
        self._handed.wake.clear()
        await asyncio.sleep(self._linger_s())

    def _linger_s(self) -> float:
        """How long to wait for more where there was nothing before."""
        if self._partition == FACT_PARTITION:
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
        packed = pack(self._runtime.service.name, rows, mandatory=self._partition != FACT_PARTITION)
        envelopes = [item.envelope for item in packed]
        with self._runtime.publishing(envelopes):
            confirms = await self._runtime.bus.publish(envelopes)
        self._runtime.counts["envelopes"] += len(packed)
        events = sum(item.events for item in packed)
        self._runtime.counts["events"] += events
        # Where more rows wait than one look takes, a pause would only make the backlog last.
        self._busy = self._partition == FACT_PARTITION and events >= BUSY_EVENTS and len(rows) < READ_MAX
        return {place for item, ok in zip(packed, confirms, strict=True) if not ok for place in item.ids}

    async def _hold_lease(self) -> bool:
        """Take the lease, or renew it when it is due. A lost lease means another process serves the partition."""
        now = asyncio.get_running_loop().time()
        if self._epoch is not None and now < self._renew_at:
            return True
        async with self._runtime.pool.acquire() as connection:
            if self._epoch is None:
                self._epoch = await connection.fetchval(_TAKE, self._partition, self._runtime.owner, float(LEASE_S))
            else:
                self._epoch = await connection.fetchval(_RENEW, self._partition, self._epoch, float(LEASE_S))
        self._renew_at = now + RENEW_S
        return self._epoch is not None
