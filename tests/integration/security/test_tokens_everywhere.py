"""Forged, foreign and ended tokens are refused by all five services, and a key's life ends everywhere."""

import asyncio
import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from services.identity.signing import SigningKeys
from shared.contracts.permissions import Role
from shared.kernel.ids import AccountId
from shared.runtime.auth.tokens import TokenSigner
from shared.runtime.schedule.scheduler import run_job
from tests.factories.harness import ISSUER
from tests.factories.staff import approved, hire
from tests.integration.security.platform_fixture import ADMIN, ADMIN_PASSWORD, NAMES, Estate

pytestmark = pytest.mark.asyncio(loop_scope="session")

REFUSED_WITHIN_S = 60.0
PASSWORD = "correct horse 7 battery"
# The key whose public half every database of the tests trusts, under the kid `test`.
PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PEM = PRIVATE.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
RAW = PRIVATE.public_key().public_bytes_raw()
HOT = {"voucher": "applications", "order": "orders"}

Sign = Callable[[bytes], bytes]


def part(value: Mapping[str, Any]) -> bytes:
    """One part of a compact token."""
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=")


def forged(service: str, *, header: Mapping[str, Any] | None = None, sign: Sign = PRIVATE.sign, **claims: Any) -> str:
    """A token for an enterprise, good in everything but what the caller changes."""
    now = time.time()
    body = {
        "iss": ISSUER,
        "sub": str(uuid4()),
        "aud": service,
        "org": str(uuid4()),
        "roles": ["enterprise"],
        "region": None,
        "jti": uuid4().hex,
        "iat": now,
        "exp": now + 300,
    }
    signed = part({"alg": "EdDSA", "kid": "test", "typ": "at+jwt", **(header or {})}) + b"." + part({**body, **claims})
    signature = base64.urlsafe_b64encode(sign(signed)).rstrip(b"=")
    return (signed + b"." + signature).decode()


def hmac_with(key: bytes) -> Sign:
    """A signature that a verifier believes when it takes the public key for a shared secret."""
    return lambda signed: hmac.digest(key, signed, hashlib.sha256)


def no_signature(signed: bytes) -> bytes:
    """No signature at all."""
    del signed
    return b""


STRANGER = Ed25519PrivateKey.generate()
FORGERIES: dict[str, Callable[[str], str]] = {
    "alg none": lambda service: forged(service, header={"alg": "none"}, sign=no_signature),
    "alg None": lambda service: forged(service, header={"alg": "None"}, sign=no_signature),
    "no signature": lambda service: forged(service, sign=no_signature),
    "HS256 with the public key (PEM)": lambda service: forged(service, header={"alg": "HS256"}, sign=hmac_with(PEM)),
    "HS256 with the public key (raw)": lambda service: forged(service, header={"alg": "HS256"}, sign=hmac_with(RAW)),
    "another service's audience": lambda service: forged("voucher" if service != "voucher" else "order"),
    "several audiences": lambda service: forged(service, aud=list(NAMES)),
    "no audience": lambda service: forged(service, aud=None),
    "another issuer": lambda service: forged(service, iss="elsewhere"),
    "expired": lambda service: forged(service, iat=time.time() - 301, exp=time.time() - 1),
    "issued in the future": lambda service: forged(service, iat=time.time() + 3_600, exp=time.time() + 3_700),
    "living for a day": lambda service: forged(service, exp=time.time() + 86_400),
    "unknown kid": lambda service: forged(service, header={"kid": "stranger"}, sign=STRANGER.sign),
    "known kid, foreign key": lambda service: forged(service, sign=STRANGER.sign),
    "kid as a path": lambda service: forged(service, header={"kid": "../../dev/null"}),
    "jku": lambda service: forged(service, header={"jku": "https://evil.example/keys"}, sign=STRANGER.sign),
    "jku beside a good signature": lambda service: forged(service, header={"jku": "https://evil.example/keys"}),
    "own key in the header": lambda service: forged(service, header={"jwk": {"kty": "OKP"}}),
    "another type": lambda service: forged(service, header={"typ": "JWT"}),
    "critical extension": lambda service: forged(service, header={"crit": ["b64"], "b64": False}),
    "no parts": lambda _: "abc",
    "empty parts": lambda _: "..",
    "five thousand characters": lambda _: "a" * 5_000,
}


async def told(estate: Estate, service: str, token: str) -> int:
    """The status of a cold reading; a hot route, asked between two of them, must say what one of the two says.

    Between two calls the end of an account may arrive, so one reading alone would blame the hot route for its hour.
    """
    bearer = {"Authorization": f"Bearer {token}"}
    before = cold = await estate.call("GET", f"/api/{service}/v1/notices", headers=bearer)
    if service in HOT:
        hot = await estate.call("POST", f"/api/{service}/v1/{HOT[service]}", {}, headers=bearer)
        cold = await estate.call("GET", f"/api/{service}/v1/notices", headers=bearer)
        refused = {before.status_code == 401, cold.status_code == 401}
        assert (hot.status_code == 401) in refused, f"hot and cold differ in {service}"
    if cold.status_code == 401:
        assert cold.json()["code"] in {"auth.token_invalid", "auth.token_for_other", "auth.token_expired"}
        assert cold.headers["WWW-Authenticate"] == "Bearer"
    return cold.status_code


@pytest.mark.parametrize("service", NAMES)
async def test_an_unchanged_token_is_let_in_so_that_the_forgeries_prove_something(estate: Estate, service: str) -> None:
    assert await told(estate, service, forged(service)) == 200


@pytest.mark.parametrize("service", NAMES)
@pytest.mark.parametrize("forgery", FORGERIES.values(), ids=FORGERIES.keys())
async def test_a_forged_token_is_refused_by_every_service(
    estate: Estate, service: str, forgery: Callable[[str], str]
) -> None:
    assert await told(estate, service, forgery(service)) == 401


@pytest.mark.parametrize("service", NAMES)
async def test_a_token_in_another_scheme_or_place_is_not_read(estate: Estate, service: str) -> None:
    token, path = forged(service), f"/api/{service}/v1/notices"
    basic = await estate.call("GET", path, headers={"Authorization": f"Basic {token}"})
    query = await estate.call("GET", path, params={"access_token": token})
    cookie = await estate.call("GET", path, headers={"Cookie": f"access_token={token}; Authorization={token}"})
    assert {basic.status_code, query.status_code, cookie.status_code} == {401}


@dataclass(frozen=True)
class SignedIn:
    """A session as the client got it."""

    account_id: UUID
    tokens: Mapping[str, str]
    refresh_token: str


async def sign_in(estate: Estate, name: str, password: str) -> SignedIn:
    """Sign in as everybody does."""
    body = {"sign_in_name": name, "password": password}
    session = await estate.done("POST", "/api/identity/v1/sessions", body)
    return SignedIn(UUID(session["account_id"]), session["access_tokens"], session["refresh_token"])


async def believed(estate: Estate, session: SignedIn) -> dict[str, int]:
    """What each service says to the session's token for it."""
    return {service: await told(estate, service, session.tokens[service]) for service in NAMES}


async def until_everywhere(estate: Estate, session: SignedIn, status: int) -> float:
    """Wait until every service answers so; the seconds it took, at most a minute."""
    began = time.monotonic()
    async with asyncio.timeout(REFUSED_WITHIN_S):
        while set((await believed(estate, session)).values()) != {status}:  # noqa: ASYNC110 - other services are awaited
            await asyncio.sleep(0.05)
    return time.monotonic() - began


async def new_staff(estate: Estate) -> tuple[dict[str, str], SignedIn]:
    """The administrator's bearer for identity, and a signed-in auditor whom every service believes."""
    admin = await sign_in(estate, ADMIN, ADMIN_PASSWORD)
    await until_everywhere(estate, admin, 200)
    bearer = {"Authorization": f"Bearer {admin.tokens['identity']}"}
    name = f"auditor-{uuid4().hex[:8]}"
    await hire(estate.platform.client, name, "auditor", password=PASSWORD)
    await estate.platform.settle()
    session = await sign_in(estate, name, PASSWORD)
    assert set((await believed(estate, session)).values()) == {200}
    return bearer, session


@pytest.mark.requirement("R9")
async def test_a_disabled_account_is_refused_by_every_service_within_a_minute(
    estate: Estate, record_property: Callable[[str, object], None]
) -> None:
    bearer, session = await new_staff(estate)
    path = f"/api/identity/v1/staff/{session.account_id}/disable"
    await estate.done("POST", path, {"reason": "离职"}, headers=bearer)
    took_s = await until_everywhere(estate, session, 401)
    record_property("refused_everywhere_after_s", round(took_s, 3))
    refreshed = await estate.call("POST", "/api/identity/v1/sessions/refresh", {"refresh_token": session.refresh_token})
    assert refreshed.status_code == 401
    # A token signed after the end, by a signer that has not heard of it, is refused as well.
    later = TokenSigner(PRIVATE, kid="test", issuer=ISSUER, ttl_s=300, now=time.time)
    for service in NAMES:
        late = later.sign(
            AccountId(session.account_id), audience=service, organisation_id=None, roles=[Role.AUDITOR], region=None
        )
        assert await told(estate, service, late) == 401


async def test_old_roles_are_refused_by_every_service_within_a_minute_and_new_ones_hold(
    estate: Estate, record_property: Callable[[str, object], None]
) -> None:
    bearer, session = await new_staff(estate)
    path = f"/api/identity/v1/staff/{session.account_id}/roles"
    proposed = await estate.call("PUT", path, {"roles": ["finance"]}, headers=bearer)
    changed = await approved(estate.platform.client, proposed)
    took_s = await until_everywhere(estate, session, 401)
    record_property("refused_everywhere_after_s", round(took_s, 3))
    after = await sign_in(estate, changed["sign_in_name"], PASSWORD)
    assert set((await believed(estate, after)).values()) == {200}
    listed = await estate.call(
        "GET", "/api/order/v1/orders", headers={"Authorization": f"Bearer {after.tokens['order']}"}
    )
    assert listed.status_code == 403, "finance may not read orders, an auditor could"


async def test_tokens_of_a_new_key_hold_everywhere_and_those_of_a_retired_key_nowhere(estate: Estate) -> None:
    bearer, before = await new_staff(estate)
    rotated = await estate.done("POST", "/api/identity/v1/keys/rotation", {"reason": "定期轮换"}, headers=bearer)
    after = await sign_in(estate, ADMIN, ADMIN_PASSWORD)
    header = json.loads(base64.urlsafe_b64decode(after.tokens["order"].partition(".")[0] + "=="))
    assert header["kid"] == rotated["kid"]
    await until_everywhere(estate, after, 200)
    assert set((await believed(estate, before)).values()) == {200}, "tokens of the former key live out their time"

    runtime = estate.platform.runtime("identity")
    async with runtime.pool.acquire() as connection:
        await connection.execute("UPDATE issuing_key SET usable_from = usable_from - interval '1 hour'")
    (job,) = [job for job in runtime.service.jobs if job.name == "retire_keys"]
    await run_job(runtime, job)
    await until_everywhere(estate, before, 401)
    assert set((await believed(estate, after)).values()) == {200}
    keys = (await estate.done("GET", "/api/identity/v1/keys"))["keys"]
    assert [key["kid"] for key in keys] == [rotated["kid"]]


async def test_keys_rotate_while_people_sign_in_and_work(estate: Estate) -> None:
    bearer, _ = await new_staff(estate)
    name = f"auditor-{uuid4().hex[:8]}"
    await hire(estate.platform.client, name, "auditor", password=PASSWORD)
    stop = asyncio.Event()
    refused: list[int] = []
    kids: set[str] = set()

    async def work(service: str) -> None:
        while not stop.is_set():
            session = await sign_in(estate, name, PASSWORD)
            header = session.tokens[service].partition(".")[0]
            kids.add(json.loads(base64.urlsafe_b64decode(header + "=="))["kid"])
            refused.append(await told(estate, service, session.tokens[service]))

    # A client that is quicker than the news of a key would be told 401: the lead is what a deployment gives it.
    runtime = estate.platform.runtime("identity")
    keys = runtime.ports.get(SigningKeys)
    runtime.ports.add(SigningKeys, replace(keys, lead=timedelta(seconds=10)))
    working = [asyncio.ensure_future(work(service)) for service in ("order", "voucher", "settlement")]
    try:
        for _ in range(2):
            made = await estate.done("POST", "/api/identity/v1/keys/rotation", {"reason": "轮换演练"}, headers=bearer)
            async with asyncio.timeout(REFUSED_WITHIN_S):
                while made["kid"] not in kids:  # noqa: ASYNC110 - other tasks are awaited
                    await asyncio.sleep(0.2)
    finally:
        stop.set()
        await asyncio.gather(*working)
        runtime.ports.add(SigningKeys, keys)
    assert set(refused) == {200}
    assert len(kids) == 3, "the work went on under the first key and each of the two that followed"


async def test_a_signed_out_session_is_refused_by_every_service_within_a_minute(
    estate: Estate, record_property: Callable[[str, object], None]
) -> None:
    _, session = await new_staff(estate)
    headers = {"Authorization": f"Bearer {session.tokens['identity']}", "Refresh-Token": session.refresh_token}
    await estate.done("DELETE", "/api/identity/v1/sessions/current", headers=headers)
    took_s = await until_everywhere(estate, session, 401)
    record_property("refused_everywhere_after_s", round(took_s, 3))
