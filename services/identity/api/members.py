"""The people of the caller's organisation, kept by its administrator; who is invited accepts with a code."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from services.identity.admission import admit_registration
from services.identity.api.bodies import Name, Password, Reason, ReasonBody, Titled
from services.identity.api.dependencies import Network, SealedRun
from services.identity.api.showing import OK_MAX
from services.identity.auth.passwords import check_password_rule
from services.identity.codes import invitation_code
from services.identity.domain.accounts import accept_sign_in_name
from services.identity.handlers import members
from services.identity.handlers.members import InvitationResult, MemberResult
from services.identity.handlers.registration import RegistrationPasswords
from services.identity.sealing import Vault
from services.identity.views import members as views
from services.identity.views.members import InvitationItem, MemberItem
from shared.contracts.http.lists import LIMIT_DEFAULT, Page
from shared.contracts.permissions import Permission
from shared.contracts.scopes import MemberRole
from shared.runtime.auth import Principal
from shared.runtime.http import Body, Cursor, Limit, Reading, Run, actor_of, require, runtime_of

router = APIRouter()

Keeper = Annotated[Principal, Depends(require(Permission.IDENTITY_MEMBER_MANAGE_OWN))]
Role = Literal["handler", "reader"]


class InviteBody(Body):
    """Whom to invite, as `handler` or `reader`."""

    display_name: Titled
    member_role: Role


class RoleBody(Body):
    """A person's role within the organisation."""

    member_role: Role
    reason: Reason


class AcceptBody(Body):
    """The invitation with its code, and what the new person chooses."""

    invitation_id: UUID
    code: Annotated[str, Field(min_length=1, max_length=64)]
    sign_in_name: Name
    password: Password


class ShownInvitation(BaseModel):
    """An invitation; give `id` and `code` to the person it is for, and to nobody else."""

    id: UUID
    display_name: str
    member_role: str
    state: str
    expires_at: datetime | None
    code: str = ""


@router.get("/members", summary="本单位的人员")
async def list_members(
    connection: Reading, principal: Keeper, limit: Limit = LIMIT_DEFAULT, cursor: Cursor = None
) -> Page[MemberItem]:
    """The people of the caller's organisation and their roles."""
    return await views.list_members(connection, principal, limit=limit, cursor=cursor)


@router.post("/members/{account_id}/role", response_model=MemberResult, summary="调整人员角色")
async def change_role(run: Run, account_id: UUID, body: RoleBody, principal: Keeper) -> Response:
    """Let a person handle or only read; who administers changes with evidence."""
    command = members.ChangeMember(
        account_id=account_id,
        member_role=MemberRole(body.member_role),
        reason=body.reason,
        by=actor_of(principal),
    )
    return await run.run(members.change_role, command)


@router.post("/members/{account_id}/end", response_model=MemberResult, summary="停用人员")
async def end_access(run: Run, account_id: UUID, body: ReasonBody, principal: Keeper) -> Response:
    """End a person's access; its sessions end everywhere. The last administrator stays."""
    command = members.ChangeMember(account_id=account_id, member_role=None, reason=body.reason, by=actor_of(principal))
    return await run.run(members.end_access, command)


@router.get("/invitations", summary="本单位的邀请")
async def list_invitations(
    connection: Reading, principal: Keeper, limit: Limit = LIMIT_DEFAULT, cursor: Cursor = None
) -> Page[InvitationItem]:
    """The invitations of the caller's organisation; no list shows a code."""
    return await views.list_invitations(connection, principal, limit=limit, cursor=cursor)


@router.post("/invitations", status_code=201, response_model=ShownInvitation, summary="邀请人员")
async def invite(request: Request, run: Run, body: InviteBody, principal: Keeper) -> Response:
    """Invite somebody, who accepts with the code within seven days, once."""
    command = members.Invite(
        display_name=body.display_name, member_role=MemberRole(body.member_role), by=actor_of(principal)
    )
    answer = await run.run(members.invite, command, status=201)
    if answer.status_code > OK_MAX:
        return answer
    # Added on its way out: no stored answer holds a code.
    shown = msgspec.json.decode(bytes(answer.body))
    shown["code"] = invitation_code(runtime_of(request).ports.get(Vault), UUID(shown["id"]))
    headers = {name: value for name, value in answer.headers.items() if name != "content-length"}
    return Response(msgspec.json.encode(shown), status_code=answer.status_code, headers=headers)


@router.post("/invitations/{invitation_id}/withdraw", response_model=InvitationResult, summary="撤回邀请")
async def withdraw_invitation(run: Run, invitation_id: UUID, principal: Keeper) -> Response:
    """Make an invitation worth nothing."""
    command = members.WithdrawInvitation(invitation_id=invitation_id, by=actor_of(principal))
    return await run.run(members.withdraw_invitation, command)


@router.post("/invitations/accept", status_code=201, response_model=MemberResult, summary="接受邀请")
async def accept_invitation(request: Request, run: SealedRun, body: AcceptBody, network: Network) -> Response:
    """Open the own account with the code of an invitation, a sign-in name and a password."""
    runtime = runtime_of(request)
    await admit_registration(runtime, network)
    sign_in_name = accept_sign_in_name(body.sign_in_name)
    password = body.password.get_secret_value()
    check_password_rule(password, login_name=sign_in_name)
    command = members.AcceptInvitation(
        invitation_id=body.invitation_id,
        code=body.code,
        sign_in_name=sign_in_name,
        password_hash=await runtime.ports.get(RegistrationPasswords).hash_for(password, network=network),
    )
    caller = runtime.ports.get(Vault).index(network.encode(), purpose="anonymous").hex()[:16]
    return await run.run(members.accept_invitation, command, status=201, account=f"anonymous-{caller}")
