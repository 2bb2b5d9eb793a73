"""Checks over everything a service wrote, which cost too much for a scrape.

One process runs them now and then, and a metric shows the age of the last result.
"""

import asyncio
import time
from collections.abc import Sequence

import structlog

from shared.runtime.schedule.scheduler import take_lease
from shared.runtime.service.gauges import Audit, GaugeValues
from shared.runtime.service.runtime import Runtime

log = structlog.get_logger()

SHARE_MAX = 50
"""After an audit that took a second nothing is audited for 50 seconds: watching may cost 2 % of a core, not more."""
FAULT_PAUSE_S = 30.0


class AuditRecord:
    """What this process's last audit found. A process that does not hold the lease has nothing to show."""

    def __init__(self) -> None:
        self.readings: Sequence[GaugeValues] = ()
        self.audited_s: float | None = None
        self.failures = 0

    @property
    def age_s(self) -> float | None:
        """Seconds since this process last audited, or began to try; None when another process audits."""
        return None if self.audited_s is None else time.monotonic() - self.audited_s

    def begin(self) -> None:
        """This process audits from now on."""
        if self.audited_s is None:
            self.audited_s = time.monotonic()

    def keep(self, readings: Sequence[GaugeValues]) -> None:
        """An audit ended."""
        self.readings, self.audited_s = readings, time.monotonic()

    def forget(self) -> None:
        """Another process audits from now on."""
        self.readings, self.audited_s = (), None


async def run_audit(runtime: Runtime, audit: Audit, record: AuditRecord) -> None:
    """Audit on schedule, in one process at a time, until cancelled."""
    while True:
        took_s = 0.0
        try:
            lease_s = max(audit.every_s * 2, 60.0)
            if await take_lease(runtime, f"audit:{audit.name}", seconds=lease_s) is None:
                record.forget()
            else:
                record.begin()
                began_s = time.monotonic()
                record.keep(await audit.read(runtime))
                took_s = time.monotonic() - began_s
        except Exception:
            # What the last audit found stays, and its age grows: that is the alarm.
            record.failures += 1
            log.exception("audit.failed", audit=audit.name)
            took_s = FAULT_PAUSE_S / SHARE_MAX
        await asyncio.sleep(max(audit.every_s, took_s * SHARE_MAX))
