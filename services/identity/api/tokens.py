"""The token endpoint of machine clients, and the metadata that leads them to it (RFC 6749, RFC 7523, RFC 8414).

What goes wrong here is said in the form of RFC 6749, 5.2, and not as a problem detail: clients of OAuth are made to
read that, and no other. A caller who asks too much is told so by the same problem as everywhere (ADR 0034).
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import parse_qsl

import structlog
from fastapi import APIRouter, Request
from pydantic import BaseModel
from starlette.responses import JSONResponse, Response

from services.identity.api.dependencies import Network
from services.identity.assertions import AssertionRefused
from services.identity.client_tokens import ScopeNotGranted, TokenAsked, TokenRates, give_token, prove
from shared.contracts.scopes import SCOPES
from shared.runtime.http import runtime_of

router = APIRouter()
log = structlog.get_logger()

FORM: Final = "application/x-www-form-urlencoded"
GRANT: Final = "client_credentials"
ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
METADATA_PATH: Final = "/.well-known/oauth-authorization-server"
METADATA_OPERATION: Final = "/oauth-authorization-server"
_BODY_BYTES_MAX: Final = 8_192
_FIELDS: Final = frozenset({"grant_type", "client_assertion_type", "client_assertion", "client_id", "scope"})
_BASE: Final = "/api/identity/v1"


class TokenError(Exception):
    """A request for a token that is refused in the words of RFC 6749, 5.2."""

    def __init__(self, error: str, *, status: int = 400, description: str = "") -> None:
        super().__init__(error)
        self.error = error
        self.status = status
        self.description = description


class TokenBody(BaseModel):
    """An access token, shown this once. Source: RFC 6749, 5.1."""

    access_token: str
    token_type: str = "Bearer"  # noqa: S105 - the kind of a token
    expires_in: int
    scope: str


class ServerMetadata(BaseModel):
    """What a client needs to know of this authorisation server. Source: RFC 8414."""

    issuer: str
    token_endpoint: str
    jwks_uri: str
    service_documentation: str
    grant_types_supported: Sequence[str] = (GRANT,)
    response_types_supported: Sequence[str] = ()
    token_endpoint_auth_methods_supported: Sequence[str] = ("private_key_jwt",)
    token_endpoint_auth_signing_alg_values_supported: Sequence[str] = ("EdDSA", "ES256")
    scopes_supported: Sequence[str] = tuple(sorted(SCOPES))


@router.get(METADATA_OPERATION, summary="授权服务器元数据（RFC 8414）")
async def read_metadata(request: Request) -> ServerMetadata:
    """The same as at /.well-known/oauth-authorization-server."""
    url = runtime_of(request).settings.public_url
    return ServerMetadata(
        issuer=url,
        token_endpoint=f"{url}{_BASE}/token",
        jwks_uri=f"{url}{_BASE}/keys",
        service_documentation=f"{url}{_BASE}/docs",
    )


_REQUEST: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            FORM: {
                "schema": {
                    "type": "object",
                    "required": ["grant_type", "client_assertion_type", "client_assertion"],
                    "properties": {
                        "grant_type": {"type": "string", "enum": [GRANT]},
                        "client_assertion_type": {"type": "string", "enum": [ASSERTION_TYPE]},
                        "client_assertion": {"type": "string"},
                        "client_id": {"type": "string"},
                        "scope": {"type": "string"},
                    },
                }
            }
        },
    },
    "responses": {
        status: {
            "description": "Refused in the words of RFC 6749, 5.2",
            "content": {
                "application/json": {
                    "schema": {
                        "type": "object",
                        "required": ["error"],
                        "properties": {"error": {"type": "string"}, "error_description": {"type": "string"}},
                    }
                }
            },
        }
        for status in ("400", "401")
    },
}


@router.post("/token", summary="应用客户端获取访问令牌（OAuth 2.0）", response_model=TokenBody, openapi_extra=_REQUEST)
async def give(request: Request, network: Network) -> Response:
    """A token for an assertion that the client has signed and that is good once.

    Source: RFC 6749, 4.4, RFC 7521, draft-ietf-oauth-rfc7523bis, RFC 9068.
    """
    runtime = runtime_of(request)
    rates = runtime.ports.get(TokenRates)
    rates.networks.take(request.scope, network)
    try:
        asked = _asked(await _form(request))
        try:
            key, judged = await prove(runtime, asked)
            rates.clients.take(request.scope, key.account_id)
            token = await give_token(runtime, asked, key, judged)
        except AssertionRefused as refusal:
            log.info("client.refused", reason=refusal.facts.get("reason"), network=network)
            raise TokenError("invalid_client", status=401) from refusal
        except ScopeNotGranted as refusal:
            raise TokenError("invalid_scope", description="a scope is not granted to the client") from refusal
    except TokenError as error:
        said = {"error": error.error}
        if error.description:
            said["error_description"] = error.description
        return JSONResponse(said, status_code=error.status, headers={"Pragma": "no-cache"})
    body = TokenBody(access_token=token.access_token, expires_in=token.expires_in_s, scope=" ".join(token.scopes))
    return Response(body.model_dump_json(), media_type="application/json", headers={"Pragma": "no-cache"})


async def _form(request: Request) -> Mapping[str, str]:
    """The fields of the form, each once. Raises: TokenError, BodyTooLarge."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        raise TokenError("invalid_request", description=f"the body is {FORM}")
    # Ids and secrets are no way to prove who calls here.
    if "authorization" in request.headers:
        raise TokenError("invalid_client", status=401, description="only private_key_jwt is supported")
    raw = await request.body()
    if len(raw) > _BODY_BYTES_MAX:
        raise TokenError("invalid_request", description="the body is too large")
    try:
        given = parse_qsl(raw.decode("ascii"), keep_blank_values=True, strict_parsing=True, errors="strict")
    except ValueError as error:
        raise TokenError("invalid_request", description="the body is no form") from error
    fields = dict(given)
    if len(fields) < len(given):
        raise TokenError("invalid_request", description="a field comes twice")
    if "client_secret" in fields:
        raise TokenError("invalid_client", status=401, description="only private_key_jwt is supported")
    return {name: value for name, value in fields.items() if name in _FIELDS and value}


def _asked(fields: Mapping[str, str]) -> TokenAsked:
    """Raises: TokenError."""
    if "grant_type" not in fields:
        raise TokenError("invalid_request", description="grant_type is missing")
    if fields["grant_type"] != GRANT:
        raise TokenError("unsupported_grant_type")
    if fields.get("client_assertion_type") != ASSERTION_TYPE or "client_assertion" not in fields:
        raise TokenError("invalid_client", status=401, description="only private_key_jwt is supported")
    scopes = fields.get("scope", "").split(" ") if "scope" in fields else []
    if any(scope not in SCOPES for scope in scopes):
        raise TokenError("invalid_scope", description="a scope is unknown")
    return TokenAsked(assertion=fields["client_assertion"], client_id=fields.get("client_id", ""), scopes=tuple(scopes))
