"""Who read which evidence when: recorded before it leaves, read by auditors. Source: R7, R8, R9."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends

from services.settlement.api.scopes import Reader
from services.settlement.store.overrides import insert_read
from services.settlement.views import reads as views
from shared.contracts.http.lists import LIMIT_DEFAULT, Page, decode_cursor
from shared.contracts.permissions import Permission
from shared.runtime.auth import Principal
from shared.runtime.http import Cursor, Limit, Reading, require
from shared.runtime.work import Work

router = APIRouter(tags=["监督"])

TrailReader = Annotated[Principal, Depends(require(Permission.SETTLEMENT_TRAIL_READ))]
What = Literal["claim", "document", "export"]


async def record_read(  # noqa: PLR0913 - what was read
    work: Work,
    reader: Reader,
    *,
    what: What,
    claim_id: UUID | None = None,
    order_id: UUID | None = None,
    kind: str = "",
) -> None:
    """Record that somebody reads a claim, a piece of its evidence, or an export."""
    principal = reader.principal
    await insert_read(
        work,
        {
            "id": work.new_id(),
            "what": what,
            "claim_id": claim_id,
            "order_id": order_id,
            "kind": kind,
            "account_id": principal.account_id,
            "organisation_id": principal.organisation_id,
            "role": min(role.value for role in principal.roles) if principal.roles else "",
            "read_at": work.now,
        },
    )


@router.get("/evidence-reads", summary="兑现材料查阅记录")
async def list_reads(  # noqa: PLR0913 - the filters of a list
    *,
    connection: Reading,
    _reader: TrailReader,
    limit: Limit = LIMIT_DEFAULT,
    cursor: Cursor = None,
    claim_id: UUID | None = None,
    account_id: UUID | None = None,
    what: What | None = None,
) -> Page[views.ReadCard]:
    """Who read claims, their evidence and exports, newest first."""
    return await views.list_reads(
        connection, claim_id=claim_id, account_id=account_id, what=what, after=decode_cursor(cursor), limit=limit
    )
