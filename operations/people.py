"""Who a person is: two pairs of eyes rest on two sign-ins at identity, never on names that one person types.

Whoever acts signs in as at any other door, with password and second factor, and brings the token that identity signed
for the service whose data are to change. It is checked against the keys, ended accounts and ended sessions in that
service's own database, so the check needs no running service; getting a token needs identity alone.
"""

import getpass
import json
import os
import sys
import time
from argparse import Namespace
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import httpx

from operations.journal import Operator
from operations.places import Database, NotConfigured, WrongUse
from shared.contracts.permissions import Permission
from shared.runtime.auth import TokenVerifier
from shared.runtime.operator.keys import load_keys
from shared.runtime.work import PermissionMissing

SESSIONS: Final = "/api/identity/v1/sessions"
TIMEOUT_S: Final = 10.0
ISSUER_VARIABLE: Final = "IDENTITY_TOKEN_ISSUER"
ISSUER: Final = "yunquan"
ONLY_OWN: Final = 0o600


@dataclass(frozen=True, slots=True, repr=False)
class SavedSession:
    """The access tokens of a sign-in, by service, and the name that signed in."""

    name: str
    tokens: dict[str, str]


async def authenticated(given: Namespace, operator: Operator, service: Database, *, holding: Permission) -> Operator:
    """The operator as the account that the token of --token-file proves.

    Raises: WrongUse, TokenInvalid, TokenExpired, PermissionMissing.
    """
    saved = _read(given.token_file)
    name = service.service.name
    token = saved.tokens.get(name)
    if token is None:
        raise WrongUse(f"{saved.name} has no rights in {name}: {given.token_file} holds no token for it")
    issuer = os.environ.get(ISSUER_VARIABLE, ISSUER)
    verifier = TokenVerifier({}, audience=name, issuer=issuer, now=time.time)
    async with service.reading() as connection:
        await load_keys(connection, verifier)
    principal = verifier.verify(token)
    if holding not in principal.permissions:
        raise PermissionMissing(permission=holding.value)
    return replace(operator, name=saved.name, proved=principal.account_id)


def _read(file: Path | None) -> SavedSession:
    if file is None:
        raise WrongUse("this takes two people who each sign in: run `sign-in NAME --save FILE`, then give --token-file")
    try:
        kept: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        return SavedSession(str(kept["name"]), {str(one): str(text) for one, text in kept["access_tokens"].items()})
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise WrongUse(f"{file} holds no sign-in: {type(error).__name__}; run `sign-in NAME --save FILE`") from error


async def sign_in(name: str, *, base_url: str, save: Path, transport: httpx.AsyncBaseTransport | None = None) -> float:
    """Ask for password and code, sign in, and keep the tokens in a file that only we can read; seconds they live.

    Without a terminal OPERATOR_PASSWORD and OPERATOR_CODE are taken. Raises: WrongUse, NotConfigured.
    """
    body = {"sign_in_name": name, "password": _secret("OPERATOR_PASSWORD", "password: ")}
    try:
        async with httpx.AsyncClient(base_url=base_url.rstrip("/"), timeout=TIMEOUT_S, transport=transport) as client:
            answer = await client.post(SESSIONS, json=body)
            if answer.status_code == httpx.codes.UNAUTHORIZED and _code_of(answer) == "identity.second_factor_needed":
                code = _secret("OPERATOR_CODE", "code of the authenticator: ")
                answer = await client.post(SESSIONS, json={**body, "code": code})
    except httpx.HTTPError as error:
        raise NotConfigured(f"identity does not answer at {base_url}: {type(error).__name__}") from error
    if not answer.is_success:
        raise WrongUse(f"identity refuses: {_code_of(answer) or answer.status_code}")
    session = answer.json()
    if session.get("enrolment_needed"):
        raise WrongUse(f"{name} has no second factor yet; enrol one first")
    _keep(save, {"name": name, "access_tokens": session["access_tokens"]})
    lives_s: float = session["expires_in_s"]
    return lives_s


def _secret(variable: str, asked: str) -> str:
    value = os.environ.get(variable)
    if value:
        return value
    if not sys.stdin.isatty():
        raise NotConfigured(f"there is no terminal to ask at, and {variable} is not set")
    return getpass.getpass(asked)


def _code_of(answer: httpx.Response) -> str:
    try:
        return str(answer.json().get("code", ""))
    except (ValueError, AttributeError):
        return ""


def _keep(file: Path, session: dict[str, object]) -> None:
    fresh = file.with_name(f"{file.name}.new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, ONLY_OWN)
    with os.fdopen(descriptor, "w", encoding="utf-8") as handle:
        json.dump(session, handle)
    fresh.replace(file)
