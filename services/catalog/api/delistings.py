"""Forced delisting of one product: correction order, proposal, statement, a second person. Source: A12(2), Q18."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends
from starlette.responses import Response

from services.catalog import handlers
from services.catalog.api.bodies import CorrectionBody, DecisionBody, DelistingBody, StatementBody, WithdrawBody
from shared.contracts.permissions import Permission
from shared.runtime.auth import Principal
from shared.runtime.http import Run, VersionedRun, actor_of, require

router = APIRouter()

Operator = Annotated[Principal, Depends(require(Permission.CATALOG_PRODUCT_OPERATOR_REVIEW))]
Approver = Annotated[Principal, Depends(require(Permission.CATALOG_PRODUCT_DELIST))]
Provider = Annotated[Principal, Depends(require(Permission.CATALOG_PRODUCT_DRAFT))]


def _location(result: handlers.CorrectionState | handlers.DelistingResult) -> str:
    return f"/api/catalog/v1/products/{result.product_id}"


@router.post(
    "/products/{product_id}/corrections",
    status_code=201,
    response_model=handlers.CorrectionState,
    summary="限期整改通知",
)
async def order_correction(run: Run, product_id: UUID, body: CorrectionBody, principal: Operator) -> Response:
    """Set the provider a time to correct; the last ground of A12 needs it first."""
    command = handlers.OrderCorrection(
        product_id=product_id, text=body.text, due_at=body.due_at, by=actor_of(principal)
    )
    return await run.run(handlers.order_correction, command, status=201, location=_location)


@router.post(
    "/products/{product_id}/delistings",
    status_code=201,
    response_model=handlers.DelistingResult,
    summary="提出下架",
)
async def propose_delisting(run: Run, product_id: UUID, body: DelistingBody, principal: Operator) -> Response:
    """Propose with ground and evidence; another person approves."""
    command = handlers.ProposeDelisting(
        product_id=product_id, ground=body.ground, evidence=body.evidence, by=actor_of(principal)
    )
    return await run.run(handlers.propose_delisting, command, status=201, location=_location)


@router.post("/delistings/{delisting_id}/statement", response_model=handlers.DelistingResult, summary="下架陈述意见")
async def answer_delisting(run: VersionedRun, delisting_id: UUID, body: StatementBody, principal: Provider) -> Response:
    """Be heard before the decision."""
    command = handlers.AnswerDelisting(
        delisting_id=delisting_id,
        statement=body.statement,
        by=actor_of(principal),
        expected_version=run.expected_version,
    )
    return await run.run(handlers.answer_delisting, command)


@router.post("/delistings/{delisting_id}/decision", response_model=handlers.DelistingResult, summary="审批下架")
async def decide_delisting(run: VersionedRun, delisting_id: UUID, body: DecisionBody, principal: Approver) -> Response:
    """Approve or refuse as a second person."""
    command = handlers.DecideDelisting(
        delisting_id=delisting_id,
        approve=body.approve,
        reason=body.reason,
        by=actor_of(principal),
        expected_version=run.expected_version,
    )
    return await run.run(handlers.decide_delisting, command)


@router.post("/delistings/{delisting_id}/withdraw", response_model=handlers.DelistingResult, summary="撤回下架提议")
async def withdraw_delisting(
    run: VersionedRun, delisting_id: UUID, body: WithdrawBody, principal: Operator
) -> Response:
    """Whoever proposed it takes it back, with a reason."""
    command = handlers.WithdrawDelisting(
        delisting_id=delisting_id,
        reason=body.reason,
        by=actor_of(principal),
        expected_version=run.expected_version,
    )
    return await run.run(handlers.withdraw_delisting, command)
