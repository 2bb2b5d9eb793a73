"""Accounts of parties, as the operator looks after them: disabled, enabled, given a reset code."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from services.identity.api.bodies import ReasonBody
from services.identity.api.dependencies import SealedRun
from services.identity.api.showing import ShownReset, with_code
from services.identity.handlers import accounts
from services.identity.handlers.accounts import AccountResult
from services.identity.views import registers
from services.identity.views.models.people import PartyAccountItem
from shared.contracts.http.lists import LIMIT_DEFAULT, Page
from shared.contracts.permissions import Permission
from shared.runtime.auth import Principal
from shared.runtime.http import Cursor, Limit, Reading, actor_of, require

router = APIRouter()

Resetter = Annotated[Principal, Depends(require(Permission.IDENTITY_ACCOUNT_RESET))]
Disabler = Annotated[Principal, Depends(require(Permission.IDENTITY_ACCOUNT_DISABLE))]


@router.get("/organisations/{organisation_id}/accounts", summary="单位的账号")
async def list_accounts(
    connection: Reading,
    principal: Resetter,
    organisation_id: UUID,
    limit: Limit = LIMIT_DEFAULT,
    cursor: Cursor = None,
) -> Page[PartyAccountItem]:
    """The accounts of a party."""
    del principal
    return await registers.list_accounts(connection, organisation_id, limit=limit, cursor=cursor)


@router.post("/accounts/{account_id}/reset-codes", status_code=201, response_model=ShownReset, summary="签发密码重置码")
async def issue_reset(
    request: Request, run: SealedRun, account_id: UUID, body: ReasonBody, principal: Resetter
) -> Response:
    """Issue a code after a check of evidence, which the reason names. Source: ASVS 6.4."""
    answer = await run.run(accounts.issue_reset, _change(account_id, body, principal), status=201)
    return with_code(request, answer, part=1, field="code")


@router.post("/accounts/{account_id}/disable", response_model=AccountResult, summary="停用单位账号")
async def disable_account(run: SealedRun, account_id: UUID, body: ReasonBody, principal: Disabler) -> Response:
    """Disable a party's account; its tokens are refused everywhere."""
    return await run.run(accounts.disable_party, _change(account_id, body, principal))


@router.post("/accounts/{account_id}/enable", response_model=AccountResult, summary="恢复单位账号")
async def enable_account(run: SealedRun, account_id: UUID, body: ReasonBody, principal: Disabler) -> Response:
    """Let a disabled account of a party sign in again."""
    return await run.run(accounts.enable_party, _change(account_id, body, principal))


def _change(account_id: UUID, body: ReasonBody, principal: Principal) -> accounts.ChangeAccount:
    return accounts.ChangeAccount(account_id=account_id, reason=body.reason, by=actor_of(principal))
