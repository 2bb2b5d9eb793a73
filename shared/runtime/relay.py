"""The relay: sends what is in the outbox and deletes what is confirmed.

One holder of a lease serves one partition, reads in id order, packs up to 50 events of one routing key into an
envelope, publishes a window of envelopes with pipelined confirms, and deletes what is confirmed, fenced by the lease's
epoch. The owner is a stable name and bumps the epoch at its start, so a restarted process need not wait out its own old
lease. Rows are never skipped by `id > last`: an id is taken before its commit, and such a relay loses events.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from shared.contracts.messages.base import EVENT_SPECIFICATION
from shared.runtime.bus.base import ENVELOPE_BYTES_MAX, ENVELOPE_EVENTS_MAX, FACT_PARTITION, Envelope
from shared.runtime.db import is_transient
from shared.runtime.runtime import Runtime

log = structlog.get_logger()

READ_MAX = 500
LEASE_S = 10
RENEW_S = 3
POLL_S = 0.2
IDLE_POLL_S_MAX = 1.0
FACT_LINGER_S = 0.05
COMMAND_LINGER_S = 0.004
BACKOFF_S_MAX = 5.0

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
_READ = "SELECT id, routing_key, body FROM outbox WHERE partition = $1 ORDER BY id LIMIT $2"
# Deleting the confirmed and reading the next window is one statement and one commit. The read sees the table as it was
# before the delete, so it leaves out the deleted ids itself.
_DELETE_AND_READ = """
WITH mine AS (SELECT 1 FROM relay_partition WHERE partition = $1 AND epoch = $2),
gone AS (DELETE FROM outbox WHERE id = ANY($3::bigint[]) AND EXISTS (SELECT FROM mine))
SELECT id, routing_key, body FROM outbox
WHERE partition = $1 AND id <> ALL($3::bigint[]) AND EXISTS (SELECT FROM mine) ORDER BY id LIMIT $4
"""


@dataclass(frozen=True, slots=True)
class Packed:
    """An envelope and the outbox rows it carries."""

    envelope: Envelope
    ids: tuple[int, ...]
    events: int


def pack(producer: str, rows: Sequence[Any], *, mandatory: bool) -> list[Packed]:
    """Rows (id, routing_key, body) packed into envelopes; order within a routing key is kept."""
    open_rows: dict[str, list[Any]] = {}
    size_bytes: dict[str, int] = {}
    events: dict[str, int] = {}
    packed: list[Packed] = []

    def close(routing_key: str) -> None:
        taken = open_rows.pop(routing_key)
        del size_bytes[routing_key]
        count = events.pop(routing_key)
        body = b"[" + b",".join(row["body"] for row in taken) + b"]"
        envelope = Envelope(producer, routing_key, body, mandatory)
        packed.append(Packed(envelope, tuple(row["id"] for row in taken), count))

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
        self._epoch: int | None = None
        self._renew_at = 0.0
        self._poll_s = POLL_S
        self._linger_s = FACT_LINGER_S if partition == FACT_PARTITION else COMMAND_LINGER_S

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
                await asyncio.sleep(backoff_s)
                backoff_s = min(backoff_s * 2, BACKOFF_S_MAX)

    async def _serve(self) -> None:
        if not await self._hold_lease():
            await asyncio.sleep(RENEW_S)
            return
        rows = await self._fetch(_READ, self._partition, READ_MAX)
        if rows:
            self._poll_s = POLL_S
        while rows:
            confirmed = await self._publish(rows)
            if len(confirmed) < len(rows):
                await asyncio.sleep(POLL_S)
            if not await self._hold_lease():
                return
            rows = await self._fetch(_DELETE_AND_READ, self._partition, self._epoch, confirmed, READ_MAX)
            if rows and len(rows) < ENVELOPE_EVENTS_MAX and self._linger_s:
                await asyncio.sleep(self._linger_s)
        await self._idle()

    async def _idle(self) -> None:
        """Wait for a commit of this process, or look for rows of others: ever more seldom while there are none."""
        wake = self._runtime.wake[self._partition]
        try:
            async with asyncio.timeout(self._poll_s):
                await wake.wait()
        except TimeoutError:
            self._poll_s = max(POLL_S, min(self._poll_s * 2, IDLE_POLL_S_MAX))
            return
        wake.clear()
        if self._linger_s:
            await asyncio.sleep(self._linger_s)

    async def _fetch(self, sql: str, *arguments: object) -> list[Any]:
        async with self._runtime.pool.acquire() as connection:
            rows: list[Any] = await connection.fetch(sql, *arguments)
            return rows

    async def _publish(self, rows: Sequence[Any]) -> list[int]:
        packed = pack(self._runtime.service.name, rows, mandatory=self._partition != FACT_PARTITION)
        confirms = await self._runtime.bus.publish([item.envelope for item in packed])
        self._runtime.counts["envelopes"] += len(packed)
        self._runtime.counts["events"] += sum(item.events for item in packed)
        return [row_id for item, ok in zip(packed, confirms, strict=True) if ok for row_id in item.ids]

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
