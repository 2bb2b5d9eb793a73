"""Sign-in, refresh, sign-out, the own account.

Tokens, passwords and codes are never stored under an Idempotency-Key.
"""

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from services.identity import own_password, second_factor, sessions
from services.identity.admission import Attempt
from services.identity.api.bodies import Password
from services.identity.api.dependencies import Agent, Network
from services.identity.sessions import Session
from services.identity.views import registers
from services.identity.views.models.people import Me
from services.identity.views.tasks import list_tasks
from shared.contracts.http.lists import LIMIT_DEFAULT, Page, Task
from shared.contracts.permissions import Permission
from shared.runtime.auth import Principal
from shared.runtime.http import Body, Cursor, Limit, Reading, actor_of, person_of, principal_of, require, runtime_of

router = APIRouter()

SignedIn = Annotated[Principal, Depends(principal_of)]
Person = Annotated[Principal, Depends(person_of)]


class SessionBody(BaseModel):
    """Tokens of a session: one access token for each service, and the refresh token, shown this once."""

    account_id: UUID
    organisation_id: UUID | None
    roles: Sequence[str]
    refresh_token: str
    access_tokens: dict[str, str]
    expires_in_s: int
    device_token: str | None
    """After a sign-in: keep it, and send it with the next sign-in on this device."""
    enrolment_needed: bool
    """Whether these tokens open nothing but the enrolment of a second factor."""


class EnrolmentBody(BaseModel):
    """What an authenticator needs, shown this once."""

    otpauth_uri: str
    secret: str


class RecoveryCodesBody(BaseModel):
    """Ten codes, each good for one sign-in without the authenticator; shown this once."""

    recovery_codes: Sequence[str]


def _shown(session: Session) -> SessionBody:
    return SessionBody(
        account_id=session.account_id,
        organisation_id=session.organisation_id,
        roles=session.roles,
        refresh_token=session.refresh_token,
        access_tokens=session.access_tokens,
        expires_in_s=session.expires_in_s,
        device_token=session.device_token or None,
        enrolment_needed=session.enrolment_needed,
    )


class SignInBody(Body):
    """A try to sign in; `code` is of the authenticator, or a recovery code, where the account has them.

    `device_token` is what the last sign-in on this device answered: with it strangers cannot make its owner wait.
    """

    sign_in_name: Annotated[str, Field(max_length=256)]
    password: Password
    code: Annotated[str, Field(max_length=64)] = ""
    device_token: Annotated[str, Field(max_length=256)] = ""


@router.post("/sessions", status_code=201, summary="登录")
async def sign_in(request: Request, body: SignInBody, network: Network, agent: Agent) -> SessionBody:
    """Open a session. Source: ASVS 6.3.1, 6.3.3, 7.4."""
    attempt = Attempt(
        sign_in_name=body.sign_in_name,
        password=body.password.get_secret_value(),
        network=network,
        agent=agent,
        device_token=body.device_token,
        code=body.code,
    )
    return _shown(await sessions.sign_in(runtime_of(request), attempt))


class RefreshBody(Body):
    """A refresh token, used once."""

    refresh_token: Annotated[str, Field(min_length=1, max_length=256)]


@router.post("/sessions/refresh", summary="刷新登录凭证")
async def refresh(request: Request, body: RefreshBody, network: Network, agent: Agent) -> SessionBody:
    """Exchange a refresh token; one that comes twice ends its session, but for a second tab that asks at once.

    Source: RFC 9700, 4.14.2.
    """
    found = await sessions.refresh(runtime_of(request), body.refresh_token, agent=agent, network=network)
    return _shown(found)


@router.delete("/sessions/current", status_code=204, summary="退出登录")
async def sign_out(
    request: Request,
    principal: Person,
    refresh_token: Annotated[str | None, Header(max_length=256)] = None,
) -> Response:
    """End the session of the Refresh-Token header, or without it every session of the account."""
    await sessions.sign_out(runtime_of(request), principal.account_id, refresh_token=refresh_token)
    return Response(status_code=204)


@router.get("/me", summary="我的账号")
async def read_me(connection: Reading, principal: SignedIn) -> Me:
    """Who is signed in and what the roles allow now."""
    return await registers.read_me(connection, principal)


class PasswordBody(Body):
    """The present password and the new one."""

    present: Password
    new: Password


@router.put("/me/password", status_code=204, summary="修改密码")
async def change_password(request: Request, body: PasswordBody, principal: Person, network: Network) -> Response:
    """Set another password; every session ends."""
    attempt = Attempt(sign_in_name="", password=body.present.get_secret_value(), network=network)
    await own_password.change_password(
        runtime_of(request), actor_of(principal), attempt=attempt, new_password=body.new.get_secret_value()
    )
    return Response(status_code=204)


class ResetPasswordBody(Body):
    """A reset code, both parts one after the other where two people gave one each, and the new password."""

    sign_in_name: Annotated[str, Field(max_length=256)]
    code: Annotated[str, Field(min_length=1, max_length=128)]
    new: Password


@router.post("/password-resets", status_code=204, summary="凭重置码设置密码")
async def reset_password(request: Request, body: ResetPasswordBody, network: Network) -> Response:
    """Set a password with a code that others gave out; every session ends. Source: ASVS 6.4."""
    attempt = Attempt(
        sign_in_name=body.sign_in_name, password=body.new.get_secret_value(), network=network, code=body.code
    )
    await own_password.reset_password(runtime_of(request), attempt)
    return Response(status_code=204)


@router.post("/me/second-factor", summary="绑定身份验证器")
async def enrol_second_factor(request: Request, principal: Person) -> EnrolmentBody:
    """A fresh secret for an authenticator; it counts once a code confirms it. Source: ASVS 6.3.3, RFC 6238."""
    made = await second_factor.enrol(runtime_of(request), actor_of(principal))
    return EnrolmentBody(otpauth_uri=made.otpauth_uri, secret=made.secret)


class CodeBody(Body):
    """A code of the authenticator."""

    code: Annotated[str, Field(min_length=1, max_length=64)]


@router.post("/me/second-factor/confirm", summary="确认身份验证器")
async def confirm_second_factor(request: Request, body: CodeBody, principal: Person) -> RecoveryCodesBody:
    """Confirm with a first code; a refresh then gives the tokens of the account's roles."""
    actor, session_id = actor_of(principal), principal.session_id
    codes = await second_factor.confirm(runtime_of(request), actor, code=body.code, session_id=session_id)
    return RecoveryCodesBody(recovery_codes=codes)


@router.get("/tasks", summary="待办事项")
async def read_tasks(
    request: Request,
    connection: Reading,
    principal: Annotated[Principal, Depends(require(Permission.PLATFORM_TASK_READ))],
    limit: Limit = LIMIT_DEFAULT,
    cursor: Cursor = None,
) -> Page[Task]:
    """What waits for the caller."""
    now = runtime_of(request).clock.now()
    return await list_tasks(connection, principal, now=now, limit=limit, cursor=cursor)
