"""Routes of quota accounts."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from services.voucher.views import accounts as views
from services.voucher.views.models import MovementView, QuotaAccountView
from services.voucher.views.scope import NOTHING, account_scope
from shared.contracts.http.lists import LIMIT_DEFAULT, Page, decode_cursor
from shared.contracts.permissions import Permission
from shared.runtime.auth import Principal
from shared.runtime.http import Cursor, Limit, Reading, principal_of, require

router = APIRouter(tags=["accounts"])

AccountReader = Annotated[Principal, Depends(require(Permission.VOUCHER_ACCOUNT_READ_OWN))]
Year = Annotated[int | None, Query(ge=2018, le=2100)]


@router.get("/accounts", summary="额度账户列表")
async def list_accounts(
    connection: Reading,
    principal: Annotated[Principal, Depends(principal_of)],
    limit: Limit = LIMIT_DEFAULT,
    cursor: Cursor = None,
    year: Year = None,
) -> Page[QuotaAccountView]:
    """Quota accounts that the caller may see: its own, its region's, or all."""
    scope = account_scope(principal)
    return await views.list_accounts(connection, scope=scope, limit=limit, after=decode_cursor(cursor), year=year)


@router.get("/accounts/{year}", summary="本单位额度账户")
async def read_own_account(
    connection: Reading, year: int, principal: AccountReader, response: Response
) -> QuotaAccountView:
    """The caller's own account of a year."""
    owner_id = principal.organisation_id or NOTHING
    view = await views.read_account_of_year(connection, enterprise_id=owner_id, year=year)
    response.headers["ETag"] = f'"{view.version}"'
    return view


@router.get("/accounts/{year}/movements", summary="本单位额度变动")
async def list_own_movements(
    connection: Reading, year: int, principal: AccountReader, limit: Limit = LIMIT_DEFAULT, cursor: Cursor = None
) -> Page[MovementView]:
    """The movements of the caller's own account of a year, newest first."""
    owner_id = principal.organisation_id or NOTHING
    account = await views.read_account_of_year(connection, enterprise_id=owner_id, year=year)
    return await views.list_movements(
        connection, account.id, scope=account_scope(principal), limit=limit, after=decode_cursor(cursor)
    )


@router.get("/quota-accounts/{account_id}/movements", summary="额度变动（监管）")
async def list_movements(
    connection: Reading,
    account_id: UUID,
    principal: Annotated[Principal, Depends(principal_of)],
    limit: Limit = LIMIT_DEFAULT,
    cursor: Cursor = None,
) -> Page[MovementView]:
    """The movements of an account within the caller's scope, newest first."""
    return await views.list_movements(
        connection, account_id, scope=account_scope(principal), limit=limit, after=decode_cursor(cursor)
    )
