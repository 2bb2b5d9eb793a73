"""What the voucher service does by itself: the allocator's batches, a whole proof, and the end of the year."""

import asyncio
from collections.abc import Mapping

import structlog

from services.voucher.handlers.allocation import allocate_batch
from services.voucher.handlers.plans import DRAFT_TIMER, INCREASE_TIMER, YEAR_END_TIMER
from services.voucher.handlers.proposals import lapse_late_increases, lapse_late_plans, lapse_late_revocations
from services.voucher.handlers.revocations import REVOCATION_TIMER
from services.voucher.handlers.year_end import close_years
from services.voucher.proving import go_on_with_whole
from services.voucher.store import leases
from shared.runtime.service import Job, Runtime, TimerHandler
from shared.runtime.work import Work

log = structlog.get_logger()

ALLOCATOR_POLL_S = 0.2
BATCHES_AT_ONCE_MAX = 100
PROOF_POLL_S = 2.0


class AllocatorRunner:
    """Runs the allocator in this process: when it is woken, and on a schedule."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._task: asyncio.Task[None] | None = None
        self._woken = False

    def wake(self) -> None:
        """Look for work soon; call it after a commit that made some."""
        self._woken = True
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        try:
            for _ in range(BATCHES_AT_ONCE_MAX):
                self._woken = False
                async with self._runtime.work() as work:
                    done = await self.step(work)
                if done == 0 and not self._woken:
                    return
        except Exception as error:  # noqa: BLE001 - the schedule tries again in 200 ms
            log.warning("allocator.failed", error=type(error).__name__, reason=str(error)[:200])

    async def step(self, work: Work) -> int:
        """One batch of every plan that has work; returns how many numbers were used."""
        done = 0
        for plan_id in await leases.plans_with_work(work.connection, now=work.now):
            epoch = await leases.acquire_lease(work, plan_id, owner=self._runtime.owner)
            if epoch is not None:
                done += await allocate_batch(work, plan_id, epoch=epoch)
        return done


async def allocate(work: Work) -> int:
    """The scheduled look for work; one process at a time."""
    return await work.ports.get(AllocatorRunner).step(work)


# Intake wakes the allocator at once; this serves other processes' tickets and the end of the lane.
JOBS = (
    Job(name="voucher.allocate", every_s=ALLOCATOR_POLL_S, handler=allocate),
    # It is never run again at once: its lease would not be renewed before a whole proof has ended.
    Job(name="voucher.proof", every_s=PROOF_POLL_S, errand=go_on_with_whole, batch_max=1_000_000),
)
TIMERS: Mapping[str, TimerHandler] = {
    YEAR_END_TIMER: close_years,
    DRAFT_TIMER: lapse_late_plans,
    INCREASE_TIMER: lapse_late_increases,
    REVOCATION_TIMER: lapse_late_revocations,
}
