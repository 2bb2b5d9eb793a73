"""Routes of applications, the public queue, receipts and tasks."""

import base64
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from pydantic import Field
from starlette.responses import Response

from services.voucher.domain import refusals
from services.voucher.domain.receipts import ApplicationRequest, Receipt
from services.voucher.domain.states import ApplicationState
from services.voucher.handlers import reviews
from services.voucher.handlers.intake import ApplicationResult, SubmitApplication, submit_applications
from services.voucher.receipts import ReceiptSigner
from services.voucher.views import applications as views
from services.voucher.views import tasks
from services.voucher.views.models import ApplicationView, QueuePage, ReceiptCheck, ReceiptKeyView
from services.voucher.views.scope import NOTHING, application_scope
from shared.contracts.http.lists import LIMIT_DEFAULT, Page, Task, decode_cursor
from shared.contracts.permissions import Permission
from shared.kernel.money import MAX_FEN
from shared.runtime.auth import Principal
from shared.runtime.http import (
    AskedPlace,
    Body,
    Cursor,
    HotCall,
    HotRoute,
    Limit,
    Reading,
    Run,
    VersionedRun,
    actor_of,
    principal_of,
    require,
    require_any,
    runtime_of,
)
from shared.runtime.service import Urge, Urged
from shared.runtime.work import HistoryItem

router = APIRouter(tags=["applications"])

# Nothing that a database does not store or a terminal obeys.
_SHOWN = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"
QUEUE_LIMIT_MAX = 1_000
TICKET_NO_MAX = 2**62


class ApplicationBody(Body):
    """An application: the plan, the amount in fen, and the version of the truth declaration signed off."""

    plan_id: UUID
    amount_fen: int = Field(ge=1, le=MAX_FEN)
    truth_declaration_version: str = Field(min_length=1, max_length=32)
    correction: str = Field(default="", max_length=500, pattern=_SHOWN)
    """What was corrected, when an application that was sent back is handed in again with the same amount."""


class ReasonBody(Body):
    """Why an application is refused, sent back or withdrawn, or what is urged."""

    reason: str = Field(min_length=1, max_length=1_000)


class NoteBody(Body):
    """A note to a grant."""

    reason: str = Field(default="", max_length=1_000)


class ReceiptBody(Body):
    """A receipt to be checked, as it was given."""

    plan_id: UUID
    ticket_no: int = Field(ge=1, le=TICKET_NO_MAX)
    request_sha256: str = Field(pattern="^[0-9a-f]{64}$")
    received_at: str = Field(max_length=40)
    kid: str = Field(max_length=64)
    signature: str = Field(max_length=128)


def _review(run: VersionedRun, application_id: UUID, reason: str, principal: Principal) -> reviews.ReviewApplication:
    return reviews.ReviewApplication(
        application_id=application_id,
        owner_id=None,
        reason=reason,
        expected_version=run.expected_version,
        by=actor_of(principal),
    )


@router.get("/applications", summary="申领列表")
async def list_applications(  # noqa: PLR0913, PLR0917 - one parameter for each filter
    connection: Reading,
    principal: Annotated[Principal, Depends(principal_of)],
    limit: Limit = LIMIT_DEFAULT,
    cursor: Cursor = None,
    plan_id: UUID | None = None,
    state: ApplicationState | None = None,
    enterprise_id: UUID | None = None,
) -> Page[ApplicationView]:
    """Applications that the caller may see: its own, its region's, or all."""
    return await views.list_applications(
        connection,
        scope=application_scope(principal),
        limit=limit,
        after=decode_cursor(cursor),
        plan_id=plan_id,
        state=None if state is None else state.value,
        enterprise_id=enterprise_id,
    )


@router.get("/applications/{application_id}", summary="查看申领")
async def read_application(
    connection: Reading,
    application_id: UUID,
    principal: Annotated[Principal, Depends(principal_of)],
    response: Response,
) -> ApplicationView:
    """One application within the caller's scope."""
    view = await views.read_application(connection, application_id, scope=application_scope(principal))
    response.headers["ETag"] = f'"{view.version}"'
    return view


@router.post("/applications/{application_id}/grant", response_model=ApplicationView, summary="核准申领")
async def grant(
    run: VersionedRun,
    application_id: UUID,
    body: NoteBody,
    principal: Annotated[Principal, Depends(require(Permission.VOUCHER_APPLICATION_REVIEW))],
) -> Response:
    """The operator approves: the earmark becomes usable quota. Source: A16, R30."""
    return await run.run(reviews.grant_application, _review(run, application_id, body.reason, principal))


@router.post("/applications/{application_id}/refuse", response_model=ApplicationView, summary="不予核准")
async def refuse(
    run: VersionedRun,
    application_id: UUID,
    body: ReasonBody,
    principal: Annotated[Principal, Depends(require(Permission.VOUCHER_APPLICATION_REVIEW))],
) -> Response:
    """The operator refuses with a reason. Source: A16."""
    return await run.run(reviews.refuse_application, _review(run, application_id, body.reason, principal))


@router.post("/applications/{application_id}/send-back", response_model=ApplicationView, summary="退回补正")
async def send_back(
    run: VersionedRun,
    application_id: UUID,
    body: ReasonBody,
    principal: Annotated[Principal, Depends(require(Permission.VOUCHER_APPLICATION_REVIEW))],
) -> Response:
    """The operator asks for better material; the place in the queue is given up. Source: Q3."""
    return await run.run(reviews.send_back_application, _review(run, application_id, body.reason, principal))


@router.post("/applications/{application_id}/urge", response_model=Urged, summary="督办逾期未审核的申领")
async def urge(
    run: Run,
    application_id: UUID,
    body: ReasonBody,
    principal: Annotated[Principal, Depends(require(Permission.VOUCHER_PLAN_APPROVE))],
) -> Response:
    """Urge the operator to review what is late; the task is done until its time has passed once more. Source: R8."""
    command = Urge(subject_id=application_id, text=body.reason, by=actor_of(principal))
    return await run.run(reviews.urge_review, command)


@router.post("/applications/{application_id}/withdraw", response_model=ApplicationView, summary="撤回申领")
async def withdraw(
    run: VersionedRun,
    application_id: UUID,
    body: NoteBody,
    principal: Annotated[Principal, Depends(require(Permission.VOUCHER_APPLICATION_WITHDRAW))],
) -> Response:
    """The enterprise gives its place up."""
    command = reviews.ReviewApplication(
        application_id=application_id,
        owner_id=principal.organisation_id or NOTHING,
        reason=body.reason,
        expected_version=run.expected_version,
        by=actor_of(principal),
    )
    return await run.run(reviews.withdraw_application, command)


@router.get("/applications/{application_id}/history", summary="申领全过程")
async def read_history(
    connection: Reading,
    application_id: UUID,
    principal: Annotated[
        Principal,
        Depends(
            require_any(
                Permission.VOUCHER_APPLICATION_READ_OWN,
                Permission.VOUCHER_APPLICATION_READ_REGION,
                Permission.VOUCHER_APPLICATION_READ_ALL,
            )
        ),
    ],
    place: AskedPlace,
) -> Page[HistoryItem]:
    """Who decided what, when, on which ground, and the facts that came of it. Source: R7, R8."""
    scope = application_scope(principal)
    return await views.read_history(connection, application_id, scope=scope, reader=principal, place=place)


@router.get("/queue/{plan_id}", summary="公开排队名单")
async def read_queue(
    connection: Reading,
    plan_id: UUID,
    after: Annotated[int, Query(ge=0, le=TICKET_NO_MAX)] = 0,
    limit: Annotated[int, Query(ge=1, le=QUEUE_LIMIT_MAX)] = 100,
) -> QueuePage:
    """The order of the queue, for everybody, without names. Source: Q2."""
    return await views.read_queue(connection, plan_id, after=after, limit=limit)


@router.get("/receipt-keys", summary="回执公钥")
async def list_receipt_keys(connection: Reading) -> list[ReceiptKeyView]:
    """The public keys by which anyone can check a receipt."""
    rows = await connection.fetch("SELECT kid, public_key FROM receipt_key ORDER BY made_at DESC LIMIT 100")
    return [
        ReceiptKeyView(kid=row["kid"], algorithm="Ed25519", public_key=base64.b64encode(row["public_key"]).decode())
        for row in rows
    ]


@router.post("/receipts/verify", summary="核验回执")
async def verify_receipt(request: Request, connection: Reading, body: ReceiptBody) -> ReceiptCheck:
    """Check a receipt; anyone may, and nothing is changed. Source: Q2."""
    receipt = Receipt(**body.model_dump())
    valid = runtime_of(request).ports.get(ReceiptSigner).valid(receipt)
    digest = bytes.fromhex(body.request_sha256)
    stands = valid and await views.ticket_stands(
        connection, plan_id=body.plan_id, ticket_no=body.ticket_no, digest=digest
    )
    return ReceiptCheck(valid=valid, in_queue=stands)


@router.get("/tasks", summary="待办事项")
async def list_tasks(
    request: Request,
    connection: Reading,
    principal: Annotated[Principal, Depends(require(Permission.PLATFORM_TASK_READ))],
    limit: Limit = LIMIT_DEFAULT,
    cursor: Cursor = None,
) -> Page[Task]:
    """What waits for the caller, since when, due when."""
    now = runtime_of(request).clock.now()
    return await tasks.list_tasks(connection, principal, now=now, limit=limit, after=decode_cursor(cursor))


def _submit(body: ApplicationBody, call: HotCall) -> SubmitApplication:
    enterprise_id = call.principal.organisation_id
    if enterprise_id is None:
        raise refusals.NotEnterprise
    return SubmitApplication(
        request=ApplicationRequest(
            enterprise_id=enterprise_id,
            plan_id=body.plan_id,
            amount_fen=body.amount_fen,
            truth_declaration_version=body.truth_declaration_version,
            correction=body.correction,
        ),
        by=actor_of(call.principal),
    )


def _location(ticket: ApplicationResult) -> str:
    return f"/api/voucher/v1/applications/{ticket.application_id}"


HOT_ROUTES = (
    HotRoute(
        method="POST",
        path="/applications",
        summary="申领云使用券",
        permission=Permission.VOUCHER_APPLICATION_SUBMIT,
        body=ApplicationBody,
        answer=ApplicationResult,
        command=_submit,
        handler=submit_applications,
        status=201,
        location=_location,
        if_match="ignored",
        gather_max=512,
        refusals=(
            refusals.NotEnterprise,
            refusals.NotAuthenticated,
            refusals.EnterpriseSuspended,
            refusals.NotLegalPerson,
            refusals.NotSmallFirm,
            refusals.RegisteredTooShort,
            refusals.PlanNotOpen,
            refusals.AboveCap,
            refusals.DeclarationOutdated,
            refusals.ApplicationOpen,
            refusals.ResubmittedUnchanged,
        ),
    ),
)
