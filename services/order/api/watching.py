"""What waits for the caller, and the sagas as staff watch them."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request

from services.order import views
from services.order.domain.saga import SagaKind, SagaState
from shared.contracts.http.lists import LIMIT_DEFAULT, Page, Task, decode_cursor
from shared.contracts.permissions import Permission
from shared.runtime.auth import Principal
from shared.runtime.http import Cursor, Limit, Reading, require, runtime_of

router = APIRouter(tags=["待办与监看"])


@router.get("/tasks", summary="我的待办")
async def list_tasks(
    request: Request,
    connection: Reading,
    principal: Annotated[Principal, Depends(require(Permission.PLATFORM_TASK_READ))],
    limit: Limit = LIMIT_DEFAULT,
    cursor: Cursor = None,
) -> Page[Task]:
    """Confirmations, refunds, acceptances, escalations and complaints that wait for the caller."""
    now = runtime_of(request).clock.now()
    return await views.list_tasks(connection, principal, now=now, limit=limit, after=decode_cursor(cursor))


@router.get("/sagas", summary="流程监看")
async def list_sagas(  # noqa: PLR0913 - one parameter a filter
    connection: Reading,
    principal: Annotated[Principal, Depends(require(Permission.ORDER_ORDER_READ_ALL))],
    state: SagaState | None = None,
    kind: SagaKind | None = None,
    *,
    stuck: bool = False,
    limit: Limit = LIMIT_DEFAULT,
    cursor: Cursor = None,
) -> Page[views.SagaItem]:
    """Sagas, newest first; `stuck` shows those with nothing moved for 15 minutes."""
    del principal
    wanted = views.SagaFilter(state=state, kind=kind, stuck=stuck)
    return await views.list_sagas(connection, wanted=wanted, limit=limit, after=decode_cursor(cursor))
