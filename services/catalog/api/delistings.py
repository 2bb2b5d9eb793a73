"""Forced delisting of one product: correction order, proposal, statement, a second person. Source: A12(2), Q18."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import AwareDatetime
from starlette.responses import Response

from services.catalog.api.bodies import CodeText, DecisionBody, ProseText, WithdrawBody
from services.catalog.handlers import delistings
from services.catalog.handlers.delistings import (
    AnswerDelisting,
    CorrectionResult,
    DecideDelisting,
    DelistingResult,
    OrderCorrection,
    ProposeDelisting,
    WithdrawDelisting,
)
from shared.contracts.permissions import Permission
from shared.runtime.auth import Principal
from shared.runtime.http import Body, Run, VersionedRun, actor_of, require

router = APIRouter()

Delister = Annotated[Principal, Depends(require(Permission.CATALOG_PRODUCT_OPERATOR_REVIEW))]
Approver = Annotated[Principal, Depends(require(Permission.CATALOG_PRODUCT_DELIST))]
HeardProvider = Annotated[Principal, Depends(require(Permission.CATALOG_PRODUCT_DRAFT))]


def _location(result: CorrectionResult | DelistingResult) -> str:
    return f"/api/catalog/v1/products/{result.product_id}"


class CorrectionBody(Body):
    """What is to be corrected, and until when."""

    text: ProseText
    due_at: AwareDatetime


@router.post(
    "/products/{product_id}/corrections",
    status_code=201,
    response_model=CorrectionResult,
    summary="限期整改通知",
)
async def order_correction(run: Run, product_id: UUID, body: CorrectionBody, principal: Delister) -> Response:
    """Set the provider a time to correct; the last ground of A12 needs it first."""
    command = OrderCorrection(product_id=product_id, text=body.text, due_at=body.due_at, by=actor_of(principal))
    return await run.run(delistings.order_correction, command, status=201, location=_location)


class DelistingBody(Body):
    """The ground by its code in the pack, and the evidence."""

    ground: CodeText
    evidence: ProseText


@router.post(
    "/products/{product_id}/delistings",
    status_code=201,
    response_model=DelistingResult,
    summary="提出下架",
)
async def propose_delisting(run: Run, product_id: UUID, body: DelistingBody, principal: Delister) -> Response:
    """Propose with ground and evidence; another person approves."""
    command = ProposeDelisting(
        product_id=product_id, ground=body.ground, evidence=body.evidence, by=actor_of(principal)
    )
    return await run.run(delistings.propose_delisting, command, status=201, location=_location)


class StatementBody(Body):
    """The provider's own words."""

    statement: ProseText


@router.post("/delistings/{delisting_id}/statement", response_model=DelistingResult, summary="下架陈述意见")
async def answer_delisting(
    run: VersionedRun, delisting_id: UUID, body: StatementBody, principal: HeardProvider
) -> Response:
    """Be heard before the decision."""
    command = AnswerDelisting(
        delisting_id=delisting_id,
        statement=body.statement,
        by=actor_of(principal),
        expected_version=run.expected_version,
    )
    return await run.run(delistings.answer_delisting, command)


@router.post("/delistings/{delisting_id}/decision", response_model=DelistingResult, summary="审批下架")
async def decide_delisting(run: VersionedRun, delisting_id: UUID, body: DecisionBody, principal: Approver) -> Response:
    """Approve or refuse as a second person."""
    command = DecideDelisting(
        delisting_id=delisting_id,
        approve=body.approve,
        reason=body.reason,
        by=actor_of(principal),
        expected_version=run.expected_version,
    )
    return await run.run(delistings.decide_delisting, command)


@router.post("/delistings/{delisting_id}/withdraw", response_model=DelistingResult, summary="撤回下架提议")
async def withdraw_delisting(
    run: VersionedRun, delisting_id: UUID, body: WithdrawBody, principal: Delister
) -> Response:
    """Whoever proposed it takes it back, with a reason."""
    command = WithdrawDelisting(
        delisting_id=delisting_id,
        reason=body.reason,
        by=actor_of(principal),
        expected_version=run.expected_version,
    )
    return await run.run(delistings.withdraw_delisting, command)
