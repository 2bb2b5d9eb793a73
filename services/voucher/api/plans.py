"""Routes of plans."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import AwareDatetime, Field
from starlette.responses import Response

from services.voucher.api.bodies import ReasonBody, end_proposal
from services.voucher.handlers import plans as handlers
from services.voucher.handlers import proposals
from services.voucher.handlers.plans import IncreaseResult, PlanResult
from services.voucher.views import plans as views
from services.voucher.views.models import IncreaseView, PlanView
from shared.contracts.http.lists import LIMIT_DEFAULT, Page, decode_cursor
from shared.contracts.permissions import Permission
from shared.kernel.money import MAX_FEN, RATE_SCALE
from shared.runtime.auth import Principal
from shared.runtime.http import AskedPlace, Body, Cursor, Limit, Reading, Run, actor_of, require
from shared.runtime.work import HistoryItem

router = APIRouter(tags=["plans"])


class PlanBody(Body):
    """A plan to be drafted. Without `lane_share_bp` the policy pack's share holds."""

    year: int = Field(ge=2018, le=2100)
    total_fen: int = Field(strict=True, ge=1, le=MAX_FEN)
    lane_share_bp: int | None = Field(default=None, ge=0, le=RATE_SCALE)
    opens_at: AwareDatetime


class IncreaseBody(Body):
    """More money for a published plan."""

    amount_fen: int = Field(strict=True, ge=1, le=MAX_FEN)
    reason: str = Field(min_length=1, max_length=1_000)


def _location(result: PlanResult) -> str:
    return f"/api/voucher/v1/plans/{result.id}"


@router.get("/plans", summary="发放计划公示")
async def list_plans(connection: Reading, limit: Limit = LIMIT_DEFAULT, cursor: Cursor = None) -> Page[PlanView]:
    """Published plans; anyone may read them. Source: A15, R14."""
    return await views.list_public_plans(connection, limit=limit, after=decode_cursor(cursor))


@router.get("/plans/all", summary="全部发放计划（含草案）")
async def list_all_plans(
    connection: Reading,
    principal: Annotated[Principal, Depends(require(Permission.VOUCHER_LEDGER_READ))],
    limit: Limit = LIMIT_DEFAULT,
    cursor: Cursor = None,
) -> Page[PlanView]:
    """Plans in every state, for the bureau, the operator, finance and auditors."""
    del principal
    return await views.list_all_plans(connection, limit=limit, after=decode_cursor(cursor))


@router.get("/plans/{plan_id}", summary="查看发放计划")
async def read_plan(connection: Reading, plan_id: UUID) -> PlanView:
    """One published plan; anyone may read it."""
    return await views.read_public_plan(connection, plan_id)


@router.post("/plans", status_code=201, response_model=PlanResult, summary="起草发放计划")
async def draft_plan(
    run: Run, body: PlanBody, principal: Annotated[Principal, Depends(require(Permission.VOUCHER_PLAN_DRAFT))]
) -> Response:
    """The bureau drafts the plan of a year. Source: A15, R26."""
    command = handlers.DraftPlan(
        year=body.year,
        total_fen=body.total_fen,
        lane_share_bp=body.lane_share_bp,
        opens_at=body.opens_at,
        by=actor_of(principal),
    )
    return await run.run(handlers.draft_plan, command, status=201, location=_location)


@router.post("/plans/{plan_id}/approve", response_model=PlanResult, summary="审批发放计划")
async def approve_plan(
    run: Run, plan_id: UUID, principal: Annotated[Principal, Depends(require(Permission.VOUCHER_PLAN_APPROVE))]
) -> Response:
    """A second person of the bureau approves. Source: A15."""
    return await run.run(handlers.approve_plan, handlers.DecidePlan(plan_id=plan_id, by=actor_of(principal)))


@router.post("/plans/{plan_id}/refuse", response_model=PlanResult, summary="不予批准发放计划")
async def refuse_plan(
    run: Run,
    plan_id: UUID,
    body: ReasonBody,
    principal: Annotated[Principal, Depends(require(Permission.VOUCHER_PLAN_APPROVE))],
) -> Response:
    """A second person of the bureau does not approve the draft, and says why. Source: A15, R8."""
    return await run.run(proposals.end_plan, end_proposal(plan_id, principal, body, withdraw=False))


@router.post("/plans/{plan_id}/withdraw", response_model=PlanResult, summary="撤回发放计划")
async def withdraw_plan(
    run: Run,
    plan_id: UUID,
    body: ReasonBody,
    principal: Annotated[Principal, Depends(require(Permission.VOUCHER_PLAN_DRAFT))],
) -> Response:
    """Whoever drafted it takes it back before it is published. Source: A15."""
    return await run.run(proposals.end_plan, end_proposal(plan_id, principal, body, withdraw=True))


@router.get("/plans/{plan_id}/history", summary="发放计划全过程")
async def read_plan_history(
    connection: Reading,
    plan_id: UUID,
    principal: Annotated[Principal, Depends(require(Permission.VOUCHER_LEDGER_READ))],
    place: AskedPlace,
) -> Page[HistoryItem]:
    """Who decided what about a plan and its increases, for whoever may read plans in every state. Source: R7, R8."""
    return await views.read_plan_history(connection, plan_id, reader=principal, place=place)


@router.post("/plans/{plan_id}/publish", response_model=PlanResult, summary="发布发放计划")
async def publish_plan(
    run: Run, plan_id: UUID, principal: Annotated[Principal, Depends(require(Permission.VOUCHER_PLAN_PUBLISH))]
) -> Response:
    """The operator configures and publishes. Source: A15, R14."""
    return await run.run(handlers.publish_plan, handlers.DecidePlan(plan_id=plan_id, by=actor_of(principal)))


@router.get("/plans/{plan_id}/increases", summary="追加额度记录")
async def list_increases(
    connection: Reading,
    plan_id: UUID,
    principal: Annotated[Principal, Depends(require(Permission.VOUCHER_LEDGER_READ))],
) -> list[IncreaseView]:
    """Proposed and approved increases of a plan."""
    del principal
    return await views.list_increases(connection, plan_id)


@router.post("/plans/{plan_id}/increases", status_code=201, response_model=IncreaseResult, summary="提议追加额度")
async def draft_increase(
    run: Run,
    plan_id: UUID,
    body: IncreaseBody,
    principal: Annotated[Principal, Depends(require(Permission.VOUCHER_PLAN_DRAFT))],
) -> Response:
    """The bureau drafts an increase. Source: A15."""
    command = handlers.DraftIncrease(
        plan_id=plan_id, amount_fen=body.amount_fen, reason=body.reason, by=actor_of(principal)
    )
    return await run.run(handlers.draft_increase, command, status=201)


@router.post("/increases/{increase_id}/approve", response_model=IncreaseResult, summary="审批追加额度")
async def approve_increase(
    run: Run, increase_id: UUID, principal: Annotated[Principal, Depends(require(Permission.VOUCHER_PLAN_APPROVE))]
) -> Response:
    """A second person approves; the waiting list is served first. Source: Q3."""
    command = handlers.ApproveIncrease(increase_id=increase_id, by=actor_of(principal))
    return await run.run(handlers.approve_increase, command)


@router.post("/increases/{increase_id}/refuse", response_model=IncreaseResult, summary="不予批准追加额度")
async def refuse_increase(
    run: Run,
    increase_id: UUID,
    body: ReasonBody,
    principal: Annotated[Principal, Depends(require(Permission.VOUCHER_PLAN_APPROVE))],
) -> Response:
    """A second person does not approve the increase, and says why. Source: A15, R8."""
    return await run.run(proposals.end_increase, end_proposal(increase_id, principal, body, withdraw=False))


@router.post("/increases/{increase_id}/withdraw", response_model=IncreaseResult, summary="撤回追加额度提议")
async def withdraw_increase(
    run: Run,
    increase_id: UUID,
    body: ReasonBody,
    principal: Annotated[Principal, Depends(require(Permission.VOUCHER_PLAN_DRAFT))],
) -> Response:
    """Whoever proposed the increase takes it back. Source: A15."""
    return await run.run(proposals.end_increase, end_proposal(increase_id, principal, body, withdraw=True))
