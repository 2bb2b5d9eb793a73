"""The two reviews: the operator's opinion or send-back, then the bureau's decision. Source: A11(5), R48."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends
from starlette.responses import Response

from services.catalog.api.bodies import DecisionBody, Flag, ProseText
from services.catalog.handlers import reviews
from services.catalog.handlers.loading import ProductResult
from services.catalog.handlers.reviews import DecideProduct, GiveOpinion, SendBack
from shared.contracts.permissions import Permission
from shared.runtime.auth import Principal
from shared.runtime.http import Body, VersionedRun, actor_of, require

router = APIRouter()

OperatorReviewer = Annotated[Principal, Depends(require(Permission.CATALOG_PRODUCT_OPERATOR_REVIEW))]
BureauReviewer = Annotated[Principal, Depends(require(Permission.CATALOG_PRODUCT_BUREAU_REVIEW))]


class OpinionBody(Body):
    """The operator's opinion."""

    favourable: Flag
    text: ProseText


@router.post("/products/{product_id}/opinion", response_model=ProductResult, summary="系统运营方审核意见")
async def give_opinion(run: VersionedRun, product_id: UUID, body: OpinionBody, principal: OperatorReviewer) -> Response:
    """Pass the operator's opinion on to the bureau."""
    command = GiveOpinion(
        product_id=product_id,
        expected_version=run.expected_version,
        favourable=body.favourable,
        text=body.text,
        by=actor_of(principal),
    )
    return await run.run(reviews.give_opinion, command)


class SendBackBody(Body):
    """Why the edition is returned."""

    text: ProseText


@router.post("/products/{product_id}/send-back", response_model=ProductResult, summary="系统运营方退回")
async def send_back(run: VersionedRun, product_id: UUID, body: SendBackBody, principal: OperatorReviewer) -> Response:
    """Return the edition to the provider."""
    command = SendBack(
        product_id=product_id, expected_version=run.expected_version, text=body.text, by=actor_of(principal)
    )
    return await run.run(reviews.send_back, command)


@router.post("/products/{product_id}/decision", response_model=ProductResult, summary="省大数据局审批")
async def decide_product(
    run: VersionedRun, product_id: UUID, body: DecisionBody, principal: BureauReviewer
) -> Response:
    """Approve and publish, or return the edition."""
    command = DecideProduct(
        product_id=product_id,
        expected_version=run.expected_version,
        approve=body.approve,
        reason=body.reason,
        by=actor_of(principal),
    )
    return await run.run(reviews.decide_product, command)
