"""Who did what: histories of organisations, decisions, the people behind account ids, and who read which document."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query

from services.identity.api.dependencies import Reader
from services.identity.views import histories as views
from services.identity.views.histories import DecisionFilter, ReadFilter
from services.identity.views.models.people import AccountDetail, AccountItem, DocumentReadItem, NamedHistoryItem
from shared.contracts.http.lists import LIMIT_DEFAULT, Page
from shared.contracts.permissions import Permission
from shared.runtime.auth import Principal
from shared.runtime.http import Cursor, Limit, Reading, require

router = APIRouter()

IDS_MAX = 100
Supervisor = Annotated[Principal, Depends(require(Permission.IDENTITY_ACCOUNT_READ))]
AccessReader = Annotated[Principal, Depends(require(Permission.IDENTITY_ACCESS_READ))]


@router.get("/organisations/{organisation_id}/history", summary="单位办理记录")
async def read_organisation_history(
    connection: Reading,
    principal: Reader,
    organisation_id: UUID,
    limit: Limit = LIMIT_DEFAULT,
    cursor: Cursor = None,
) -> Page[NamedHistoryItem]:
    """Acts on an organisation with ground, rule, before and after; supervisors and auditors see the person too."""
    return await views.read_organisation_history(connection, principal, organisation_id, limit=limit, cursor=cursor)


@router.get("/decisions", summary="决定记录")
async def list_decisions(  # noqa: PLR0913, PLR0917 - the filters of a list
    connection: Reading,
    principal: Supervisor,
    subject_id: UUID | None = None,
    account_id: UUID | None = None,
    act: Annotated[str | None, Query(pattern=r"^[a-z_]+\.[a-z_]+$", max_length=64)] = None,
    limit: Limit = LIMIT_DEFAULT,
    cursor: Cursor = None,
) -> Page[NamedHistoryItem]:
    """Decisions on organisations, ties, accounts, designations, the blacklist and keys. Source: R9."""
    del principal
    chosen = DecisionFilter(subject_id=subject_id, account_id=account_id, act=act)
    return await views.list_decisions(connection, chosen=chosen, limit=limit, cursor=cursor)


@router.get("/accounts", summary="按账号标识查询人员")
async def find_accounts(
    connection: Reading,
    principal: Supervisor,
    ids: Annotated[list[UUID], Query(min_length=1, max_length=IDS_MAX)],
) -> list[AccountItem]:
    """Who is behind the account ids that histories and facts show. Source: R7, R8, R9."""
    del principal
    return await views.find_accounts(connection, ids)


@router.get("/accounts/{account_id}", summary="人员详情")
async def read_account(connection: Reading, principal: Supervisor, account_id: UUID) -> AccountDetail:
    """Who is behind an account id, and what became of its roles. Source: R7, R8, R9."""
    del principal
    return await views.read_account(connection, account_id)


@router.get("/document-reads", summary="材料查阅记录")
async def list_document_reads(  # noqa: PLR0913, PLR0917 - the filters of a list
    connection: Reading,
    principal: AccessReader,
    organisation_id: UUID | None = None,
    document_id: UUID | None = None,
    account_id: UUID | None = None,
    denied: bool | None = None,  # noqa: FBT001 - a query parameter
    limit: Limit = LIMIT_DEFAULT,
    cursor: Cursor = None,
) -> Page[DocumentReadItem]:
    """Who read which document when, and who was denied one. Source: R7, R8, R9."""
    del principal
    chosen = ReadFilter(organisation_id=organisation_id, document_id=document_id, account_id=account_id, denied=denied)
    return await views.list_document_reads(connection, chosen=chosen, limit=limit, cursor=cursor)
