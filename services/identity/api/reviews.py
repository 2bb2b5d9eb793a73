"""The operator's review of authentications and the bureau's recognition of providers."""

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import Field
from starlette.responses import Response

from services.identity.api.bodies import LineText, OptionalReason, PackCode, Reason, ReasonBody
from services.identity.api.dependencies import SealedVersionedRun
from services.identity.domain.reviewing import Tick
from services.identity.handlers import authentication, standing
from services.identity.handlers.authentication import Review
from services.identity.handlers.organisations import OrganisationResult
from services.identity.handlers.standing import RecognitionOutcome
from services.identity.views.models.parties import OrganisationItem
from services.identity.views.organisations import OrganisationFilter, list_organisations
from shared.contracts.http.lists import LIMIT_DEFAULT, Page
from shared.contracts.permissions import Permission
from shared.runtime.auth import Principal
from shared.runtime.http import Body, Cursor, Limit, Reading, actor_of, allow, require

router = APIRouter()

Reviewer = Annotated[Principal, Depends(require(Permission.IDENTITY_AUTHENTICATION_REVIEW))]


@router.get("/authentications", summary="待审核的实名认证")
async def read_queue(
    connection: Reading, principal: Reviewer, limit: Limit = LIMIT_DEFAULT, cursor: Cursor = None
) -> Page[OrganisationItem]:
    """Submitted authentications. Source: A11(3), A14(3)."""
    chosen = OrganisationFilter(state="submitted")
    return await list_organisations(connection, principal, chosen=chosen, limit=limit, cursor=cursor)


class SendBackBody(Body):
    """Why material goes back, as a whole and by document."""

    reason: Reason
    documents: Annotated[dict[PackCode, Reason], Field(max_length=20, default_factory=dict)]


@router.post(
    "/organisations/{organisation_id}/authentication/send-back",
    response_model=OrganisationResult,
    summary="退回实名认证材料",
)
async def send_back(
    run: SealedVersionedRun, organisation_id: UUID, body: SendBackBody, principal: Reviewer
) -> Response:
    """Ask for better documents. Source: R45."""
    command = Review(
        organisation_id=organisation_id,
        expected_version=run.expected_version,
        reason=body.reason,
        document_reasons=body.documents,
        by=actor_of(principal),
    )
    return await run.run(authentication.send_back, command)


@router.post(
    "/organisations/{organisation_id}/authentication/refuse",
    response_model=OrganisationResult,
    summary="实名认证不予通过",
)
async def refuse(run: SealedVersionedRun, organisation_id: UUID, body: ReasonBody, principal: Reviewer) -> Response:
    """Refuse authentication. Source: A11(3), A14(3)."""
    command = Review(
        organisation_id=organisation_id,
        expected_version=run.expected_version,
        reason=body.reason,
        by=actor_of(principal),
    )
    return await run.run(authentication.refuse, command)


class TickBody(Body):
    """One line of the reviewer's checklist."""

    condition: PackCode
    met: bool
    evidence: Reason


class ApproveBody(Body):
    """The ticked checklist."""

    reason: OptionalReason = ""
    checklist: Annotated[Sequence[TickBody], Field(max_length=100)]


@router.post(
    "/organisations/{organisation_id}/authentication/approve",
    response_model=OrganisationResult,
    summary="通过实名认证",
)
async def approve(run: SealedVersionedRun, organisation_id: UUID, body: ApproveBody, principal: Reviewer) -> Response:
    """Approve authentication on a full checklist. Source: A11(3), A14(3), R37-R42, R60-R62."""
    command = Review(
        organisation_id=organisation_id,
        expected_version=run.expected_version,
        reason=body.reason,
        ticks=[Tick(condition=t.condition, met=t.met, evidence=t.evidence) for t in body.checklist],
        by=actor_of(principal),
    )
    return await run.run(authentication.approve, command)


class RecognitionBody(Body):
    """The bureau's decision; `exception_reason` recognises a provider that is no legal person (Q8)."""

    outcome: RecognitionOutcome
    criteria: Annotated[Sequence[LineText], Field(min_length=1, max_length=50)]
    reason: Reason
    exception_reason: OptionalReason = ""


@router.post("/organisations/{organisation_id}/recognition", response_model=OrganisationResult, summary="认定云服务商")
async def decide_recognition(
    run: SealedVersionedRun,
    organisation_id: UUID,
    body: RecognitionBody,
    principal: Annotated[Principal, Depends(require(Permission.IDENTITY_RECOGNITION_DECIDE))],
) -> Response:
    """Recognise a provider, or not; an exception takes a right of its own. Source: N三(二), R43, Q8, Q9."""
    if body.exception_reason:
        allow(principal, Permission.IDENTITY_RECOGNITION_EXCEPT)
    command = standing.DecideRecognition(
        organisation_id=organisation_id,
        expected_version=run.expected_version,
        outcome=body.outcome,
        criteria=body.criteria,
        reason=body.reason,
        exception_reason=body.exception_reason,
        by=actor_of(principal),
    )
    return await run.run(standing.decide_recognition, command)
