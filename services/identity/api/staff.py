"""Staff accounts, the operator's designation and the signing keys."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from services.identity.api.asking import SealedRun
from services.identity.api.bodies import (
    DesignateBody,
    EndDesignationBody,
    MoveBody,
    ReasonBody,
    RolesBody,
    StaffBody,
)
from services.identity.domain.accounts import accept_sign_in_name
from services.identity.handlers import designations, keys, staff
from services.identity.handlers.designations import DesignationOutcome, Moved
from services.identity.handlers.keys import KeyRotated
from services.identity.handlers.staff import StaffOutcome
from services.identity.views import registers
from services.identity.views.models import DesignationItem, StaffItem
from shared.contracts.http.lists import LIMIT_DEFAULT, Page
from shared.contracts.permissions import Permission
from shared.runtime.auth.passwords import Passwords, check_password_rule
from shared.runtime.auth.tokens import Principal
from shared.runtime.edge import require, require_any, runtime_of
from shared.runtime.http import Reading, actor_of
from shared.runtime.paging import Cursor, Limit

router = APIRouter()

Admin = Annotated[Principal, Depends(require(Permission.IDENTITY_STAFF_MANAGE))]
Designator = Annotated[Principal, Depends(require(Permission.IDENTITY_OPERATOR_DESIGNATE))]


@router.post("/staff", status_code=201, response_model=StaffOutcome, summary="开立工作人员账号")
async def open_staff(request: Request, run: SealedRun, body: StaffBody, principal: Admin) -> Response:
    """Open a staff account."""
    sign_in_name = accept_sign_in_name(body.sign_in_name)
    password = body.password.get_secret_value()
    check_password_rule(password, login_name=sign_in_name)
    command = staff.OpenStaff(
        sign_in_name=sign_in_name,
        password_hash=await runtime_of(request).ports.get(Passwords).hash(password),
        display_name=body.display_name,
        roles=frozenset(body.roles),
        region=body.region,
        designation_id=body.designation_id,
        by=actor_of(principal),
    )
    return await run.run(staff.open_staff, command, status=201)


@router.get("/staff", summary="工作人员账号列表")
async def list_staff(
    connection: Reading, principal: Admin, limit: Limit = LIMIT_DEFAULT, cursor: Cursor = None
) -> Page[StaffItem]:
    """Staff accounts."""
    del principal
    return await registers.list_staff(connection, limit=limit, cursor=cursor)


@router.put("/staff/{account_id}/roles", response_model=StaffOutcome, summary="更改角色")
async def change_roles(run: SealedRun, account_id: UUID, body: RolesBody, principal: Admin) -> Response:
    """Change roles; tokens with the old ones are refused everywhere."""
    command = staff.ChangeRoles(
        account_id=account_id,
        roles=frozenset(body.roles),
        region=body.region,
        designation_id=body.designation_id,
        by=actor_of(principal),
    )
    return await run.run(staff.change_roles, command)


@router.post("/staff/{account_id}/disable", response_model=StaffOutcome, summary="停用账号")
async def disable_staff(run: SealedRun, account_id: UUID, body: ReasonBody, principal: Admin) -> Response:
    """Disable an account; its tokens are refused everywhere."""
    command = staff.DisableAccount(account_id=account_id, reason=body.reason, by=actor_of(principal))
    return await run.run(staff.disable_staff, command)


@router.put("/staff/{account_id}/designation", response_model=Moved, summary="调整人员所属的指定")
async def move_to_designation(run: SealedRun, account_id: UUID, body: MoveBody, principal: Designator) -> Response:
    """Put somebody of the operator under another designation; the bureau decides it. Source: A4, A7, R2."""
    command = designations.MoveToDesignation(
        account_id=account_id,
        designation_id=body.designation_id,
        reason=body.reason,
        by=actor_of(principal),
    )
    return await run.run(designations.move_to_designation, command)


@router.post("/designations", status_code=201, response_model=DesignationOutcome, summary="指定系统运营方")
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


@router.post("/designations/{designation_id}/end", response_model=DesignationOutcome, summary="终止系统运营方的指定")
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


@router.post("/keys/rotation", status_code=201, response_model=KeyRotated, summary="轮换令牌签名密钥")
async def rotate_key(run: SealedRun, body: ReasonBody, principal: Admin) -> Response:
    """Publish a new signing key."""
    command = keys.RotateKey(reason=body.reason, by=actor_of(principal))
    return await run.run(keys.rotate_key, command, status=201)
