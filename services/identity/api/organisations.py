"""Organisations: lists and views, handing in for authentication, suspension, priority."""

from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from pydantic import AwareDatetime, Field
from starlette.responses import Response

from services.identity.api.bodies import Name, OptionalReason, PackCode, Reason, ReasonBody
from services.identity.api.dependencies import Reader, SealedVersionedRun
from services.identity.domain.accounts import acts_for_bureau
from services.identity.domain.organisations import AuthenticationState, RecognitionState, SizeClass
from services.identity.handlers import authentication, standing
from services.identity.handlers.organisations import OrganisationResult
from services.identity.sealing import Vault
from services.identity.views import organisations as views
from services.identity.views.models.parties import OrganisationItem, OrganisationView
from services.identity.views.organisations import OrganisationFilter, Viewing
from shared.contracts.http.lists import LIMIT_DEFAULT, Page
from shared.contracts.permissions import Permission
from shared.contracts.policy import PartyKind, PolicyPack
from shared.runtime.auth import Principal
from shared.runtime.http import Body, Cursor, Limit, Reading, actor_of, require, runtime_of
from shared.runtime.work import NotFound

router = APIRouter(prefix="/organisations")

Reinstater = Annotated[Principal, Depends(require(Permission.IDENTITY_ORGANISATION_REINSTATE))]


@router.get("", summary="单位列表")
async def list_organisations(  # noqa: PLR0913, PLR0917 - the filters of a list
    connection: Reading,
    principal: Reader,
    kind: PartyKind | None = None,
    state: AuthenticationState | None = None,
    recognition: RecognitionState | None = None,
    region: Annotated[str | None, Query(pattern=r"^[0-9]{6}$")] = None,
    text: Annotated[str | None, Query(max_length=100)] = None,
    limit: Limit = LIMIT_DEFAULT,
    cursor: Cursor = None,
) -> Page[OrganisationItem]:
    """The organisations the caller may see, newest first."""
    chosen = OrganisationFilter(kind=kind, state=state, recognition=recognition, region=region, text=text)
    return await views.list_organisations(connection, principal, chosen=chosen, limit=limit, cursor=cursor)


@router.get("/{organisation_id}", summary="单位详情")
async def read_organisation(
    request: Request, response: Response, connection: Reading, principal: Reader, organisation_id: UUID
) -> OrganisationView:
    """One organisation; somebody else's is not found."""
    runtime = runtime_of(request)
    viewing = Viewing(
        principal=principal,
        pack=runtime.ports.get(PolicyPack),
        clock=runtime.clock,
        vault=runtime.ports.get(Vault),
    )
    found = await views.read_organisation(connection, organisation_id, viewing=viewing)
    response.headers["ETag"] = f'"{found.version}"'
    return found


class SubmitBody(Body):
    """An authentication form; `declaration_version` is the truth declaration that was signed off."""

    legal_person: bool
    established_on: Annotated[date, Field(ge=date(1900, 1, 1))]
    size_class: SizeClass
    declaration_version: Name
    id_number: Annotated[str, Field(max_length=40)] = ""
    illegible_reasons: Annotated[dict[PackCode, Reason], Field(max_length=20, default_factory=dict)]
    correction: OptionalReason = ""
    """What was put right since the last one came back; needed where nothing else differs."""


@router.post("/{organisation_id}/authentication", response_model=OrganisationResult, summary="提交实名认证")
async def submit(
    run: SealedVersionedRun,
    organisation_id: UUID,
    body: SubmitBody,
    principal: Annotated[Principal, Depends(require(Permission.IDENTITY_AUTHENTICATION_SUBMIT))],
) -> Response:
    """Hand in for real-name authentication. Source: A11(2), A14(2)."""
    if principal.organisation_id != organisation_id:
        raise NotFound
    command = authentication.Submit(
        organisation_id=organisation_id,
        expected_version=run.expected_version,
        legal_person=body.legal_person,
        established_on=body.established_on,
        size_class=body.size_class,
        declaration_version=body.declaration_version,
        id_number=body.id_number,
        illegible_reasons=body.illegible_reasons,
        correction=body.correction,
        by=actor_of(principal),
    )
    return await run.run(authentication.submit, command)


class SuspendBody(Body):
    """Why, and from when; without a moment, from now."""

    reason: Reason
    effective_at: AwareDatetime | None = None


@router.post("/{organisation_id}/suspension", response_model=OrganisationResult, summary="暂停使用")
async def suspend(
    run: SealedVersionedRun,
    organisation_id: UUID,
    body: SuspendBody,
    principal: Annotated[Principal, Depends(require(Permission.IDENTITY_ORGANISATION_SUSPEND))],
) -> Response:
    """Stop an organisation from acting. Source: A9, Q18, Q25."""
    command = standing.Suspend(
        organisation_id=organisation_id,
        expected_version=run.expected_version,
        reason=body.reason,
        effective_at=body.effective_at,
        by_bureau=acts_for_bureau(principal.roles),
        by=actor_of(principal),
    )
    return await run.run(standing.suspend, command)


@router.post("/{organisation_id}/reinstatement", response_model=OrganisationResult, summary="恢复使用")
async def reinstate(
    run: SealedVersionedRun, organisation_id: UUID, body: ReasonBody, principal: Reinstater
) -> Response:
    """Let a suspended organisation act again; what the bureau decided is ended by the bureau. Source: A7, A9, Q18."""
    return await run.run(standing.reinstate, _reinstate(run, organisation_id, body, principal))


@router.post(
    "/{organisation_id}/reinstatement/ask", response_model=OrganisationResult, summary="提请省大数据局解除暂停"
)
async def ask_reinstatement(
    run: SealedVersionedRun, organisation_id: UUID, body: ReasonBody, principal: Reinstater
) -> Response:
    """Ask the bureau to end a suspension that it decided. Source: A7, A9, Q18, R8."""
    return await run.run(standing.ask_reinstatement, _reinstate(run, organisation_id, body, principal))


@router.post("/{organisation_id}/reinstatement/refuse", response_model=OrganisationResult, summary="维持暂停")
async def refuse_reinstatement(
    run: SealedVersionedRun, organisation_id: UUID, body: ReasonBody, principal: Reinstater
) -> Response:
    """Say as the bureau that the suspension stays, to whoever asked for its end. Source: A7, A9, Q18, R8."""
    return await run.run(standing.refuse_reinstatement, _reinstate(run, organisation_id, body, principal))


def _reinstate(
    run: SealedVersionedRun, organisation_id: UUID, body: ReasonBody, principal: Principal
) -> standing.Reinstate:
    return standing.Reinstate(
        organisation_id=organisation_id,
        expected_version=run.expected_version,
        reason=body.reason,
        by_bureau=acts_for_bureau(principal.roles),
        by=actor_of(principal),
    )


class PriorityBody(Body):
    """Whether the enterprise is listed, and the published list that says so."""

    listed: bool
    source: Reason


@router.put("/{organisation_id}/priority", response_model=OrganisationResult, summary="调整优先名单")
async def change_priority(
    run: SealedVersionedRun,
    organisation_id: UUID,
    body: PriorityBody,
    principal: Annotated[Principal, Depends(require(Permission.IDENTITY_RECOGNITION_DECIDE))],
) -> Response:
    """Put an enterprise on the priority list, or take it off. Source: A18, R31."""
    command = standing.ChangePriority(
        organisation_id=organisation_id,
        expected_version=run.expected_version,
        listed=body.listed,
        source=body.source,
        by=actor_of(principal),
    )
    return await run.run(standing.change_priority, command)
