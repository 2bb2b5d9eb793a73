"""Claims: draft, submit, withdraw, read; what can be claimed; windows and tasks."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from pydantic import Field
from starlette.responses import Response

from services.settlement.api.reads import record_read
from services.settlement.api.scopes import Reader, ScopedReader
from services.settlement.domain.states import ClaimState
from services.settlement.handlers import claims
from services.settlement.handlers.progress import ClaimResult
from services.settlement.views import claims as views
from services.settlement.views import questions, tasks
from services.settlement.views.persons import read_acts
from shared.contracts.http.lists import LIMIT_DEFAULT, Page, Task, decode_cursor
from shared.contracts.permissions import Permission
from shared.contracts.policy import PolicyPack
from shared.kernel.calendar import day_closes_at
from shared.runtime.auth import Principal
from shared.runtime.http import (
    Body,
    Cursor,
    Day,
    Distinct,
    Limit,
    Reading,
    Run,
    VersionedRun,
    actor_of,
    reading_for_caller,
    require,
    runtime_of,
)
from shared.runtime.sql import Connection

router = APIRouter(tags=["兑现申请"])

ORDERS_MAX = 200
COMING_WINDOWS = 4

Filer = Annotated[Principal, Depends(require(Permission.SETTLEMENT_CLAIM_FILE))]
Withdrawer = Annotated[Principal, Depends(require(Permission.SETTLEMENT_CLAIM_WITHDRAW))]
TaskReader = Annotated[Principal, Depends(require(Permission.PLATFORM_TASK_READ))]


class DraftBody(Body):
    """The orders to be claimed."""

    order_ids: Annotated[list[UUID], Field(min_length=1, max_length=ORDERS_MAX), Distinct]


class SubmitBody(Body):
    """The version of the truth declaration that is signed off."""

    declaration_version: Annotated[str, Field(min_length=1, max_length=32)]


class WithdrawBody(Body):
    """Why, and which orders; without the field, the whole claim.

    An empty list is refused: whoever chose nothing did not mean everything.
    """

    reason: Annotated[str, Field(min_length=1, max_length=1_000)]
    order_ids: Annotated[list[UUID], Field(default_factory=list, min_length=1, max_length=ORDERS_MAX), Distinct]


def _location(result: ClaimResult) -> str:
    return f"/api/settlement/v1/claims/{result.id}"


@router.post("/claims", status_code=201, response_model=ClaimResult, summary="起草兑现申请")
async def draft(run: Run, body: DraftBody, principal: Filer) -> Response:
    """Open a draft for orders of the caller that can be claimed."""
    command = claims.DraftClaim(order_ids=body.order_ids, by=actor_of(principal))
    return await run.run(claims.draft_claim, command, status=201, location=_location)


@router.post("/claims/{claim_id}/submit", status_code=202, response_model=ClaimResult, summary="提交兑现申请")
async def submit(run: VersionedRun, claim_id: UUID, body: SubmitBody, principal: Filer) -> Response:
    """File a draft; the claim itself tells the result of each order later."""
    command = claims.SubmitClaim(
        claim_id=claim_id,
        declaration_version=body.declaration_version,
        by=actor_of(principal),
        expected_version=run.expected_version,
    )
    return await run.run(claims.submit_claim, command, status=202, location=_location)


@router.post("/claims/{claim_id}/withdraw", response_model=ClaimResult, summary="撤回兑现申请")
async def withdraw(run: VersionedRun, claim_id: UUID, body: WithdrawBody, principal: Withdrawer) -> Response:
    """Take back a claim or some of its orders, before the appropriation is approved."""
    command = claims.WithdrawClaim(
        claim_id=claim_id,
        order_ids=body.order_ids,
        reason=body.reason,
        by=actor_of(principal),
        expected_version=run.expected_version,
    )
    return await run.run(claims.withdraw_claim, command)


@router.get("/claims", summary="兑现申请列表")
async def list_claims(  # noqa: PLR0913 - the filters of a list
    *,
    request: Request,
    connection: Reading,
    reader: ScopedReader,
    limit: Limit = LIMIT_DEFAULT,
    cursor: Cursor = None,
    state: ClaimState | None = None,
    provider_id: UUID | None = None,
    window_closes_on: Day | None = None,
) -> Page[views.ClaimCard]:
    """Claims the caller may see, newest first."""
    return await views.list_claims(
        connection,
        provider_id=reader.provider_id,
        state=None if state is None else state.value,
        of_provider=provider_id,
        window_closes_at=None if window_closes_on is None else day_closes_at(window_closes_on),
        after=decode_cursor(cursor),
        limit=limit,
        now=runtime_of(request).clock.now(),
    )


@router.get("/claims/{claim_id}", summary="兑现申请及各订单结果")
async def read_claim(request: Request, claim_id: UUID, reader: ScopedReader, response: Response) -> views.ClaimDetail:
    """One claim with the result of every order; that somebody else than its provider reads it is recorded."""
    runtime = runtime_of(request)
    async with reading_for_caller(request) as connection:
        detail = await views.read_claim(connection, claim_id, provider_id=reader.provider_id, now=runtime.clock.now())
        if reader.provider_id is None:
            detail = await _with_acts(connection, detail if reader.sees_deciders else detail.without_persons(), reader)
    if reader.provider_id is None:
        async with runtime.work() as work:
            await record_read(work, reader, what="claim", claim_id=claim_id)
    response.headers["ETag"] = f'"{detail.version}"'
    return detail


async def _with_acts(connection: Connection, found: views.ClaimDetail, reader: Reader) -> views.ClaimDetail:
    if not reader.sees_persons:
        return found
    orders = {item.order_id for item in found.results}
    acts = await read_acts(connection, claim_ids=[found.id], order_ids=orders)
    return found.model_copy(update={"acts": acts})


@router.get("/claimable-orders", summary="可申请兑现的订单")
async def list_claimable(
    connection: Reading,
    principal: Filer,
    limit: Limit = LIMIT_DEFAULT,
    cursor: Cursor = None,
    year: Annotated[int | None, Query(ge=2018, le=2100)] = None,
) -> Page[views.ClaimableOrder]:
    """Orders of the caller that can be claimed now, newest first."""
    provider_id = claims.provider_of(actor_of(principal))
    return await views.list_claimable(
        connection, provider_id=provider_id, year=year, after=decode_cursor(cursor), limit=limit
    )


@router.get("/windows", summary="兑现节点")
async def list_windows(request: Request, connection: Reading, reader: ScopedReader) -> list[questions.WindowCard]:
    """The coming windows and those that have claims, latest first."""
    runtime = runtime_of(request)
    now, pack = runtime.clock.now(), runtime.ports.get(PolicyPack)
    coming = [pack.claim_window_closes_at(now)]
    while len(coming) < COMING_WINDOWS:
        # The close of a window is the first moment of the next one.
        coming.append(pack.claim_window_closes_at(coming[-1]))
    return await questions.list_windows(connection, provider_id=reader.provider_id, coming=coming, now=now)


@router.get("/tasks", summary="待办事项")
async def list_tasks(
    request: Request,
    connection: Reading,
    principal: TaskReader,
    limit: Limit = LIMIT_DEFAULT,
    cursor: Cursor = None,
) -> Page[Task]:
    """What waits for the caller here."""
    now = runtime_of(request).clock.now()
    return await tasks.list_tasks(connection, principal, now=now, after=decode_cursor(cursor), limit=limit)
