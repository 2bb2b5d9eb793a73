"""Timers and jobs: due rows claimed with SKIP LOCKED in business time, jobs under a lease in machine time."""

import asyncio
import time
from collections.abc import Mapping
from uuid import UUID

import structlog

from shared.kernel.refusals import bug
from shared.runtime.service.runtime import Runtime
from shared.runtime.service.service import Job, TimerHandler

log = structlog.get_logger()

TIMER_BATCH_MAX = 100
TIMER_POLL_S = 0.5
JOB_LEASE_S = 30.0
JOB_RENEW_S = 10.0
FAULT_PAUSE_S = 1.0

_ANY_DUE = "SELECT EXISTS (SELECT FROM timer WHERE due_at <= $1)"
_CLAIM = """
DELETE FROM timer WHERE (kind, key) IN (
    SELECT kind, key FROM timer WHERE due_at <= $1 ORDER BY due_at, key LIMIT $2 FOR UPDATE SKIP LOCKED
) RETURNING kind, key, due_at
"""
_LEASE = """
INSERT INTO lease AS l (name, owner, epoch, until)
VALUES ($1, $2, 1, clock_timestamp() + make_interval(secs => $3))
ON CONFLICT (name) DO UPDATE SET owner = $2, epoch = l.epoch + (l.owner <> $2)::int,
    until = clock_timestamp() + make_interval(secs => $3)
WHERE l.owner = $2 OR l.until < clock_timestamp()
RETURNING epoch
"""


async def fire_timers(runtime: Runtime, handlers: Mapping[str, TimerHandler]) -> int:
    """Fire one batch of due timers in one transaction; firing re-checks the state. Returns how many fired.

    Nearly every look finds none due, so it is a look before it is a transaction.
    """
    async with runtime.reading() as connection:
        if not await connection.fetchval(_ANY_DUE, runtime.clock.now()):
            return 0
    async with runtime.work() as work:
        rows = await work.connection.fetch(_CLAIM, work.now, TIMER_BATCH_MAX)
        due: dict[str, list[UUID]] = {}
        for row in sorted(rows, key=lambda row: (row["due_at"], row["key"])):
            due.setdefault(row["kind"], []).append(row["key"])
        for kind, keys in due.items():
            handler = handlers.get(kind) or bug(f"no handler for timer {kind}")
            await handler(work, keys)
    return len(rows)


async def run_timers(runtime: Runtime) -> None:
    """Fire timers as they fall due, until cancelled."""
    while True:
        try:
            fired = await fire_timers(runtime, runtime.service.timers)
        except Exception:
            log.exception("timers.failed")
            fired = 0
            await asyncio.sleep(FAULT_PAUSE_S)
        if fired < TIMER_BATCH_MAX:
            await wait_for_change(runtime, seconds=TIMER_POLL_S)


async def wait_for_change(runtime: Runtime, *, seconds: float) -> None:
    """Wait, at most `seconds`, for the business clock to be moved."""
    try:
        async with asyncio.timeout(seconds):
            await runtime.timers_changed.wait()
    except TimeoutError:
        return
    # Every loop that waits sees the change before it is cleared.
    await asyncio.sleep(0)
    runtime.timers_changed.clear()


async def take_lease(runtime: Runtime, name: str, *, seconds: float) -> int | None:
    """The epoch of a lease held for `seconds`, or None while another process holds it."""
    async with runtime.pool.acquire() as connection:
        epoch: int | None = await connection.fetchval(_LEASE, name, runtime.owner, seconds)
        return epoch


async def run_job(runtime: Runtime, job: Job) -> int:
    """Run a job until it has nothing more to do now; returns how much it did."""
    done = 0
    while True:
        count = await _once(runtime, job)
        done += count
        if count < job.batch_max:
            return done


async def _once(runtime: Runtime, job: Job) -> int:
    if job.handler is not None:
        async with runtime.work() as work:
            return await job.handler(work)
    errand = job.errand or bug("a job is a handler or an errand")
    return await errand(runtime)


async def run_jobs(runtime: Runtime, job: Job) -> None:
    """Run one job on its schedule in one process at a time, until cancelled.

    The lease is renewed long before it ends, but not for every run of a job that runs many times in its length.
    """
    record = runtime.jobs[job.name]
    renew_at = 0.0
    while True:
        try:
            now = asyncio.get_running_loop().time()
            if now >= renew_at:
                lease_s = max(JOB_LEASE_S, job.every_s * 2)
                epoch = await take_lease(runtime, f"job:{job.name}", seconds=lease_s)
                renew_at = 0.0 if epoch is None else now + JOB_RENEW_S
            if renew_at:
                await run_job(runtime, job)
                record.succeeded_at_s = time.time()
        except Exception:
            record.failures += 1
            renew_at = 0.0
            log.exception("job.failed", job=job.name)
            await asyncio.sleep(FAULT_PAUSE_S)
        await asyncio.sleep(job.every_s)
