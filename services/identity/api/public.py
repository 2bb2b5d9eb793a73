"""Open to everybody: registration, forms, the directory, the blacklist and the public keys."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import Field
from starlette.responses import Response

from services.identity.admission import admit_registration
from services.identity.api.bodies import LineText, Name, OptionalReason, Password, RegionCode
from services.identity.api.dependencies import Network, SealedRun
from services.identity.auth.passwords import check_password_rule
from services.identity.domain.accounts import accept_sign_in_name
from services.identity.handlers.registration import (
    Register,
    RegistrationPasswords,
    RegistrationResult,
    register,
)
from services.identity.sealing import Vault
from services.identity.views import registers
from services.identity.views.models.parties import BlacklistItem, Form, ProviderDirectoryItem
from services.identity.views.models.people import JsonWebKeys
from shared.contracts.http.lists import LIMIT_DEFAULT, Page
from shared.contracts.policy import PartyKind, PolicyPack
from shared.runtime.http import Body, Cursor, Limit, Reading, require_any, runtime_of

router = APIRouter()


class RegisterBody(Body):
    """A registration form."""

    kind: PartyKind
    credit_code: Name
    name: LineText
    region: RegionCode
    contact_name: Name
    contact_phone: Annotated[str, Field(pattern=r"^[0-9０-９+＋ \u3000()（）.\-－‐‑–—]{5,32}$")]
    """As people write it: full width, prefix, blanks, hyphens and brackets are kept and folded for comparison."""
    sign_in_name: Name
    password: Password
    check_override: OptionalReason = ""
    """Why a code whose check place fails is right all the same."""


@router.post("/registrations", status_code=201, response_model=RegistrationResult, summary="注册上云企业或云服务商")
async def register_organisation(request: Request, run: SealedRun, body: RegisterBody, network: Network) -> Response:
    """Register with the unified social credit code and open the first account. Source: A11(1), A14(1)."""
    runtime = runtime_of(request)
    ports = runtime.ports
    await admit_registration(runtime, network)
    sign_in_name = accept_sign_in_name(body.sign_in_name)
    password = body.password.get_secret_value()
    check_password_rule(password, login_name=sign_in_name)
    command = Register(
        kind=body.kind,
        credit_code=body.credit_code,
        name=body.name,
        region=body.region,
        contact_name=body.contact_name,
        contact_phone=body.contact_phone,
        sign_in_name=sign_in_name,
        password_hash=await ports.get(RegistrationPasswords).hash_for(password, network=network),
        check_evidence=body.check_override,
    )
    # Nobody is signed in: the key belongs to the network it comes from, of which only a keyed hash is stored.
    caller = ports.get(Vault).index(network.encode(), purpose="anonymous").hex()[:16]
    return await run.run(
        register,
        command,
        status=201,
        location=lambda registered: f"/api/identity/v1/organisations/{registered.organisation_id}",
        account=f"anonymous-{caller}",
    )


@router.get("/forms/{party}", summary="注册和实名认证所需材料")
async def read_form(request: Request, party: PartyKind) -> Form:
    """What a party files and signs off."""
    return registers.form_of(runtime_of(request).ports.get(PolicyPack), party)


@router.get("/directory", summary="云服务商名录")
async def read_directory(
    request: Request, connection: Reading, limit: Limit = LIMIT_DEFAULT, cursor: Cursor = None
) -> Page[ProviderDirectoryItem]:
    """The recognised providers. Source: N三(二), R15."""
    return await registers.list_directory(connection, runtime_of(request).clock, limit=limit, cursor=cursor)


@router.get("/blacklist", summary="黑名单公示")
async def read_blacklist(
    request: Request,
    connection: Reading,
    limit: Limit = LIMIT_DEFAULT,
    cursor: Cursor = None,
    proposals: Annotated[str | None, Query(pattern="^include$")] = None,
) -> Page[BlacklistItem]:
    """Blacklisted codes; `proposals=include` adds proposals for who proposes, approves or audits. Source: A12, R16."""
    if proposals:
        require_any(*registers.BLACKLIST_WATCHERS)(request)
    states = registers.blacklist_states(proposals=bool(proposals))
    return await registers.list_blacklist(connection, states=states, limit=limit, cursor=cursor)


@router.get("/keys", summary="令牌签名公钥（JWKS）")
async def read_keys(connection: Reading) -> JsonWebKeys:
    """The public keys that access tokens are signed with. Source: RFC 7517, RFC 8037."""
    return await registers.read_keys(connection)
