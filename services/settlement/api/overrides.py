"""Overrides: what stands against paying one order is lifted by two people, or not."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from pydantic import Field
from starlette.responses import Response

from services.settlement.api.scopes import Reader, StaffReader
from services.settlement.domain.states import OverrideState
from services.settlement.handlers import overrides
from services.settlement.handlers.overrides import DecideOverride, OverrideResult, ProposeOverride
from services.settlement.views import overrides as views
from shared.contracts.http.lists import LIMIT_DEFAULT, Page, decode_cursor
from shared.contracts.permissions import Permission
from shared.runtime.auth import Principal
from shared.runtime.http import Body, Cursor, Limit, Reading, Run, VersionedRun, actor_of, require, runtime_of

router = APIRouter(tags=["特批"])

Proposer = Annotated[Principal, Depends(require(Permission.SETTLEMENT_OVERRIDE_PROPOSE))]
Approver = Annotated[Principal, Depends(require(Permission.SETTLEMENT_OVERRIDE_APPROVE))]


class ReasonBody(Body):
    """Why."""

    reason: Annotated[str, Field(min_length=1, max_length=2_000)]


def _location(result: OverrideResult) -> str:
    return f"/api/settlement/v1/overrides/{result.id}"


def _decision(run: VersionedRun, override_id: UUID, body: ReasonBody, principal: Principal) -> DecideOverride:
    return DecideOverride(
        override_id=override_id,
        reason=body.reason,
        by=actor_of(principal),
        expected_version=run.expected_version,
    )


@router.post(
    "/claims/{claim_id}/items/{order_id}/overrides",
    status_code=201,
    response_model=OverrideResult,
    summary="提出特批建议",
)
async def propose(run: Run, claim_id: UUID, order_id: UUID, body: ReasonBody, principal: Proposer) -> Response:
    """Propose that one order goes on in spite of what stands against it now."""
    command = ProposeOverride(claim_id=claim_id, order_id=order_id, reason=body.reason, by=actor_of(principal))
    return await run.run(overrides.propose_override, command, status=201, location=_location)


@router.post("/overrides/{override_id}/approve", response_model=OverrideResult, summary="批准特批建议")
async def approve(run: VersionedRun, override_id: UUID, body: ReasonBody, principal: Approver) -> Response:
    """Approve a proposal; it counts for its order and amount, until it expires."""
    return await run.run(overrides.approve_override, _decision(run, override_id, body, principal))


@router.post("/overrides/{override_id}/refuse", response_model=OverrideResult, summary="不同意特批建议")
async def refuse(run: VersionedRun, override_id: UUID, body: ReasonBody, principal: Approver) -> Response:
    """Refuse a proposal."""
    return await run.run(overrides.refuse_override, _decision(run, override_id, body, principal))


@router.post("/overrides/{override_id}/withdraw", response_model=OverrideResult, summary="撤回特批建议")
async def withdraw(run: VersionedRun, override_id: UUID, body: ReasonBody, principal: Proposer) -> Response:
    """Take the own proposal back."""
    return await run.run(overrides.withdraw_override, _decision(run, override_id, body, principal))


@router.get("/overrides", summary="特批列表")
async def list_overrides(  # noqa: PLR0913 - the filters of a list
    *,
    request: Request,
    connection: Reading,
    reader: StaffReader,
    limit: Limit = LIMIT_DEFAULT,
    cursor: Cursor = None,
    claim_id: UUID | None = None,
    state: OverrideState | None = None,
) -> Page[views.OverrideCard]:
    """Overrides and proposals, newest first."""
    page = await views.list_overrides(
        connection,
        claim_id=claim_id,
        state=None if state is None else state.value,
        after=decode_cursor(cursor),
        limit=limit,
        now=runtime_of(request).clock.now(),
    )
    if Reader(reader, None).sees_deciders:
        return page
    return page.model_copy(update={"data": [card.without_persons() for card in page.data]})


@router.get("/overrides/{override_id}", summary="特批")
async def read_override(
    *, request: Request, connection: Reading, override_id: UUID, reader: StaffReader, response: Response
) -> views.OverrideCard:
    """One override or proposal."""
    card = await views.read_override(connection, override_id, now=runtime_of(request).clock.now())
    response.headers["ETag"] = f'"{card.version}"'
    return card if Reader(reader, None).sees_deciders else card.without_persons()
