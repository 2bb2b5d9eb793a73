"""The blacklist's acts: listing and lifting, each proposed, then approved, refused or withdrawn."""

from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends
from starlette.responses import Response

from services.identity.api.bodies import LineText, Name, Reason, ReasonBody, Titled
from services.identity.api.dependencies import SealedRun
from services.identity.handlers import blacklist
from services.identity.handlers.blacklist import Approve, BlacklistResult, Close
from services.identity.views import registers
from services.identity.views.models.parties import LiftingItem
from shared.contracts.http.lists import LIMIT_DEFAULT, Page
from shared.contracts.permissions import Permission
from shared.runtime.auth import Principal
from shared.runtime.http import Body, Cursor, Limit, Reading, actor_of, require, require_any

router = APIRouter(prefix="/blacklist")

Proposer = Annotated[Principal, Depends(require(Permission.IDENTITY_BLACKLIST_PROPOSE))]
Approver = Annotated[Principal, Depends(require(Permission.IDENTITY_BLACKLIST_APPROVE))]
Watcher = Annotated[Principal, Depends(require_any(*registers.BLACKLIST_WATCHERS))]


class BlacklistBody(Body):
    """A code to be listed and the external decision behind it (Q19)."""

    credit_code: Name
    organisation_name: Titled
    organ: Titled
    number: LineText
    decided_on: date
    reason: Reason


@router.post("", status_code=201, response_model=BlacklistResult, summary="提请列入黑名单")
async def propose_blacklisting(run: SealedRun, body: BlacklistBody, principal: Proposer) -> Response:
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


@router.post("/{entry_id}/approve", response_model=BlacklistResult, summary="批准列入黑名单")
async def approve_blacklisting(run: SealedRun, entry_id: UUID, principal: Approver) -> Response:
    """List a code; another person than the proposer. Source: A12, R58."""
    command = Approve(proposal_id=entry_id, by=actor_of(principal))
    return await run.run(blacklist.approve_blacklisting, command)


@router.post("/{entry_id}/refuse", response_model=BlacklistResult, summary="不予列入黑名单")
async def refuse_blacklisting(run: SealedRun, entry_id: UUID, body: ReasonBody, principal: Approver) -> Response:
    """Refuse a proposal, with the reason. Source: A12, Q19."""
    return await run.run(blacklist.close_proposal, _closing(entry_id, body, principal, lifting=False, withdraw=False))


@router.post("/{entry_id}/withdraw", response_model=BlacklistResult, summary="撤回列入黑名单的提请")
async def withdraw_blacklisting(run: SealedRun, entry_id: UUID, body: ReasonBody, principal: Proposer) -> Response:
    """Take back an own proposal, with the reason. Source: A12."""
    return await run.run(blacklist.close_proposal, _closing(entry_id, body, principal, lifting=False, withdraw=True))


class LiftingBody(Body):
    """The new external decision on which a listing ends (Q19)."""

    organ: Titled
    number: LineText
    decided_on: date
    reason: Reason


@router.post("/{entry_id}/liftings", status_code=201, response_model=BlacklistResult, summary="提请移出黑名单")
async def propose_lifting(run: SealedRun, entry_id: UUID, body: LiftingBody, principal: Proposer) -> Response:
    """Propose the end of a listing on a new external decision. Source: A12, R58, Q19."""
    command = blacklist.ProposeLifting(
        entry_id=entry_id,
        organ=body.organ,
        number=body.number,
        decided_on=body.decided_on,
        reason=body.reason,
        by=actor_of(principal),
    )
    return await run.run(blacklist.propose_lifting, command, status=201)


@router.get("/liftings", summary="移出黑名单的提请")
async def list_liftings(
    connection: Reading, principal: Watcher, limit: Limit = LIMIT_DEFAULT, cursor: Cursor = None
) -> Page[LiftingItem]:
    """Proposals to lift, and what became of them. Source: A12, Q19."""
    del principal
    return await registers.list_liftings(connection, limit=limit, cursor=cursor)


@router.post("/liftings/{lifting_id}/approve", response_model=BlacklistResult, summary="批准移出黑名单")
async def approve_lifting(run: SealedRun, lifting_id: UUID, principal: Approver) -> Response:
    """Take a code off the blacklist; another person than the proposer. Source: A12, R58, Q19."""
    command = Approve(proposal_id=lifting_id, by=actor_of(principal))
    return await run.run(blacklist.approve_lifting, command)


@router.post("/liftings/{lifting_id}/refuse", response_model=BlacklistResult, summary="不予移出黑名单")
async def refuse_lifting(run: SealedRun, lifting_id: UUID, body: ReasonBody, principal: Approver) -> Response:
    """Refuse a proposal to lift, with the reason. Source: A12, Q19."""
    return await run.run(blacklist.close_proposal, _closing(lifting_id, body, principal, lifting=True, withdraw=False))


@router.post("/liftings/{lifting_id}/withdraw", response_model=BlacklistResult, summary="撤回移出黑名单的提请")
async def withdraw_lifting(run: SealedRun, lifting_id: UUID, body: ReasonBody, principal: Proposer) -> Response:
    """Take back an own proposal to lift, with the reason. Source: A12."""
    return await run.run(blacklist.close_proposal, _closing(lifting_id, body, principal, lifting=True, withdraw=True))


def _closing(proposal_id: UUID, body: ReasonBody, principal: Principal, *, lifting: bool, withdraw: bool) -> Close:
    return Close(
        proposal_id=proposal_id, lifting=lifting, withdraw=withdraw, reason=body.reason, by=actor_of(principal)
    )
