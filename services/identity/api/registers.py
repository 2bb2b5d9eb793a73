"""Affiliations, likenesses, priority entries and recognitions."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from services.identity.api.bodies import Name, Reason, ReasonBody
from services.identity.api.dependencies import Reader, SealedRun
from services.identity.domain.affiliations import AffiliationKind
from services.identity.domain.resemblance import ResemblanceOutcome
from services.identity.handlers import affiliations, declared_ties, resemblances
from services.identity.handlers.affiliations import AffiliationResult
from services.identity.handlers.declared_ties import JudgeAffiliation
from services.identity.handlers.resemblances import ResemblanceResult
from services.identity.views import registers
from services.identity.views import resemblances as resemblance_views
from services.identity.views.models.parties import (
    AffiliationItem,
    PriorityItem,
    RecognitionItem,
    ResemblanceItem,
)
from services.identity.views.registers import AffiliationFilter
from services.identity.views.resemblances import REVIEWERS
from shared.contracts.http.lists import LIMIT_DEFAULT, Page
from shared.contracts.permissions import Permission
from shared.runtime.auth import Principal
from shared.runtime.http import Body, Cursor, Limit, Reading, actor_of, require, require_any
from shared.runtime.work import NotFound

router = APIRouter()


@router.get("/affiliations", summary="关联关系列表")
async def list_affiliations(  # noqa: PLR0913, PLR0917 - the filters of a list
    connection: Reading,
    principal: Reader,
    enterprise_id: UUID | None = None,
    provider_id: UUID | None = None,
    limit: Limit = LIMIT_DEFAULT,
    cursor: Cursor = None,
) -> Page[AffiliationItem]:
    """The ties of the organisations the caller may see, or of one pair: kind, origin, source and time. Source: R63."""
    chosen = AffiliationFilter(enterprise_id=enterprise_id, provider_id=provider_id)
    return await registers.list_affiliations(connection, principal, chosen=chosen, limit=limit, cursor=cursor)


class AffiliationBody(Body):
    """A tie with the party of the other kind that holds this code."""

    organisation_id: UUID
    counterpart_code: Name
    kind: Literal["subordination", "joint_establishment", "property_tie"]
    source: Reason


@router.post("/affiliations", status_code=201, response_model=AffiliationResult, summary="申报或登记关联关系")
async def record_affiliation(
    run: SealedRun,
    body: AffiliationBody,
    principal: Annotated[
        Principal,
        Depends(require_any(Permission.IDENTITY_AFFILIATION_DECLARE, Permission.IDENTITY_AFFILIATION_RECORD)),
    ],
) -> Response:
    """A party declares an own tie; the operator records any. Source: A13(4), R63."""
    records = Permission.IDENTITY_AFFILIATION_RECORD in principal.permissions
    if not records and principal.organisation_id != body.organisation_id:
        raise NotFound
    command = affiliations.RecordAffiliation(
        organisation_id=body.organisation_id,
        counterpart_code=body.counterpart_code,
        kind=AffiliationKind(body.kind),
        source=body.source,
        by=actor_of(principal),
    )
    return await run.run(affiliations.record_affiliation, command, status=201)


@router.post("/affiliations/{affiliation_id}/confirm", response_model=AffiliationResult, summary="确认申报的关联关系")
async def confirm_affiliation(
    run: SealedRun,
    affiliation_id: UUID,
    body: ReasonBody,
    principal: Annotated[Principal, Depends(require(Permission.IDENTITY_AFFILIATION_RECORD))],
) -> Response:
    """Confirm what a party declared. Source: A13(4), R63."""
    command = JudgeAffiliation(affiliation_id=affiliation_id, reason=body.reason, by=actor_of(principal))
    return await run.run(declared_ties.confirm_affiliation, command)


@router.post("/affiliations/{affiliation_id}/dismiss", response_model=AffiliationResult, summary="驳回申报的关联关系")
async def dismiss_affiliation(
    run: SealedRun,
    affiliation_id: UUID,
    body: ReasonBody,
    principal: Annotated[Principal, Depends(require(Permission.IDENTITY_AFFILIATION_RECORD))],
) -> Response:
    """Dismiss what a party declared; it is in force no more, and does not come back by that word alone."""
    command = JudgeAffiliation(affiliation_id=affiliation_id, reason=body.reason, by=actor_of(principal))
    return await run.run(declared_ties.dismiss_affiliation, command)


@router.post("/affiliations/{affiliation_id}/end", response_model=AffiliationResult, summary="解除关联关系")
async def end_affiliation(
    run: SealedRun,
    affiliation_id: UUID,
    body: ReasonBody,
    principal: Annotated[Principal, Depends(require(Permission.IDENTITY_AFFILIATION_RECORD))],
) -> Response:
    """End a tie. Source: A13(4), R63."""
    command = affiliations.EndAffiliation(affiliation_id=affiliation_id, reason=body.reason, by=actor_of(principal))
    return await run.run(affiliations.end_affiliation, command)


@router.get("/resemblances", summary="疑似同一单位列表")
async def list_resemblances(
    connection: Reading,
    principal: Annotated[Principal, Depends(require_any(*REVIEWERS, Permission.IDENTITY_ACCOUNT_READ))],
    outcome: Annotated[str | None, Query(pattern="^(open|different|same)$")] = None,
    limit: Limit = LIMIT_DEFAULT,
    cursor: Cursor = None,
) -> Page[ResemblanceItem]:
    """Organisations that may be one company, and in what they agree. Source: A11(1), A14(1)."""
    del principal
    return await resemblance_views.list_resemblances(connection, outcome=outcome, limit=limit, cursor=cursor)


class ResemblanceBody(Body):
    """What was found out about two organisations that may be one, and how."""

    outcome: ResemblanceOutcome
    reason: Reason


@router.post("/resemblances/{resemblance_id}/decide", response_model=ResemblanceResult, summary="核对疑似同一单位")
async def decide_resemblance(
    run: SealedRun,
    resemblance_id: UUID,
    body: ResemblanceBody,
    principal: Annotated[Principal, Depends(require(Permission.IDENTITY_AUTHENTICATION_REVIEW))],
) -> Response:
    """Say whether two organisations are one company, with the reason. Source: A11(1), A13(4), A14(1)."""
    command = resemblances.DecideResemblance(
        resemblance_id=resemblance_id, outcome=body.outcome, reason=body.reason, by=actor_of(principal)
    )
    return await run.run(resemblances.decide_resemblance, command)


@router.get("/priority-entries", summary="优先名单变更记录")
async def list_priority_entries(
    connection: Reading, principal: Reader, limit: Limit = LIMIT_DEFAULT, cursor: Cursor = None
) -> Page[PriorityItem]:
    """Changes of the priority list with their sources. Source: A18, R31."""
    return await registers.list_priority_entries(connection, principal, limit=limit, cursor=cursor)


@router.get("/recognitions", summary="认定记录")
async def list_recognitions(
    connection: Reading, principal: Reader, limit: Limit = LIMIT_DEFAULT, cursor: Cursor = None
) -> Page[RecognitionItem]:
    """The bureau's decisions with criteria and reasons. Source: N三(二), R43."""
    return await registers.list_recognitions(connection, principal, limit=limit, cursor=cursor)
