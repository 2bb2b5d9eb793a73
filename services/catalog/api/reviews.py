"""The two reviews: the operator's opinion or send-back, then the bureau's decision. Source: A11(5), R48."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends
from starlette.responses import Response

from services.catalog import handlers
from services.catalog.api.bodies import DecisionBody, OpinionBody, SendBackBody
from shared.contracts.permissions import Permission
from shared.runtime.auth import Principal
from shared.runtime.http import VersionedRun, actor_of, require

router = APIRouter()

Operator = Annotated[Principal, Depends(require(Permission.CATALOG_PRODUCT_OPERATOR_REVIEW))]
Bureau = Annotated[Principal, Depends(require(Permission.CATALOG_PRODUCT_BUREAU_REVIEW))]


@router.post("/products/{product_id}/opinion", response_model=handlers.ProductResult, summary="系统运营方审核意见")
async def give_opinion(run: VersionedRun, product_id: UUID, body: OpinionBody, principal: Operator) -> Response:
    """Pass the operator's opinion on to the bureau."""
    command = handlers.GiveOpinion(
        product_id=product_id,
        expected_version=run.expected_version,
        favourable=body.favourable,
        text=body.text,
        by=actor_of(principal),
    )
    return await run.run(handlers.give_opinion, command)


@router.post("/products/{product_id}/send-back", response_model=handlers.ProductResult, summary="系统运营方退回")
async def send_back(run: VersionedRun, product_id: UUID, body: SendBackBody, principal: Operator) -> Response:
    """Return the edition to the provider."""
    command = handlers.SendBack(
        product_id=product_id, expected_version=run.expected_version, text=body.text, by=actor_of(principal)
    )
    return await run.run(handlers.send_back, command)


@router.post("/products/{product_id}/decision", response_model=handlers.ProductResult, summary="省大数据局审批")
async def decide_product(run: VersionedRun, product_id: UUID, body: DecisionBody, principal: Bureau) -> Response:
    """Approve and publish, or return the edition."""
    command = handlers.DecideProduct(
        product_id=product_id,
        expected_version=run.expected_version,
        approve=body.approve,
        reason=body.reason,
        by=actor_of(principal),
    )
    return await run.run(handlers.decide_product, command)
