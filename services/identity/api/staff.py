"""Staff accounts and their proposals, the operator's designation and the signing keys."""

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from pydantic import AwareDatetime, Field
from starlette.responses import Response

from services.identity.api.bodies import LineText, Name, OptionalReason, Reason, ReasonBody, RegionCode, Titled
from services.identity.api.dependencies import SealedRun
from services.identity.api.showing import ShownProposal, with_code
from services.identity.domain.accounts import accept_sign_in_name
from services.identity.handlers import designations, keys, staff
from services.identity.handlers.designations import DesignationResult
from services.identity.handlers.keys import SigningKeyResult
from services.identity.handlers.staff import StaffResult
from services.identity.handlers.staff_acts import StaffAct
from services.identity.views import registers
from services.identity.views.models.people import DesignationItem, ProposalItem, StaffItem
from shared.contracts.http.lists import LIMIT_DEFAULT, Page
from shared.contracts.permissions import Permission, Role
from shared.runtime.auth import Principal
from shared.runtime.http import Body, Cursor, Limit, Reading, actor_of, require, require_any, runtime_of

router = APIRouter()

KeyKeeper = Annotated[Principal, Depends(require(Permission.PLATFORM_KEY_ROTATE))]
Admin = Annotated[Principal, Depends(require(Permission.IDENTITY_STAFF_MANAGE))]
Second = Annotated[Principal, Depends(require(Permission.IDENTITY_STAFF_APPROVE))]
Designator = Annotated[Principal, Depends(require(Permission.IDENTITY_OPERATOR_DESIGNATE))]


class StaffBody(Body):
    """A proposed staff account; its holder sets the password.

    One of the operator's people belongs to a designation, by default the present one.
    """

    sign_in_name: Name
    display_name: Name
    roles: Annotated[Sequence[Role], Field(min_length=1, max_length=8)]
    region: RegionCode | None = None
    designation_id: UUID | None = None
    reason: OptionalReason = ""


@router.post("/staff", status_code=201, response_model=ShownProposal, summary="申请开立工作人员账号")
async def propose_opening(request: Request, run: SealedRun, body: StaffBody, principal: Admin) -> Response:
    """Propose a staff account; another person approves it. Source: ASVS 2.3.5."""
    command = staff.OpenStaff(
        sign_in_name=accept_sign_in_name(body.sign_in_name),
        display_name=body.display_name,
        roles=frozenset(body.roles),
        region=body.region,
        designation_id=body.designation_id,
        reason=body.reason,
        by=actor_of(principal),
    )
    return with_code(request, await run.run(staff.propose_opening, command, status=201), part=1)


@router.get("/staff", summary="工作人员账号列表")
async def list_staff(
    connection: Reading, principal: Admin, limit: Limit = LIMIT_DEFAULT, cursor: Cursor = None
) -> Page[StaffItem]:
    """Staff accounts; `conflicts` names roles that nobody may hold together any more."""
    del principal
    return await registers.list_staff(connection, limit=limit, cursor=cursor)


class RolesBody(Body):
    """The roles an account is to hold."""

    roles: Annotated[Sequence[Role], Field(min_length=1, max_length=8)]
    region: RegionCode | None = None
    designation_id: UUID | None = None
    reason: OptionalReason = ""


@router.put("/staff/{account_id}/roles", status_code=201, response_model=ShownProposal, summary="申请更改角色")
async def propose_roles(run: SealedRun, account_id: UUID, body: RolesBody, principal: Admin) -> Response:
    """Propose other roles; another person approves them."""
    command = staff.ChangeStaff(
        act=StaffAct.CHANGE_ROLES,
        account_id=account_id,
        roles=frozenset(body.roles),
        region=body.region,
        designation_id=body.designation_id,
        reason=body.reason,
        by=actor_of(principal),
    )
    return await run.run(staff.propose_change, command, status=201)


@router.post("/staff/{account_id}/disable", response_model=StaffResult, summary="停用账号")
async def disable_staff(run: SealedRun, account_id: UUID, body: ReasonBody, principal: Admin) -> Response:
    """Disable an account at once; its tokens are refused everywhere."""
    command = staff.DisableAccount(account_id=account_id, reason=body.reason, by=actor_of(principal))
    return await run.run(staff.disable_staff, command)


class MoveBody(Body):
    """The designation somebody of the operator works under from now on, and why."""

    designation_id: UUID
    reason: Reason


@router.put(
    "/staff/{account_id}/designation", status_code=201, response_model=ShownProposal, summary="申请调整人员所属的指定"
)
async def propose_move(run: SealedRun, account_id: UUID, body: MoveBody, principal: Designator) -> Response:
    """Propose, as the bureau, another designation for somebody of the operator; another person approves it.

    It gives rights back, so it takes two people. Source: A4, A7, R2, ASVS 2.3.5.
    """
    command = staff.ChangeStaff(
        act=StaffAct.MOVE,
        account_id=account_id,
        designation_id=body.designation_id,
        reason=body.reason,
        by=actor_of(principal),
    )
    return await run.run(staff.propose_change, command, status=201)


@router.post("/staff/{account_id}/enable", status_code=201, response_model=ShownProposal, summary="申请恢复账号")
async def propose_enabling(run: SealedRun, account_id: UUID, body: ReasonBody, principal: Admin) -> Response:
    """Propose that a disabled account signs in again; another person approves it."""
    command = _change(StaffAct.ENABLE, account_id, body, principal)
    return await run.run(staff.propose_change, command, status=201)


@router.post(
    "/staff/{account_id}/reset-password", status_code=201, response_model=ShownProposal, summary="申请重置密码"
)
async def propose_password_reset(
    request: Request, run: SealedRun, account_id: UUID, body: ReasonBody, principal: Admin
) -> Response:
    """Propose a reset after a check of who asks; each of the two people gets a part of the code."""
    command = _change(StaffAct.RESET_PASSWORD, account_id, body, principal)
    return with_code(request, await run.run(staff.propose_change, command, status=201), part=1)


@router.post(
    "/staff/{account_id}/reset-second-factor",
    status_code=201,
    response_model=ShownProposal,
    summary="申请重置身份验证器",
)
async def propose_factor_reset(run: SealedRun, account_id: UUID, body: ReasonBody, principal: Admin) -> Response:
    """Propose that the holder enrols another authenticator; another person approves it."""
    command = _change(StaffAct.RESET_SECOND_FACTOR, account_id, body, principal)
    return await run.run(staff.propose_change, command, status=201)


def _change(act: StaffAct, account_id: UUID, body: ReasonBody, principal: Principal) -> staff.ChangeStaff:
    return staff.ChangeStaff(act=act, account_id=account_id, reason=body.reason, by=actor_of(principal))


@router.get("/staff-proposals", summary="工作人员账号申请列表")
async def list_proposals(  # noqa: PLR0913 - the parts of a list
    request: Request,
    connection: Reading,
    principal: Second,
    *,
    decided: bool = False,
    limit: Limit = LIMIT_DEFAULT,
    cursor: Cursor = None,
) -> Page[ProposalItem]:
    """Proposals that wait for a second person, newest first; `decided` adds those that wait no more."""
    del principal
    now = runtime_of(request).clock.now()
    return await registers.list_proposals(connection, now=now, decided=decided, limit=limit, cursor=cursor)


class ApproveProposalBody(Body):
    """A remark of whoever approves."""

    reason: OptionalReason = ""


@router.post("/staff-proposals/{proposal_id}/approve", response_model=ShownProposal, summary="批准工作人员账号申请")
async def approve_proposal(
    request: Request, run: SealedRun, proposal_id: UUID, body: ApproveProposalBody, principal: Second
) -> Response:
    """Do what another person has proposed; the answer may hold the second part of the holder's code."""
    return with_code(request, await run.run(staff.approve, _decision(proposal_id, body.reason, principal)), part=2)


@router.post("/staff-proposals/{proposal_id}/refuse", response_model=ShownProposal, summary="不批准或撤回申请")
async def refuse_proposal(run: SealedRun, proposal_id: UUID, body: ReasonBody, principal: Second) -> Response:
    """Refuse what another person has proposed, or withdraw the own proposal."""
    return await run.run(staff.refuse, _decision(proposal_id, body.reason, principal))


def _decision(proposal_id: UUID, reason: str, principal: Principal) -> staff.DecideProposal:
    return staff.DecideProposal(proposal_id=proposal_id, reason=reason, roles=principal.roles, by=actor_of(principal))


class DesignateBody(Body):
    """Who is designated as operator, by which act, from when to when."""

    operator_name: Titled
    act: LineText
    starts_at: AwareDatetime | None = None
    ends_at: AwareDatetime | None = None


@router.post("/designations", status_code=201, response_model=DesignationResult, summary="指定系统运营方")
async def designate(run: SealedRun, body: DesignateBody, principal: Designator) -> Response:
    """Designate the operator. Source: N三(三), A4, A7, R2."""
    command = designations.Designate(
        operator_name=body.operator_name,
        act=body.act,
        starts_at=body.starts_at,
        ends_at=body.ends_at,
        by=actor_of(principal),
    )
    return await run.run(designations.designate, command, status=201)


class EndDesignationBody(Body):
    """Why a designation ends, and when; without a moment, now."""

    reason: Reason
    ends_at: AwareDatetime | None = None


@router.post("/designations/{designation_id}/end", response_model=DesignationResult, summary="终止系统运营方的指定")
async def end_designation(
    run: SealedRun, designation_id: UUID, body: EndDesignationBody, principal: Designator
) -> Response:
    """End a designation, and operator rights with it. Source: A4, A7, R2."""
    command = designations.EndDesignation(
        designation_id=designation_id, reason=body.reason, ends_at=body.ends_at, by=actor_of(principal)
    )
    return await run.run(designations.end_designation, command)


@router.get("/designations", summary="系统运营方的指定记录")
async def list_designations(
    connection: Reading,
    principal: Annotated[
        Principal,
        Depends(
            require_any(
                Permission.IDENTITY_OPERATOR_DESIGNATE,
                Permission.IDENTITY_ORGANISATION_READ_ALL,
                Permission.IDENTITY_STAFF_MANAGE,
            )
        ),
    ],
    limit: Limit = LIMIT_DEFAULT,
    cursor: Cursor = None,
) -> Page[DesignationItem]:
    """Who was operator, from when to when, by which act. Source: R2."""
    del principal
    return await registers.list_designations(connection, limit=limit, cursor=cursor)


@router.post("/keys/rotation", status_code=201, response_model=SigningKeyResult, summary="轮换令牌签名密钥")
async def rotate_key(run: SealedRun, body: ReasonBody, principal: KeyKeeper) -> Response:
    """Publish a new signing key."""
    command = keys.RotateKey(reason=body.reason, by=actor_of(principal))
    return await run.run(keys.rotate_key, command, status=201)
