"""Sign-in, refresh, sign-out, the own account. Tokens and passwords are never stored under an Idempotency-Key."""

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Request
from pydantic import BaseModel
from starlette.responses import Response

from services.identity import sessions
from services.identity.api.asking import Network
from services.identity.api.bodies import PasswordBody, RefreshBody, SignInBody
from services.identity.sessions import Session, SignIn
from services.identity.views import registers
from services.identity.views.models import Me
from services.identity.views.tasks import list_tasks
from shared.contracts.http.lists import LIMIT_DEFAULT, Page, Task
from shared.contracts.permissions import Permission
from shared.runtime.auth.tokens import Principal
from shared.runtime.edge import principal_of, require, runtime_of
from shared.runtime.http import Reading, actor_of
from shared.runtime.paging import Cursor, Limit

router = APIRouter()

SignedIn = Annotated[Principal, Depends(principal_of)]


class SessionBody(BaseModel):
    """Tokens of a session: one access token for each service, and the refresh token, shown this once."""

    account_id: UUID
    organisation_id: UUID | None
    roles: Sequence[str]
    refresh_token: str
    access_tokens: dict[str, str]
    expires_in_s: int


def _shown(session: Session) -> SessionBody:
    return SessionBody(
        account_id=session.account_id,
        organisation_id=session.organisation_id,
        roles=session.roles,
        refresh_token=session.refresh_token,
        access_tokens=session.access_tokens,
        expires_in_s=session.expires_in_s,
    )


@router.post("/sessions", status_code=201, summary="登录")
async def sign_in(request: Request, body: SignInBody, network: Network) -> SessionBody:
    """Open a session. Source: ASVS 6.3.1, 7.4."""
    attempt = SignIn(body.sign_in_name, body.password.get_secret_value(), network)
    return _shown(await sessions.sign_in(runtime_of(request), attempt))


@router.post("/sessions/refresh", summary="刷新登录凭证")
async def refresh(request: Request, body: RefreshBody) -> SessionBody:
    """Exchange a refresh token; one that comes twice ends its session. Source: RFC 9700, 4.14.2."""
    return _shown(await sessions.refresh(runtime_of(request), body.refresh_token))


@router.delete("/sessions/current", status_code=204, summary="退出登录")
async def sign_out(
    request: Request,
    principal: SignedIn,
    refresh_token: Annotated[str | None, Header(max_length=256)] = None,
) -> Response:
    """End the session of the Refresh-Token header, or without it every session of the account."""
    await sessions.sign_out(runtime_of(request), principal.account_id, refresh_token=refresh_token)
    return Response(status_code=204)


@router.get("/me", summary="我的账号")
async def read_me(connection: Reading, principal: SignedIn) -> Me:
    """Who is signed in and what the roles allow now."""
    return await registers.read_me(connection, principal)


@router.put("/me/password", status_code=204, summary="修改密码")
async def change_password(request: Request, body: PasswordBody, principal: SignedIn, network: Network) -> Response:
    """Set another password; every session ends."""
    attempt = SignIn("", body.present.get_secret_value(), network)
    await sessions.change_password(
        runtime_of(request), actor_of(principal), attempt=attempt, new_password=body.new.get_secret_value()
    )
    return Response(status_code=204)


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
