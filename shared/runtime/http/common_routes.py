"""What every service offers beside its own routes: clock, quiet, notices."""

from datetime import datetime
from functools import cache
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel

from shared.contracts.http.lists import LIMIT_DEFAULT, NoticeItem, Page, decode_cursor, page_of
from shared.contracts.permissions import Permission
from shared.runtime.auth.tokens import Principal
from shared.runtime.http.commands import Reading
from shared.runtime.http.edge import require, runtime_of
from shared.runtime.http.paging import Cursor, Limit
from shared.runtime.unit_of_work.clock import BusinessClock

router = APIRouter(tags=["运行"])

_QUIET = """
SELECT (SELECT count(*) FROM (SELECT 1 FROM outbox UNION ALL SELECT 1 FROM resend LIMIT 1000) o) AS outbox,
       (SELECT count(*) FROM (SELECT 1 FROM timer WHERE due_at <= $1 LIMIT 1000) t) AS timers_due,
       (SELECT count(*) FROM (SELECT 1 FROM retry LIMIT 1000) r) AS retry,
       (SELECT count(*) FROM (SELECT 1 FROM parked LIMIT 1000) p) AS parked,
       (SELECT count(*) FROM (SELECT 1 FROM dead_letter WHERE replayed_at IS NULL LIMIT 1000) d) AS dead_letters
"""
_OF_ONE = """
(SELECT id, at, event, text, reason, article, subject_type, subject_id FROM notice
WHERE recipient = ${number} AND ($1::uuid IS NULL OR id < $1) ORDER BY id DESC LIMIT $2)
"""


@cache
def _notices(recipients: int) -> str:
    """The newest notices of so many recipients: a page of each, of which the newest are taken.

    No index has the notices of several recipients by their age. Each recipient is a parameter of its own, so that the
    planner knows which of them have thousands.
    """
    parts = " UNION ALL ".join(_OF_ONE.format(number=number) for number in range(3, 3 + recipients))
    return f"SELECT * FROM ({parts}) n ORDER BY id DESC LIMIT $2"  # noqa: S608 - texts of this module


class ClockReading(BaseModel):
    """Where the business clock stands."""

    now: datetime
    offset_s: float
    movable: bool


class Quiet(BaseModel):
    """What is still under way in this service, each counted up to 1000; all zero means nothing."""

    outbox: int
    timers_due: int
    retry: int
    parked: int
    dead_letters: int


@router.get("/clock", summary="业务时钟")
async def read_clock(request: Request) -> ClockReading:
    """The business time of this service."""
    return reading_of(runtime_of(request).clock)


def reading_of(clock: BusinessClock) -> ClockReading:
    """Where a clock stands now."""
    return ClockReading(now=clock.now(), offset_s=clock.offset.total_seconds(), movable=clock.movable)


@router.get("/quiet", summary="尚在处理中的工作")
async def read_quiet(request: Request, connection: Reading) -> Quiet:
    """How much is still under way here: outbox rows, timers due, retries, parked facts, dead letters."""
    return Quiet(**dict(await connection.fetchrow(_QUIET, runtime_of(request).clock.now())))


def recipients(principal: Principal) -> list[str]:
    """The recipient texts under which a principal finds its notices."""
    found = [f"account:{principal.account_id}", *(f"role:{role.value}" for role in principal.roles)]
    if principal.organisation_id is not None:
        found.append(f"org:{principal.organisation_id}")
    return found


@router.get("/notices", summary="我的通知")
async def list_notices(
    connection: Reading,
    principal: Annotated[Principal, Depends(require(Permission.PLATFORM_NOTICE_READ))],
    limit: Limit = LIMIT_DEFAULT,
    cursor: Cursor = None,
) -> Page[NoticeItem]:
    """Every decision about me, with its reason, newest first."""
    asked = recipients(principal)
    rows = await connection.fetch(_notices(len(asked)), decode_cursor(cursor), limit + 1, *asked)
    items = [NoticeItem(**dict(row)) for row in rows]
    return page_of(items, limit=limit, ids=[item.id for item in items])
