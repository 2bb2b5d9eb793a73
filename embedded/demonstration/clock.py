"""Moves the business clock of all services with one call, and waits until what fell due is done."""

import asyncio
import time
from datetime import UTC, datetime

from embedded.components import service_names
from embedded.demonstration.client import Act, Api, Login, StoryFailed, together

SERVICES = service_names()
QUIET_S = 60.0
QUIET_POLL_S = 0.02
QUIET_TIMES = 2
# Where a service has several processes, only one of them hears of a move; the others look every 2 s. The first move
# goes back by years, and a process that has yet to look would find everything expired.
FOLLOWED_S = 3.0


class Clock:
    """The business time of the story: it starts wherever the story says and then only moves forward.

    `today` is when the story was begun, beyond which it does not go. `admin` may move the clock.
    """

    def __init__(self, api: Api, *, today: datetime, admin: Login) -> None:
        self._api = api
        self._admin = admin
        self.today = today
        self.now: datetime | None = None

    async def move_to(self, target: datetime) -> None:
        """Bring every service to `target`, at the latest to `today`, and let everything due happen.

        A platform that is past the target already, because the story was told that far before, stays where it is.
        """
        target = min(target, self.today)
        reading = await self._api.get(None, "/api/identity/v1/clock")
        # On real time the story has not begun, and its first setting may go back; or it was told to its end.
        if reading["offset_s"] == 0 or datetime.fromisoformat(reading["now"]) < target:
            await self._put(target.isoformat())
            if reading["offset_s"] == 0:
                await asyncio.sleep(FOLLOWED_S)
        self.now = target
        await self.settle()

    async def end(self) -> None:
        """Bring every service to real time."""
        await self._put(None)
        self.now = datetime.now(UTC)
        await self.settle()

    async def _put(self, now: str | None) -> None:
        act = Act(
            who=self._admin,
            method="PUT",
            path="/api/identity/v1/test-clock",
            body={"now": now},
            tolerated=frozenset({"clock.backwards"}),
        )
        await self._api.do(act)
        await self._api.wait_for("the clocks of all services", self._together)

    async def _together(self) -> bool:
        """Whether the other services have followed."""
        readings = await together(*(self._api.get(None, f"/api/{service}/v1/clock") for service in SERVICES))
        offsets_s = [reading["offset_s"] for reading in readings]
        return all(offset_s >= offsets_s[0] for offset_s in offsets_s)

    async def settle(self) -> None:
        """Wait until nothing is under way anywhere, seen twice. Raises: StoryFailed that names what was left."""
        await settle(self._api)


async def settle(api: Api) -> None:
    """Wait until nothing is under way in any service, seen twice. Raises: StoryFailed that names what was left."""
    deadline = time.monotonic() + QUIET_S
    times = 0
    while times < QUIET_TIMES:
        left = await _under_way(api)
        times = 0 if left else times + 1
        if left and time.monotonic() > deadline:
            raise StoryFailed(f"waited {QUIET_S:.0f} s in vain for quiet: {', '.join(left)}")
        await asyncio.sleep(QUIET_POLL_S)


async def _under_way(api: Api) -> list[str]:
    readings = await together(*(api.get(None, f"/api/{service}/v1/quiet") for service in SERVICES))
    return [
        f"{service} {what} {count}"
        for service, reading in zip(SERVICES, readings, strict=True)
        for what, count in reading.items()
        if count
    ]
