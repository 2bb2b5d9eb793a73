"""Two clocks. Business time is database time plus a persisted offset; machine time never moves.

Database time is read once in a while and carried on by the monotonic clock, so that a Work needs no statement to know
the time and a step of the host's wall clock cannot expire money.
"""

import time
from datetime import UTC, datetime, timedelta

from shared.kernel.refusals import Refusal, RefusalKind
from shared.runtime.db import Connection


class ClockNotMovable(Refusal):
    """This deployment runs on real time."""

    code = "clock.not_movable"
    kind = RefusalKind.FORBIDDEN
    zh = "本系统使用真实时间，不能调整业务时钟。"


class ClockBackwards(Refusal):
    """The business clock only moves forward."""

    code = "clock.backwards"
    kind = RefusalKind.STATE
    zh = "业务时钟只能向前调整，当前为{now_zh}。"


class BusinessClock:
    """The business clock of one service."""

    def __init__(self) -> None:
        self._base = datetime.now(UTC)
        self._base_s = time.monotonic()
        self.offset = timedelta()

    def machine_now(self) -> datetime:
        """Database time, carried on by the monotonic clock."""
        return self._base + timedelta(seconds=time.monotonic() - self._base_s)

    def now(self) -> datetime:
        """Business time, for every rule, due time and plan year."""
        return self.machine_now() + self.offset

    async def synchronise(self, connection: Connection) -> None:
        """Read database time and the persisted offset."""
        row = await connection.fetchrow(
            "SELECT clock_timestamp() AS base, COALESCE((SELECT offset_us FROM clock), 0) AS offset_us"
        )
        self._base, self._base_s = row["base"], time.monotonic()
        self.offset = timedelta(microseconds=row["offset_us"])

    async def move_to(self, connection: Connection, *, target: datetime) -> datetime:
        """Persist the offset that makes `target` the business time. Raises: ClockBackwards.

        The first setting chooses where the story begins and may lie in the past; from then on it only goes forward.
        """
        await self.synchronise(connection)
        if target < self.now() and await connection.fetchval("SELECT EXISTS (SELECT FROM clock)"):
            raise ClockBackwards(now=self.now().isoformat())
        offset = target - self.machine_now()
        await connection.execute(
            "INSERT INTO clock (offset_us) VALUES ($1) ON CONFLICT (one) DO UPDATE SET offset_us = $1",
            offset // timedelta(microseconds=1),
        )
        self.offset = offset
        return self.now()

    async def settle(self, connection: Connection) -> datetime:
        """Return to offset 0; allowed only when that is not backwards. Raises: ClockBackwards."""
        await self.synchronise(connection)
        if self.offset > timedelta():
            raise ClockBackwards(now=self.now().isoformat())
        await connection.execute("UPDATE clock SET offset_us = 0")
        self.offset = timedelta()
        return self.now()
