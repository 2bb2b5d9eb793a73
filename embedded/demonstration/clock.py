"""Moves the business clocks of all services together, and waits until what fell due is done."""

import asyncio
import time
from datetime import UTC, datetime

from embedded.demonstration.client import Act, Api, StoryFailed, together

SERVICES = ("identity", "catalog", "voucher", "order", "settlement")
QUIET_S = 60.0
QUIET_POLL_S = 0.02
QUIET_TIMES = 2


class Clock:
    """The business time of the story: it starts wherever the story says and then only moves forward.

    `today` is when the story was begun, beyond which it does not go.
    """

    def __init__(self, api: Api, *, today: datetime) -> None:
        self._api = api
        self.today = today
        self.now: datetime | None = None

    async def move_to(self, target: datetime) -> None:
        """Bring every service to `target`, at the latest to `today`, and let everything due happen.

        A service that is past the target already, because the story was told that far before, stays where it is.
        """
        target = min(target, self.today)
        await together(*(self._move(service, target) for service in SERVICES))
        self.now = target
        await self.settle()

    async def end(self) -> None:
        """Bring every service to real time."""
        for service in SERVICES:
            await self._put(service, None)
        self.now = datetime.now(UTC)
        await self.settle()

    async def _move(self, service: str, target: datetime) -> None:
        reading = await self._api.get(None, f"/api/{service}/v1/clock")
        # On real time the story has not begun here, and its first setting may go back; or it was told to its end.
        if reading["offset_s"] == 0 or datetime.fromisoformat(reading["now"]) < target:
            await self._put(service, target.isoformat())

    async def _put(self, service: str, now: str | None) -> None:
        act = Act(
            who=None,
            method="PUT",
            path=f"/api/{service}/v1/test-clock",
            body={"now": now},
            tolerated=frozenset({"clock.backwards"}),
        )
        await self._api.do(act)

    async def settle(self) -> None:
        """Wait until nothing is under way anywhere, seen twice. Raises: StoryFailed that names what was left."""
        deadline = time.monotonic() + QUIET_S
        times = 0
        while times < QUIET_TIMES:
            left = await self._under_way()
            times = 0 if left else times + 1
            if left and time.monotonic() > deadline:
                raise StoryFailed(f"waited {QUIET_S:.0f} s in vain for quiet: {', '.join(left)}")
            await asyncio.sleep(QUIET_POLL_S)

    async def _under_way(self) -> list[str]:
        readings = await together(*(self._api.get(None, f"/api/{service}/v1/quiet") for service in SERVICES))
        return [
            f"{service} {what} {count}"
            for service, reading in zip(SERVICES, readings, strict=True)
            for what, count in reading.items()
            if count
        ]
