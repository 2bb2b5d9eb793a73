"""Contract, payment, delivery, acceptance, complaint and evaluation over HTTP."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import Field
from starlette.responses import Response

from services.order.domain.records import RecordKind
from services.order.handlers import records
from shared.contracts.http.resources import Resource
from shared.contracts.permissions import Permission
from shared.kernel.money import MAX_FEN
from shared.runtime.auth import Principal
from shared.runtime.http import Body, Run, VersionedRun, actor_of, require, require_any

router = APIRouter(tags=["订单记录"])

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
OptionalText = Annotated[str, Field(max_length=2_000)]
RequiredText = Annotated[str, Field(min_length=1, max_length=2_000)]
Recorder = Annotated[Principal, Depends(require(Permission.ORDER_DELIVERY_RECORD))]
Accepter = Annotated[Principal, Depends(require(Permission.ORDER_DELIVERY_ACCEPT))]
Payer = Annotated[Principal, Depends(require(Permission.ORDER_ORDER_PLACE))]


class CorrectionBody(Body):
    """A former record of the same kind that this one takes the place of, and why; both stay to be read."""

    record_id: UUID
    reason: str = Field(min_length=1, max_length=500)


class Correctable(Body):
    """A record that may correct a former one."""

    corrects: CorrectionBody | None = None


class ContractBody(Correctable):
    """The signed service contract: its date and the SHA-256 of its file, which stays with the parties. Source: A19."""

    signed_on: date
    sha256: Sha256


class PaymentBody(Correctable):
    """A payment of the own part outside the platform, with the hash of its proof if there is one. Source: Q16."""

    paid_on: date
    amount_fen: int = Field(strict=True, ge=1, le=MAX_FEN)
    sha256: Sha256 | None = None
    text: OptionalText = ""


class DeliveryBody(Correctable):
    """A delivery by the provider. Source: A19, R71."""

    delivered_on: date
    text: OptionalText = ""


class AcceptanceBody(Correctable):
    """The enterprise accepts the delivery; evidence for reviewers, never a condition. Source: R71."""

    accepted_on: date
    text: OptionalText = ""


class ComplaintBody(Correctable):
    """A complaint, for example of lowered service. Source: A9, R4, R71."""

    text: RequiredText


class EvaluationBody(Correctable):
    """Scores of 1 to 5 on each axis of the pack. Source: R21."""

    scores: Annotated[dict[str, int], Field(min_length=1, max_length=20)]
    text: OptionalText = ""


class ReasonBody(Body):
    """Why a record is taken back."""

    reason: str = Field(min_length=1, max_length=500)


class RecordedAnswer(Resource):
    """What was recorded; `version` is the order's, `due_at` the end of the time for a complaint's first answer."""

    id: UUID
    order_id: UUID
    kind: str
    recorded_at: datetime
    due_at: datetime | None
    version: int


async def _record(
    run: VersionedRun, order_id: UUID, principal: Principal, kind: RecordKind, body: Correctable, **values: object
) -> Response:
    command = records.PutOnRecord(
        order_id=order_id,
        kind=kind,
        by=actor_of(principal),
        expected_version=run.expected_version,
        corrects=_correction(body),
        **values,  # type: ignore[arg-type] # the routes below name fields of the command
    )
    return await run.run(records.put_on_record, command, status=201)


def _correction(body: Correctable) -> records.Correction | None:
    return None if body.corrects is None else records.Correction(**body.corrects.model_dump())


@router.put(
    "/orders/{order_id}/documents/contract", status_code=201, response_model=RecordedAnswer, summary="登记服务合同"
)
async def put_contract(run: VersionedRun, order_id: UUID, body: ContractBody, principal: Recorder) -> Response:
    """The provider records the signed contract. Source: A19, R69."""
    return await _record(
        run, order_id, principal, RecordKind.CONTRACT, body, dated_on=body.signed_on, document_sha256=body.sha256
    )


@router.post("/orders/{order_id}/payments", status_code=201, response_model=RecordedAnswer, summary="登记自付款")
async def record_payment(run: VersionedRun, order_id: UUID, body: PaymentBody, principal: Payer) -> Response:
    """The enterprise records what it paid outside the platform. Source: A19, Q16, R75."""
    return await _record(
        run,
        order_id,
        principal,
        RecordKind.PAYMENT,
        body,
        dated_on=body.paid_on,
        amount_fen=body.amount_fen,
        document_sha256=body.sha256 or "",
        text=body.text,
    )


@router.post("/orders/{order_id}/deliveries", status_code=201, response_model=RecordedAnswer, summary="登记交付")
async def record_delivery(run: VersionedRun, order_id: UUID, body: DeliveryBody, principal: Recorder) -> Response:
    """The provider records a delivery. Source: A19, R71."""
    return await _record(
        run, order_id, principal, RecordKind.DELIVERY, body, dated_on=body.delivered_on, text=body.text
    )


@router.post("/orders/{order_id}/acceptance", status_code=201, response_model=RecordedAnswer, summary="验收")
async def accept_delivery(run: VersionedRun, order_id: UUID, body: AcceptanceBody, principal: Accepter) -> Response:
    """The enterprise accepts. Source: R71."""
    return await _record(
        run, order_id, principal, RecordKind.ACCEPTANCE, body, dated_on=body.accepted_on, text=body.text
    )


@router.post("/orders/{order_id}/complaints", status_code=201, response_model=RecordedAnswer, summary="投诉")
async def file_complaint(
    run: VersionedRun,
    order_id: UUID,
    body: ComplaintBody,
    principal: Annotated[Principal, Depends(require(Permission.ORDER_COMPLAINT_FILE))],
) -> Response:
    """The enterprise complains; the operator answers in the pack's time. Source: A9, R4, R71, Q24."""
    return await _record(run, order_id, principal, RecordKind.COMPLAINT, body, text=body.text)


@router.post("/complaints/{complaint_id}/answer", status_code=201, response_model=RecordedAnswer, summary="答复投诉")
async def answer_complaint(
    run: Run,
    complaint_id: UUID,
    body: ComplaintBody,
    principal: Annotated[Principal, Depends(require(Permission.ORDER_COMPLAINT_HANDLE))],
) -> Response:
    """The operator's first answer, or a correction of it. Source: A9, R4."""
    command = records.AnswerComplaint(
        complaint_id=complaint_id, text=body.text, by=actor_of(principal), corrects=_correction(body)
    )
    return await run.run(records.answer_complaint, command, status=201)


@router.post("/orders/{order_id}/evaluation", status_code=201, response_model=RecordedAnswer, summary="效果评价")
async def evaluate(
    run: VersionedRun,
    order_id: UUID,
    body: EvaluationBody,
    principal: Annotated[Principal, Depends(require(Permission.ORDER_EVALUATION_FILE))],
) -> Response:
    """The enterprise scores the effect on the scheme's axes. Source: R21."""
    return await _record(run, order_id, principal, RecordKind.EVALUATION, body, scores=body.scores, text=body.text)


@router.post("/records/{record_id}/withdraw", status_code=201, response_model=RecordedAnswer, summary="撤回记录")
async def withdraw_record(
    run: Run,
    record_id: UUID,
    body: ReasonBody,
    principal: Annotated[
        Principal, Depends(require_any(Permission.ORDER_DELIVERY_RECORD, Permission.ORDER_ORDER_PLACE))
    ],
) -> Response:
    """Who recorded something by mistake takes it back; it stays to be read, with the reason. Source: A19, R7."""
    command = records.WithdrawRecord(
        corrects=records.Correction(record_id=record_id, reason=body.reason), by=actor_of(principal)
    )
    return await run.run(records.withdraw_record, command, status=201)
