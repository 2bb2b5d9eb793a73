"""Machine clients of the caller's organisation, kept by its administrator."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Response
from pydantic import Field

from services.identity.api.bodies import ReasonBody, Titled
from services.identity.handlers import clients
from services.identity.handlers.clients import ClientResult
from services.identity.views import clients as views
from services.identity.views.clients import ClientItem
from shared.contracts.http.lists import LIMIT_DEFAULT, Page
from shared.contracts.permissions import Permission, Role
from shared.runtime.auth import Principal
from shared.runtime.http import (
    Body,
    Cursor,
    Distinct,
    Limit,
    Moment,
    Reading,
    Run,
    VersionedRun,
    VersionRequiredRun,
    actor_of,
    require,
    to_json,
)

router = APIRouter(prefix="/clients")

Keeper = Annotated[Principal, Depends(require(Permission.IDENTITY_CLIENT_MANAGE_OWN))]
Scopes = Annotated[
    list[Annotated[str, Field(pattern=r"^[a-z]+:[a-z]+$", max_length=64)]], Field(min_length=1, max_length=64), Distinct
]
PublicKey = Annotated[str, Field(min_length=1, max_length=4_096)] | dict[str, Any]
Kid = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{43}$")]


class OpenBody(Body):
    """A client's name, its scopes, and its public key: SPKI in PEM as text, or a JWK or a JWKS as an object."""

    name: Titled
    scopes: Scopes
    public_key: PublicKey
    expires_at: Moment | None = None
    """Until when the keys are good, in machine time; a year where it is left out, at most two."""


class ChangeBody(Body):
    """A client's name and all its scopes, as they shall be."""

    name: Titled
    scopes: Scopes


class KeyBody(Body):
    """Another public key."""

    public_key: PublicKey
    expires_at: Moment | None = None


@router.get("", summary="本单位的应用客户端")
async def list_clients(
    connection: Reading, principal: Keeper, limit: Limit = LIMIT_DEFAULT, cursor: Cursor = None
) -> Page[ClientItem]:
    """The clients of the caller's organisation, with their keys."""
    return await views.list_clients(connection, principal, limit=limit, cursor=cursor)


@router.get("/{client_id}", response_model=ClientItem, summary="应用客户端详情")
async def read_client(connection: Reading, principal: Keeper, client_id: UUID) -> Response:
    """One client, named by its `id`; its ETag is what a change asks for."""
    found = await views.read_client(connection, principal, client_id)
    return Response(to_json(found), media_type="application/json", headers={"ETag": f'"{found.version}"'})


@router.post("", status_code=201, response_model=ClientResult, summary="创建应用客户端")
async def open_client(run: Run, body: OpenBody, principal: Keeper) -> Response:
    """Open a client with its scopes and its first public key."""
    command = clients.OpenClient(
        name=body.name,
        scopes=body.scopes,
        public_key=body.public_key,
        expires_at=body.expires_at,
        role=_role(principal),
        by=actor_of(principal),
    )
    return await run.run(
        clients.open_client, command, status=201, location=lambda opened: f"/api/identity/v1/clients/{opened.id}"
    )


@router.put("/{client_id}", response_model=ClientResult, summary="变更应用客户端的名称和权限范围")
async def change_client(run: VersionRequiredRun, client_id: UUID, body: ChangeBody, principal: Keeper) -> Response:
    """Set a client's name and scopes; tokens with a scope that is taken away end everywhere."""
    command = clients.ChangeClient(
        client_id=client_id,
        expected_version=run.expected_version,
        name=body.name,
        scopes=body.scopes,
        role=_role(principal),
        by=actor_of(principal),
    )
    return await run.run(clients.change_client, command)


@router.post("/{client_id}/keys", status_code=201, response_model=ClientResult, summary="增加公钥")
async def add_key(run: VersionedRun, client_id: UUID, body: KeyBody, principal: Keeper) -> Response:
    """Add a second public key, to change from one to the other."""
    command = clients.AddKey(
        client_id=client_id,
        expected_version=run.expected_version,
        public_key=body.public_key,
        expires_at=body.expires_at,
        by=actor_of(principal),
    )
    return await run.run(clients.add_key, command, status=201)


@router.post("/{client_id}/keys/{kid}/retire", response_model=ClientResult, summary="停用公钥")
async def retire_key(run: VersionedRun, client_id: UUID, kid: Kid, principal: Keeper) -> Response:
    """End a public key; the tokens that were given for it are refused everywhere."""
    command = clients.RetireKey(
        client_id=client_id, expected_version=run.expected_version, kid=kid, by=actor_of(principal)
    )
    return await run.run(clients.retire_key, command)


@router.post("/{client_id}/suspend", response_model=ClientResult, summary="暂停应用客户端")
async def suspend_client(run: VersionedRun, client_id: UUID, body: ReasonBody, principal: Keeper) -> Response:
    """Let a client do nothing until it is resumed; its tokens are refused everywhere."""
    return await run.run(clients.suspend_client, _stop(run, client_id, body, principal))


@router.post("/{client_id}/resume", response_model=ClientResult, summary="恢复应用客户端")
async def resume_client(run: VersionedRun, client_id: UUID, body: ReasonBody, principal: Keeper) -> Response:
    """Let a suspended client act again; tokens of the minute after its suspension stay refused."""
    return await run.run(clients.resume_client, _stop(run, client_id, body, principal))


@router.post("/{client_id}/delete", response_model=ClientResult, summary="删除应用客户端")
async def delete_client(run: VersionedRun, client_id: UUID, body: ReasonBody, principal: Keeper) -> Response:
    """End a client and its keys for ever; what it did stays on record."""
    return await run.run(clients.delete_client, _stop(run, client_id, body, principal))


def _stop(run: VersionedRun, client_id: UUID, body: ReasonBody, principal: Principal) -> clients.StopClient:
    return clients.StopClient(
        client_id=client_id, expected_version=run.expected_version, reason=body.reason, by=actor_of(principal)
    )


def _role(principal: Principal) -> Role:
    """The role of a party's account; it has no other."""
    return min(principal.roles)
