"""Requests for appropriation, their approval, the recorded payment and the export for finance."""

from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from pydantic import Field
from starlette.responses import Response

from services.settlement.api.reads import record_read
from services.settlement.api.scopes import Reader, ScopedReader
from services.settlement.domain.appropriations import ApprovedItem
from services.settlement.domain.states import AppropriationState
from services.settlement.handlers import appropriations, payments, returns
from services.settlement.handlers.requests import AppropriationResult
from services.settlement.views import appropriations as views
from services.settlement.views.persons import read_acts
from shared.contracts.http.lists import LIMIT_DEFAULT, Page, decode_cursor
from shared.contracts.permissions import Permission
from shared.kernel.money import MAX_FEN
from shared.kernel.spreadsheet import BYTE_ORDER_MARK
from shared.runtime.auth import Principal
from shared.runtime.http import Body, Cursor, Distinct, Limit, Reading, Run, VersionedRun, actor_of, require, runtime_of

router = APIRouter(tags=["资金拨付"])

CLAIMS_MAX = 50
ITEMS_MAX = 10_000

Requester = Annotated[Principal, Depends(require(Permission.SETTLEMENT_APPROPRIATION_REQUEST))]
Approver = Annotated[Principal, Depends(require(Permission.SETTLEMENT_APPROPRIATION_APPROVE))]
Payer = Annotated[Principal, Depends(require(Permission.SETTLEMENT_PAYMENT_RECORD))]
Exporter = Annotated[Principal, Depends(require(Permission.SETTLEMENT_EXPORT_MAKE))]


class RequestBody(Body):
    """The passed claims, and the version of the truth declaration that is signed off."""

    claim_ids: Annotated[list[UUID], Field(min_length=1, max_length=CLAIMS_MAX), Distinct]
    declaration_version: Annotated[str, Field(min_length=1, max_length=32)]


class ApprovedItemBody(Body):
    """The amount of one order in fen, 0 for an order that gets nothing; a reason when it is lower than claimed."""

    order_id: UUID
    approved_fen: Annotated[int, Field(strict=True, ge=0, le=MAX_FEN)]
    reason: Annotated[str, Field(max_length=1_000)] = ""


class ApproveBody(Body):
    """The amount of every order of the request."""

    items: Annotated[list[ApprovedItemBody], Field(min_length=1, max_length=ITEMS_MAX)]


class RefuseBody(Body):
    """Why nothing is appropriated."""

    reason: Annotated[str, Field(min_length=1, max_length=1_000)]


class ReturnBody(Body):
    """Why what was approved is taken back, and for which orders; without the field, all that may not be paid.

    An empty list is refused: whoever chose nothing did not mean everything.
    """

    reason: Annotated[str, Field(min_length=1, max_length=1_000)]
    order_ids: Annotated[list[UUID], Field(default_factory=list, min_length=1, max_length=ITEMS_MAX), Distinct]


class PaymentBody(Body):
    """What the fund's own system paid."""

    reference: Annotated[str, Field(min_length=1, max_length=64)]
    paid_on: date
    amount_fen: Annotated[int, Field(strict=True, ge=1, le=MAX_FEN)]


def _location(result: AppropriationResult) -> str:
    return f"/api/settlement/v1/appropriations/{result.id}"


@router.post("/appropriations", status_code=201, response_model=AppropriationResult, summary="集中提交资金拨付申请")
async def request(run: Run, body: RequestBody, principal: Requester) -> Response:
    """Ask for the money of all passed orders of several claims."""
    command = appropriations.RequestAppropriation(
        claim_ids=body.claim_ids, declaration_version=body.declaration_version, by=actor_of(principal)
    )
    return await run.run(appropriations.request_appropriation, command, status=201, location=_location)


@router.post("/appropriations/{appropriation_id}/approve", response_model=AppropriationResult, summary="核定拨付金额")
async def approve(run: VersionedRun, appropriation_id: UUID, body: ApproveBody, principal: Approver) -> Response:
    """Fix the amount of every order, at most what is claimed."""
    items = [
        ApprovedItem(order_id=item.order_id, approved_fen=item.approved_fen, reason=item.reason) for item in body.items
    ]
    command = appropriations.ApproveAppropriation(
        appropriation_id=appropriation_id,
        items=items,
        by=actor_of(principal),
        expected_version=run.expected_version,
    )
    return await run.run(appropriations.approve_appropriation, command)


@router.post("/appropriations/{appropriation_id}/refuse", response_model=AppropriationResult, summary="不予拨付")
async def refuse(run: VersionedRun, appropriation_id: UUID, body: RefuseBody, principal: Approver) -> Response:
    """Refuse a request as a whole, with the reason."""
    command = appropriations.RefuseAppropriation(
        appropriation_id=appropriation_id,
        reason=body.reason,
        by=actor_of(principal),
        expected_version=run.expected_version,
    )
    return await run.run(appropriations.refuse_appropriation, command)


@router.post("/appropriations/{appropriation_id}/return", response_model=AppropriationResult, summary="退回核定")
async def take_back(run: VersionedRun, appropriation_id: UUID, body: ReturnBody, principal: Approver) -> Response:
    """Take back what was approved for orders against which something stands; the others go on."""
    command = returns.ReturnApproved(
        appropriation_id=appropriation_id,
        order_ids=body.order_ids,
        reason=body.reason,
        by=actor_of(principal),
        expected_version=run.expected_version,
    )
    return await run.run(returns.return_approved, command)


@router.post("/appropriations/{appropriation_id}/payments", response_model=AppropriationResult, summary="登记拨付")
async def pay(run: VersionedRun, appropriation_id: UUID, body: PaymentBody, principal: Payer) -> Response:
    """Record the payment of an approved request."""
    command = payments.RecordPayment(
        appropriation_id=appropriation_id,
        reference=body.reference,
        paid_on=body.paid_on,
        amount_fen=body.amount_fen,
        by=actor_of(principal),
        expected_version=run.expected_version,
    )
    return await run.run(payments.record_payment, command, location=_location)


@router.get("/appropriations", summary="资金拨付申请列表")
async def list_appropriations(  # noqa: PLR0913 - the filters of a list
    *,
    request: Request,
    connection: Reading,
    reader: ScopedReader,
    limit: Limit = LIMIT_DEFAULT,
    cursor: Cursor = None,
    state: AppropriationState | None = None,
) -> Page[views.AppropriationCard]:
    """Requests the caller may see, newest first."""
    return await views.list_appropriations(
        connection,
        provider_id=reader.provider_id,
        state=None if state is None else state.value,
        after=decode_cursor(cursor),
        limit=limit,
        now=runtime_of(request).clock.now(),
    )


@router.get("/appropriations/{appropriation_id}", summary="资金拨付申请")
async def read_appropriation(
    *, request: Request, connection: Reading, appropriation_id: UUID, reader: ScopedReader, response: Response
) -> views.AppropriationCard:
    """One request with its orders."""
    now = runtime_of(request).clock.now()
    card = await views.read_appropriation(connection, appropriation_id, provider_id=reader.provider_id, now=now)
    if reader.sees_persons:
        claims, orders = {item.claim_id for item in card.items}, {item.order_id for item in card.items}
        acts = await read_acts(connection, claim_ids=claims, order_ids=orders)
        card = card.model_copy(update={"acts": acts})
    if not reader.sees_deciders:
        card = card.without_persons()
    response.headers["ETag"] = f'"{card.version}"'
    return card


@router.get(
    "/exports/payments",
    response_model=views.PaymentsExport,
    responses={200: {"content": {"text/csv": {"schema": {"type": "string"}}}}},
    summary="导出拨付清单",
)
async def export_payments(
    *,
    request: Request,
    exporter: Exporter,
    year: Annotated[int, Query(ge=2018, le=2100)],
    form: Annotated[Literal["json", "csv", "csv_bom"], Query(alias="format")] = "json",
) -> Response:
    """What was approved in a year, paid or not yet; `csv_bom` begins with a byte order mark for spreadsheets."""
    reader = Reader(exporter, None)
    async with runtime_of(request).work() as work:
        export = await views.read_payments(work.connection, year=year, now=work.now)
        await record_read(work, reader, what="export", kind=f"payments-{year}")
    if not reader.sees_persons:
        export = export.without_acts()
    if form == "json":
        return Response(export.model_dump_json(), media_type="application/json")
    mark = BYTE_ORDER_MARK if form == "csv_bom" else ""
    headers = {"Content-Disposition": f'attachment; filename="payments-{year}.csv"'}
    return Response((mark + views.payments_csv(export)).encode(), media_type="text/csv; charset=utf-8", headers=headers)
