"""The event feed over HTTP: what a provider's systems follow, from a cursor on."""

import asyncio
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request

from services.order.domain.events import EventType
from services.order.views import events as views
from services.order.webhooks.waiting import FeedWaiters
from shared.contracts.http.lists import LIMIT_DEFAULT
from shared.contracts.permissions import Permission
from shared.runtime.auth import Principal
from shared.runtime.http import Cursor, Limit, reading_for_caller, require, runtime_of, wait_preference

router = APIRouter(tags=["事件"])

EventReader = Annotated[Principal, Depends(require(Permission.ORDER_EVENT_READ))]


def _wanted(
    principal: EventReader,
    types: Annotated[list[EventType] | None, Query(alias="type", max_length=len(EventType))] = None,
    order_id: UUID | None = None,
) -> views.EventFilter:
    # Whoever has no organisation has no events.
    provider_id = principal.organisation_id or UUID(int=0)
    wanted_types = None if types is None else frozenset(types)
    return views.EventFilter(provider_id=provider_id, types=wanted_types, order_id=order_id)


@router.get("/events", response_model_exclude_none=True, summary="事件流")
async def list_events(
    request: Request,
    wanted: Annotated[views.EventFilter, Depends(_wanted)],
    wait_s: Annotated[float, Depends(wait_preference)],
    limit: Limit = LIMIT_DEFAULT,
    cursor: Cursor = None,
) -> views.EventPage:
    """The events of the own orders, oldest first, complete and without gaps; go on from `next_cursor`.

    With `Prefer: wait=N` an answer without events comes when there is one, at the latest after N seconds.
    """
    after = views.decode_seq(cursor)
    found = await _read(request, wanted, after, limit)
    loop = asyncio.get_running_loop()
    until_s = loop.time() + wait_s
    waiters = runtime_of(request).ports.get(FeedWaiters)
    while not found.events and (found.has_more or wait_s):
        left_s = until_s - loop.time()
        # Events of other types or orders came, or none: what was looked at once is not looked at again.
        if found.has_more and left_s <= 0:
            break
        if not found.has_more and not await waiters.wait(wanted.provider_id, after=found.after, timeout_s=left_s):
            break
        found = await _read(request, wanted, found.after, limit)
    return found.page()


async def _read(request: Request, wanted: views.EventFilter, after: int, limit: int) -> views.EventSlice:
    async with reading_for_caller(request) as connection:
        return await views.read_events(connection, wanted=wanted, after=after, limit=limit)
