"""Affiliations, the blacklist's two acts, priority entries and recognitions."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends
from starlette.responses import Response

from services.identity.api.asking import Reader, SealedRun
from services.identity.api.bodies import AffiliationBody, BlacklistBody, ReasonBody
from services.identity.handlers import affiliations, blacklist
from services.identity.handlers.affiliations import AffiliationOutcome
from services.identity.handlers.blacklist import BlacklistOutcome
from services.identity.views import registers
from services.identity.views.models import AffiliationItem, PriorityItem, RecognitionItem
from shared.contracts.http.lists import LIMIT_DEFAULT, Page
from shared.contracts.permissions import Permission
from shared.runtime.auth.tokens import Principal
from shared.runtime.edge import require, require_any
from shared.runtime.http import Reading, actor_of
from shared.runtime.paging import Cursor, Limit
from shared.runtime.problems import NotFound

router = APIRouter()


@router.get("/affiliations", summary="关联关系列表")
async def list_affiliations(
    connection: Reading, principal: Reader, limit: Limit = LIMIT_DEFAULT, cursor: Cursor = None
) -> Page[AffiliationItem]:
    """The ties of the organisations the caller may see. Source: A13(4), R63."""
    return await registers.list_affiliations(connection, principal, limit=limit, cursor=cursor)


@router.post("/affiliations", status_code=201, response_model=AffiliationOutcome, summary="申报或登记关联关系")
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
        kind=body.kind,
        source=body.source,
        by=actor_of(principal),
    )
    return await run.run(affiliations.record_affiliation, command, status=201)


@router.post("/affiliations/{affiliation_id}/end", response_model=AffiliationOutcome, summary="解除关联关系")
async def end_affiliation(
    run: SealedRun,
    affiliation_id: UUID,
    body: ReasonBody,
    principal: Annotated[Principal, Depends(require(Permission.IDENTITY_AFFILIATION_RECORD))],
) -> Response:
    """End a tie. Source: A13(4), R63."""
    command = affiliations.EndAffiliation(affiliation_id=affiliation_id, reason=body.reason, by=actor_of(principal))
    return await run.run(affiliations.end_affiliation, command)


@router.post("/blacklist", status_code=201, response_model=BlacklistOutcome, summary="提请列入黑名单")
async def propose_blacklisting(
    run: SealedRun,
    body: BlacklistBody,
    principal: Annotated[Principal, Depends(require(Permission.IDENTITY_BLACKLIST_PROPOSE))],
) -> Response:
    """Propose a code on an external decision. Source: A12, R58, Q19."""
    command = blacklist.ProposeBlacklisting(
        credit_code=body.credit_code,
        organisation_name=body.organisation_name,
        organ=body.organ,
        number=body.number,
        decided_on=body.decided_on,
        reason=body.reason,
        by=actor_of(principal),
    )
    return await run.run(blacklist.propose_blacklisting, command, status=201)


@router.post("/blacklist/{entry_id}/approve", response_model=BlacklistOutcome, summary="批准列入黑名单")
async def approve_blacklisting(
    run: SealedRun,
    entry_id: UUID,
    principal: Annotated[Principal, Depends(require(Permission.IDENTITY_BLACKLIST_APPROVE))],
) -> Response:
    """List a code for ever; another person than the proposer. Source: A12, R58."""
    command = blacklist.ApproveBlacklisting(entry_id=entry_id, by=actor_of(principal))
    return await run.run(blacklist.approve_blacklisting, command)


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
