"""What the voucher service does by itself: the allocator's regular look, and the end of the year."""

from collections.abc import Mapping

from services.voucher.allocator import allocate
from services.voucher.handlers.plans import YEAR_END_TIMER
from services.voucher.handlers.year_end import close_years
from shared.runtime.service import Job, TimerHandler

ALLOCATOR_POLL_S = 0.2

# Intake wakes the allocator at once; this serves other processes' tickets and the end of the lane.
JOBS = (Job(name="voucher.allocate", every_s=ALLOCATOR_POLL_S, handler=allocate),)
TIMERS: Mapping[str, TimerHandler] = {YEAR_END_TIMER: close_years}
