"""Refunds over HTTP: asked by the enterprise, answered by the provider, decided by the operator after silence."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import Field
from starlette.responses import Response

from services.order.api.bodies import example
from services.order.domain.terms import LINES_MAX
from services.order.handlers import refunds
from shared.contracts.http.resources import Resource
from shared.contracts.permissions import Permission
from shared.runtime.auth import Principal
from shared.runtime.http import Body, VersionedRun, actor_of, require

router = APIRouter(tags=["退款"])


class AnsweredOrder(Resource):
    """An order after a command; `saga` is where its voucher stands. Amounts in fen."""

    id: UUID
    number: str
    state: str
    version: int
    saga: str
    year: int
    fee_fen: int
    voucher_fen: int
    own_fen: int
    confirm_due_at: datetime | None
    confirmed_at: datetime | None
    reason: str
    refusal_code: str
    refusal_article: str
    refusal_detail: str


class RefundBody(Body):
    """Which whole lines, and why."""

    model_config = example({"lines": [1], "reason": "业务调整，不再需要"})

    lines: list[Annotated[int, Field(ge=1, le=LINES_MAX)]] = Field(min_length=1, max_length=LINES_MAX)
    reason: str = Field(min_length=1, max_length=500)


class ConsentBody(Body):
    """A consent may carry a remark."""

    model_config = example({"reason": "同意退款"})

    reason: str = Field(default="", max_length=500)


class ReasonBody(Body):
    """A refusal says why."""

    model_config = example({"reason": "服务已全部交付"})

    reason: str = Field(min_length=1, max_length=500)


class DecisionBody(Body):
    """The operator's decision with its reason."""

    model_config = example({"consent": True, "reason": "经核实，服务未交付"})

    consent: bool
    reason: str = Field(min_length=1, max_length=500)


def _answer(
    run: VersionedRun, order_id: UUID, principal: Principal, *, consent: bool, reason: str
) -> refunds.AnswerRefund:
    return refunds.AnswerRefund(
        order_id=order_id, consent=consent, reason=reason, by=actor_of(principal), expected_version=run.expected_version
    )


@router.post("/orders/{order_id}/refund-requests", status_code=201, response_model=AnsweredOrder, summary="申请退款")
async def request_refund(
    run: VersionedRun,
    order_id: UUID,
    body: RefundBody,
    principal: Annotated[Principal, Depends(require(Permission.ORDER_REFUND_REQUEST))],
) -> Response:
    """After confirmation and before a claim. Source: A20, R73, Q12."""
    command = refunds.RequestRefund(
        order_id=order_id,
        lines=body.lines,
        reason=body.reason,
        by=actor_of(principal),
        expected_version=run.expected_version,
    )
    return await run.run(refunds.request_refund, command, status=201)


@router.post("/orders/{order_id}/refund/consent", response_model=AnsweredOrder, summary="同意退款")
async def consent(
    run: VersionedRun,
    order_id: UUID,
    body: ConsentBody,
    principal: Annotated[Principal, Depends(require(Permission.ORDER_REFUND_CONSENT))],
) -> Response:
    """The provider consents; the voucher returns by itself. Source: A20, R73."""
    return await run.run(refunds.answer_refund, _answer(run, order_id, principal, consent=True, reason=body.reason))


@router.post("/orders/{order_id}/refund/refuse", response_model=AnsweredOrder, summary="不同意退款")
async def refuse(
    run: VersionedRun,
    order_id: UUID,
    body: ReasonBody,
    principal: Annotated[Principal, Depends(require(Permission.ORDER_REFUND_REFUSE))],
) -> Response:
    """The provider refuses, with its reason. Source: A20."""
    return await run.run(refunds.answer_refund, _answer(run, order_id, principal, consent=False, reason=body.reason))


@router.post("/orders/{order_id}/refund/decide", response_model=AnsweredOrder, summary="裁决逾期退款")
async def decide(
    run: VersionedRun,
    order_id: UUID,
    body: DecisionBody,
    principal: Annotated[Principal, Depends(require(Permission.ORDER_ESCALATION_DECIDE))],
) -> Response:
    """The operator decides what the provider was silent on. Source: Q11."""
    command = _answer(run, order_id, principal, consent=body.consent, reason=body.reason)
    return await run.run(refunds.decide_refund, command)
