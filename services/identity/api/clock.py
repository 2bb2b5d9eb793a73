"""The test clock: one call moves the business clocks of all services."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Request

from services.identity.handlers.clock import MoveClock, move_clock
from shared.contracts.permissions import Permission
from shared.runtime.auth import Principal
from shared.runtime.http import Body, ClockReading, actor_of, reading_of, require, runtime_of

router = APIRouter()


class ClockTarget(Body):
    """Where the business clock shall stand: a moment with an offset, or null for real time."""

    now: datetime | None


@router.put("/test-clock", summary="调整全平台业务时钟（仅演示、测试与沙箱）")
async def put_clock(
    request: Request,
    body: ClockTarget,
    principal: Annotated[Principal, Depends(require(Permission.PLATFORM_CLOCK_MOVE))],
) -> ClockReading:
    """Move the business clock of every service forward; the others follow within moments (GET /clock, GET /quiet)."""
    runtime = runtime_of(request)
    async with runtime.work() as work:
        await move_clock(work, MoveClock(target=body.now, by=actor_of(principal)))
    return reading_of(runtime.clock)
