"""An organisation's people and the invitations that it gave, for its own administrator."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select

from services.identity.tables import ACCOUNT, INVITATION
from shared.contracts.http.lists import Page
from shared.contracts.http.resources import Resource
from shared.runtime.auth import Principal
from shared.runtime.sql import Connection, read_page


class MemberItem(Resource):
    """A person of an organisation."""

    id: UUID
    sign_in_name: str
    display_name: str
    member_role: str
    state: str
    opened_at: datetime


class InvitationItem(Resource):
    """An invitation; `expires_at` is machine time, and `account_id` is who accepted it."""

    id: UUID
    display_name: str
    member_role: str
    state: str
    invited_by: UUID
    invited_at: datetime
    expires_at: datetime
    account_id: UUID | None


async def list_members(
    connection: Connection, principal: Principal, *, limit: int, cursor: str | None
) -> Page[MemberItem]:
    """The people of the caller's organisation, those included whose access ended. Raises: CursorInvalid."""
    columns = (ACCOUNT.c[name] for name in ("id", "sign_in_name", "display_name", "state", "opened_at"))
    role = func.coalesce(ACCOUNT.c.member_role, "administrator").label("member_role")
    statement = select(*columns, role).where(
        ACCOUNT.c.organisation_id == principal.organisation_id, ACCOUNT.c.kind == "person"
    )
    return await read_page(connection, statement, key=ACCOUNT.c.id, item=MemberItem, limit=limit, cursor=cursor)


async def list_invitations(
    connection: Connection, principal: Principal, *, limit: int, cursor: str | None
) -> Page[InvitationItem]:
    """The invitations of the caller's organisation, and what became of them. Raises: CursorInvalid."""
    statement = select(INVITATION).where(INVITATION.c.organisation_id == principal.organisation_id)
    return await read_page(connection, statement, key=INVITATION.c.id, item=InvitationItem, limit=limit, cursor=cursor)
