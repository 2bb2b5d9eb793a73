"""Two clocks. Business time is database time plus a persisted offset; machine time never moves.

Database time is read once in a while and carried on by the monotonic clock, so that a Work needs no statement to know
the time and a step of the host's wall clock cannot expire money.

Identity moves the business clock of the whole platform and says so by a fact, which the others follow (ADR 0016).
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from shared.kernel.refusals import Refusal, RefusalKind
from shared.runtime.database.sql import Connection


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


class ClockOutOfRange(Refusal):
    """The business clock stays within ten years of real time, where every date and every limit can be computed."""

    code = "clock.out_of_range"
    kind = RefusalKind.RULE
    zh = "业务时钟只能设在{first_zh}与{last_zh}之间。"


RANGE: Final = timedelta(days=3_653)
"""How far the business clock may be from real time, either way."""

# Forward only: of two moves that come in the wrong order the later one stands.
_FOLLOW = """
INSERT INTO clock (offset_us) VALUES ($1)
ON CONFLICT (one) DO UPDATE SET offset_us = GREATEST(clock.offset_us, $1) RETURNING offset_us
"""


class BusinessClock:
    """The business clock of one service.

    `movable` is true in a demonstration, test or sandbox; any other stays at the offset it has. `moved` is called when
    the offset changes.
    """

    def __init__(self, *, movable: bool = False, moved: Callable[[], object] = lambda: None) -> None:
        self._base = datetime.now(UTC)
        self._base_s = time.monotonic()
        self._moved = moved
        self.movable = movable
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
        self.take(_offset(row["offset_us"]))

    async def look(self, connection: Connection) -> None:
        """Read the persisted offset alone: another process of this service may have moved it."""
        before = self.offset
        offset = _offset(await connection.fetchval("SELECT COALESCE((SELECT offset_us FROM clock), 0)"))
        # What was taken meanwhile is newer than what was read.
        if self.offset == before:
            self.take(offset)

    def take(self, offset: timedelta) -> None:
        """Stand at a persisted offset from now on, and wake what waits for the time; call it only after the commit."""
        if offset != self.offset:
            self.offset = offset
            self._moved()

    async def move_to(self, connection: Connection, *, target: datetime | None) -> timedelta:
        """Persist and return the offset that makes `target` the business time, or real time when it is None.

        The first setting chooses where the story begins and may lie in the past; from then on it only goes forward.
        Everything is checked before anything is stored, and nothing is taken before the commit (`take`).
        Raises: ClockNotMovable, ClockOutOfRange, ClockBackwards.
        """
        if not self.movable:
            raise ClockNotMovable
        await self.synchronise(connection)
        machine = self.machine_now()
        target = target or machine
        first, last = machine - RANGE, machine + RANGE
        if not first <= target <= last:
            raise ClockOutOfRange(first=_told(first), last=_told(last))
        backwards = target - machine < self.offset
        if backwards and await connection.fetchval("SELECT EXISTS (SELECT FROM clock)"):
            raise ClockBackwards(now=_told(self.now()))
        return await self.follow(connection, offset=target - machine)

    async def follow(self, connection: Connection, *, offset: timedelta) -> timedelta:
        """Persist an offset unless this clock is ahead of it already; returns what stands."""
        return _offset(await connection.fetchval(_FOLLOW, offset // timedelta(microseconds=1)))


def _offset(microseconds: int) -> timedelta:
    return timedelta(microseconds=microseconds)


def _told(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")
