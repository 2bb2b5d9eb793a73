"""Routes of revocations."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import Field
from starlette.responses import Response

from services.voucher.api.bodies import ReasonBody, end_proposal
from services.voucher.handlers import proposals
from services.voucher.handlers import revocations as handlers
from services.voucher.views import plans as views
from services.voucher.views.models import RevocationView
from shared.contracts.http.lists import LIMIT_DEFAULT, Page, decode_cursor
from shared.contracts.permissions import Permission
from shared.kernel.money import MAX_FEN
from shared.runtime.auth import Principal
from shared.runtime.http import AskedPlace, Body, Cursor, Limit, Reading, Run, actor_of, require
from shared.runtime.work import HistoryItem

router = APIRouter(tags=["revocations"])


class RevocationBody(Body):
    """Unused quota to be taken from an enterprise."""

    enterprise_id: UUID
    year: int = Field(ge=2018, le=2100)
    amount_fen: int = Field(strict=True, ge=1, le=MAX_FEN)
    reason: str = Field(min_length=1, max_length=1_000)


@router.get("/revocations", summary="额度收回记录")
async def list_revocations(
    connection: Reading,
    principal: Annotated[Principal, Depends(require(Permission.VOUCHER_LEDGER_READ))],
    limit: Limit = LIMIT_DEFAULT,
    cursor: Cursor = None,
) -> Page[RevocationView]:
    """Proposed and approved revocations, newest first."""
    del principal
    return await views.list_revocations(connection, limit=limit, after=decode_cursor(cursor))


@router.post("/revocations", status_code=201, response_model=handlers.RevocationResult, summary="提议收回额度")
async def propose(
    run: Run,
    body: RevocationBody,
    principal: Annotated[Principal, Depends(require(Permission.VOUCHER_REVOCATION_PROPOSE))],
) -> Response:
    """Propose to take unused quota back. Source: A9."""
    command = handlers.ProposeRevocation(
        enterprise_id=body.enterprise_id,
        year=body.year,
        amount_fen=body.amount_fen,
        reason=body.reason,
        by=actor_of(principal),
    )
    return await run.run(handlers.propose_revocation, command, status=201)


@router.post("/revocations/{revocation_id}/approve", response_model=handlers.RevocationResult, summary="审批收回额度")
async def approve(
    run: Run,
    revocation_id: UUID,
    principal: Annotated[Principal, Depends(require(Permission.VOUCHER_REVOCATION_APPROVE))],
) -> Response:
    """A second person approves; open-year money serves the waiting list. Source: A9, R36."""
    command = handlers.ApproveRevocation(revocation_id=revocation_id, by=actor_of(principal))
    return await run.run(handlers.approve_revocation, command)


@router.post(
    "/revocations/{revocation_id}/refuse", response_model=handlers.RevocationResult, summary="不予批准收回额度"
)
async def refuse(
    run: Run,
    revocation_id: UUID,
    body: ReasonBody,
    principal: Annotated[Principal, Depends(require(Permission.VOUCHER_REVOCATION_APPROVE))],
) -> Response:
    """A second person does not approve, and says why; nothing moves. Source: A9, R8, R36."""
    return await run.run(proposals.end_revocation, end_proposal(revocation_id, principal, body, withdraw=False))


@router.post(
    "/revocations/{revocation_id}/withdraw", response_model=handlers.RevocationResult, summary="撤回收回额度提议"
)
async def withdraw(
    run: Run,
    revocation_id: UUID,
    body: ReasonBody,
    principal: Annotated[Principal, Depends(require(Permission.VOUCHER_REVOCATION_PROPOSE))],
) -> Response:
    """Whoever proposed the revocation takes it back. Source: A9."""
    return await run.run(proposals.end_revocation, end_proposal(revocation_id, principal, body, withdraw=True))


@router.get("/revocations/{revocation_id}/history", summary="额度收回全过程")
async def read_history(
    connection: Reading,
    revocation_id: UUID,
    principal: Annotated[Principal, Depends(require(Permission.VOUCHER_LEDGER_READ))],
    place: AskedPlace,
) -> Page[HistoryItem]:
    """Who decided what about a revocation. Source: R7, R8."""
    return await views.read_revocation_history(connection, revocation_id, reader=principal, place=place)
