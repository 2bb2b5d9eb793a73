"""Machine clients: opened by their organisation, let in by a key, narrowed by scopes, ended everywhere."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from services.identity.jobs import sweep_assertions
from services.identity.service import SERVICE
from shared.contracts.permissions import Role
from tests.factories.clients import ISSUER, Machine, a_key, open_machine, pem_of
from tests.factories.harness import open_platform
from tests.factories.staff import SETTINGS
from tests.integration.identity.conftest import (
    BASE,
    ENTERPRISE_CODE,
    PROVIDER_CODE,
    Office,
    Party,
    with_fresh_key,
    with_token,
)

SCOPES = ["order:confirm", "organisation:read"]
SYMMETRIC = "no secret that anybody was given, and long enough"


async def provider_with_client(
    office: Office, scopes: list[str] | None = None, *, algorithm: str = "EdDSA"
) -> tuple[Party, Machine]:
    """A provider, and a client of it."""
    party = await office.party("provider", PROVIDER_CODE)
    return party, await open_machine(office.client, office.own(party), scopes or SCOPES, algorithm=algorithm)


async def act(office: Office, party: Party, machine: Machine, what: str, **body: Any) -> dict[str, Any]:
    """An act of the administrator on a client, which must succeed."""
    response = await office.post(f"/clients/{machine.id}/{what}", body, office.own(party))
    assert response.is_success, response.text
    done: dict[str, Any] = response.json()
    return done


async def test_the_metadata_leads_a_client_to_the_token_endpoint(office: Office) -> None:
    answer = await office.client.get("/.well-known/oauth-authorization-server")
    known = answer.json()
    assert known["issuer"] == ISSUER
    assert known["token_endpoint"] == f"{ISSUER}{BASE}/token"
    assert known["token_endpoint_auth_methods_supported"] == ["private_key_jwt"]
    assert known["token_endpoint_auth_signing_alg_values_supported"] == ["EdDSA", "ES256"]
    assert answer.json() == (await office.get("/oauth-authorization-server")).json()


@pytest.mark.parametrize("algorithm", ["EdDSA", "ES256"])
async def test_a_client_gets_a_token_for_an_assertion_and_acts_for_its_organisation(
    office: Office, algorithm: str
) -> None:
    party, machine = await provider_with_client(office, algorithm=algorithm)
    await office.platform.settle()
    answer = await machine.ask()
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    given = answer.json()
    assert (given["token_type"], given["expires_in"], given["scope"]) == ("Bearer", 300, " ".join(SCOPES))
    assert jwt.get_unverified_header(given["access_token"])["typ"] == "at+jwt"
    claims = jwt.decode(given["access_token"], options={"verify_signature": False})
    assert {"iss", "sub", "aud", "exp", "iat", "jti", "client_id", "scope"} <= set(claims)
    assert (claims["iss"], claims["client_id"], claims["aud"]) == (ISSUER, machine.client_id, ["identity", "order"])
    me = await office.get("/me", with_token(given["access_token"]))
    assert me.json()["permissions"] == ["identity:organisation:read_own", "order:order:confirm"]
    seen = await office.get(f"/organisations/{party.id}", with_token(given["access_token"]))
    assert seen.status_code == 200


async def test_a_token_carries_the_scopes_that_were_asked_for_and_never_one_that_was_not_granted(
    office: Office,
) -> None:
    _, machine = await provider_with_client(office)
    await office.platform.settle()
    narrow = await machine.ask(scope="order:confirm")
    assert narrow.json()["scope"] == "order:confirm"
    refused = await office.get("/organisations", with_token(narrow.json()["access_token"]))
    assert (refused.status_code, refused.json()["code"]) == (403, "auth.permission_missing")
    for scope in ("refund:consent", "order:confirm refund:consent", "all", "order:confirm  organisation:read"):
        answer = await machine.ask(scope=scope)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_scope"), scope


async def test_a_client_manages_no_clients_and_sets_no_password(office: Office) -> None:
    party, machine = await provider_with_client(office)
    await office.platform.settle()
    listed = await office.client.get(f"{BASE}/clients", headers=await machine.headers())
    assert (listed.status_code, listed.json()["code"]) == (403, "auth.permission_missing")
    for method, path in (
        ("PUT", "/me/password"),
        ("POST", "/me/second-factor"),
        ("POST", "/me/second-factor/confirm"),
        ("DELETE", "/sessions/current"),
    ):
        answer = await office.client.request(method, BASE + path, json={}, headers=await machine.headers())
        assert (answer.status_code, answer.json()["code"]) == (403, "auth.person_required"), path
    reset = await office.post(
        f"/accounts/{machine.id}/reset-codes", {"reason": "遗忘"}, office.headers(Role.OPERATOR_CLERK)
    )
    assert reset.status_code == 404
    assert (await office.sign_in(machine.client_id, "")).status_code in {400, 401}
    assert party.id


def wrong_assertions(machine: Machine, other: Machine) -> Mapping[str, str]:
    """What proves nothing, by what is wrong with it."""
    now, url = time.time(), f"{ISSUER}{BASE}/token"
    unsigned = machine.assertion().rpartition(".")[0]
    return {
        "the endpoint's address as audience": machine.assertion(aud=url),
        "a list as audience": machine.assertion(aud=[ISSUER]),
        "our issuer and the endpoint": machine.assertion(aud=[ISSUER, url]),
        "another issuer as audience": machine.assertion(aud="https://other.example.org"),
        "no audience": machine.assertion(aud=None),
        "alg none": jwt.encode({"iss": machine.client_id}, None, algorithm="none", headers={"kid": machine.kid}),
        "a signature cut off": f"{unsigned}.",
        "HS256": machine.assertion(key=SYMMETRIC, algorithm="HS256"),
        "HS256 with what everybody knows as secret": machine.assertion(key=machine.kid, algorithm="HS256"),
        "another algorithm than the key's": machine.assertion(key=a_key("ES256"), algorithm="ES256"),
        "another key": machine.assertion(key=a_key()),
        "expired": machine.assertion(iat=now - 120, exp=now - 1),
        "good for too long": machine.assertion(exp=now + 400),
        "of long ago and good for too long": machine.assertion(iat=now - 200, exp=now + 150),
        "from the future": machine.assertion(iat=now + 120, exp=now + 180),
        "not good yet": machine.assertion(nbf=now + 120),
        "no end": machine.assertion(exp=None),
        "no beginning": machine.assertion(iat=None),
        "no jti": machine.assertion(jti=None),
        "a jti that is none": machine.assertion(jti=""),
        "the type of any token": machine.assertion(headers={"typ": "JWT"}),
        "the type of an access token": machine.assertion(headers={"typ": "at+jwt"}),
        "a key that comes along": machine.assertion(headers={"jwk": {"kty": "OKP"}}),
        "an address of keys": machine.assertion(headers={"jku": "https://other.example.org/keys"}),
        "a critical field": machine.assertion(headers={"crit": ["exp"]}),
        "an unknown key": machine.assertion(headers={"kid": "unknown"}),
        "the key of another client": machine.assertion(headers={"kid": other.kid}, key=other.key),
        "another client's name": machine.assertion(iss=other.client_id, sub=other.client_id),
        "another subject": machine.assertion(sub=other.client_id),
        "another issuer": machine.assertion(iss="somebody"),
        "padding": machine.assertion() + "=",
        "no token at all": "a.b.c",
        "too long": machine.assertion(jti="j" * 5_000),
    }


async def test_an_assertion_that_is_wrong_in_any_way_gets_no_token(office: Office) -> None:
    party, machine = await provider_with_client(office)
    other = await open_machine(office.client, office.own(party), SCOPES, name="对账系统")
    for what, assertion in wrong_assertions(machine, other).items():
        answer = await machine.ask(assertion)
        assert (answer.status_code, answer.json()) == (401, {"error": "invalid_client"}), what
    named = await machine.ask(client_id=other.client_id)
    assert (named.status_code, named.json()["error"]) == (401, "invalid_client")
    assert (await machine.ask(client_id=machine.client_id)).status_code == 200


async def test_rs256_is_no_algorithm_here(office: Office) -> None:
    _, machine = await provider_with_client(office)
    key = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
    answer = await machine.ask(machine.assertion(key=key, algorithm="RS256"))
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


async def test_an_assertion_is_good_once_in_every_process_and_after_a_restart(
    office: Office, fresh_database: Callable[[], str]
) -> None:
    _, machine = await provider_with_client(office)
    used = machine.assertion()
    assert (await machine.ask(used)).status_code == 200
    assert (await machine.ask(used)).json() == {"error": "invalid_client"}
    refused = machine.assertion()
    assert (await machine.ask(refused, scope="refund:consent")).status_code == 400
    assert (await machine.ask(refused)).status_code == 401, "an assertion whose scope was refused is used as well"
    databases = dict(office.platform.databases)
    async with open_platform([SERVICE], fresh_database, settings={"identity": SETTINGS}, databases=databases) as second:
        elsewhere = Machine(second.client, machine.id, machine.client_id, machine.key, machine.kid)
        assert (await elsewhere.ask(used)).json() == {"error": "invalid_client"}
        assert (await elsewhere.ask()).status_code == 200


async def test_used_assertions_are_forgotten_once_no_clock_takes_them(office: Office) -> None:
    _, machine = await provider_with_client(office)
    await machine.token()
    await machine.token()
    runtime = office.platform.runtime("identity")
    async with runtime.work() as work:
        assert await sweep_assertions(work) == 0
        await work.connection.execute(
            "UPDATE client_assertion SET expires_at = clock_timestamp() - interval '11 minutes'"
        )
        assert await sweep_assertions(work) == 2


@pytest.mark.parametrize(
    ("form", "status", "error"),
    [
        ({"grant_type": ""}, 400, "invalid_request"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"grant_type": "authorization_code"}, 400, "unsupported_grant_type"),
        ({"client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:saml2-bearer"}, 401, "invalid_client"),
        ({"client_assertion": ""}, 401, "invalid_client"),
        ({"client_secret": "geheim"}, 401, "invalid_client"),
    ],
)
async def test_a_request_of_another_form_is_refused_in_the_words_of_the_standard(
    office: Office, form: dict[str, str], status: int, error: str
) -> None:
    _, machine = await provider_with_client(office)
    answer = await machine.ask(**form)
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert answer.headers["cache-control"] == "no-store"


async def test_the_token_endpoint_takes_a_form_alone_with_each_field_once(office: Office) -> None:
    _, machine = await provider_with_client(office)
    as_json = await office.client.post(f"{BASE}/token", json={"grant_type": "client_credentials"})
    assert (as_json.status_code, as_json.json()["error"]) == (400, "invalid_request")
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    for raw in ("grant_type=client_credentials&grant_type=client_credentials", "grant_type", "%ff=%ff", "", "ü=1"):
        answer = await office.client.post(f"{BASE}/token", content=raw, headers=headers)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request"), raw
    basic = await office.client.post(
        f"{BASE}/token", data={"grant_type": "client_credentials"}, auth=(machine.client_id, "geheim")
    )
    assert (basic.status_code, basic.json()["error"]) == (401, "invalid_client")


async def test_a_client_that_asks_for_too_many_tokens_is_told_when_to_come_again(office: Office) -> None:
    _, machine = await provider_with_client(office)
    answers = [await machine.ask() for _ in range(61)]
    assert {answer.status_code for answer in answers[:60]} == {200}
    last = answers[-1]
    assert (last.status_code, last.json()["code"]) == (429, "request.rate_exceeded")
    assert int(last.headers["retry-after"]) >= 1
    assert last.headers["ratelimit-policy"] == '"token-client";q=60;w=120'


async def test_a_stranger_who_names_a_client_uses_up_nothing_of_its_share(office: Office) -> None:
    _, machine = await provider_with_client(office)
    for _ in range(70):
        assert (await machine.ask(machine.assertion(key=a_key()))).status_code == 401
    assert (await machine.ask()).status_code == 200


async def test_a_key_is_changed_for_another_without_a_moment_in_which_none_is_good(office: Office) -> None:
    party, machine = await provider_with_client(office)
    await office.platform.settle()
    old_token = await machine.token()
    fresh = a_key("ES256")
    done = await act(office, party, machine, "keys", public_key=pem_of(fresh))
    new_kid = next(kid for kid in done["kids"] if kid != machine.kid)
    third = await office.post(f"/clients/{machine.id}/keys", {"public_key": pem_of(a_key())}, office.own(party))
    assert (third.status_code, third.json()["code"]) == (422, "identity.client_keys_too_many")
    renewed = Machine(office.client, machine.id, machine.client_id, fresh, new_kid, "ES256")
    new_token = await renewed.token()
    assert (await machine.ask()).status_code == 200
    retired = await act(office, party, machine, f"keys/{machine.kid}/retire")
    assert retired["kids"] == [new_kid]
    await office.platform.settle()
    assert (await machine.ask()).json() == {"error": "invalid_client"}
    ended = await office.get("/me", with_token(old_token))
    assert (ended.status_code, ended.json()["code"]) == (401, "auth.token_invalid")
    assert (await office.get("/me", with_token(new_token))).status_code == 200
    back = await office.post(f"/clients/{machine.id}/keys", {"public_key": pem_of(machine.key)}, office.own(party))
    assert (back.status_code, back.json()["code"]) == (409, "identity.client_key_known")


async def test_a_key_past_its_end_is_good_for_nothing_and_frees_its_place(office: Office) -> None:
    party, machine = await provider_with_client(office)
    runtime = office.platform.runtime("identity")
    async with runtime.work() as work:
        await work.connection.execute(
            "UPDATE client_key SET added_at = added_at - interval '2 day', expires_at = clock_timestamp()"
        )
    assert (await machine.ask()).json() == {"error": "invalid_client"}
    await act(office, party, machine, "keys", public_key=pem_of(a_key()))
    done = await act(office, party, machine, "keys", public_key=pem_of(a_key()))
    assert len(done["kids"]) == 2


@pytest.mark.parametrize(("what", "state"), [("suspend", "suspended"), ("delete", "deleted")])
async def test_a_client_that_was_stopped_gets_no_token_and_its_tokens_end(
    office: Office, what: str, state: str
) -> None:
    party, machine = await provider_with_client(office)
    await office.platform.settle()
    token = await machine.token()
    assert (await office.get("/me", with_token(token))).status_code == 200
    assert (await act(office, party, machine, what, reason="密钥泄露"))["state"] == state
    await office.platform.settle()
    ended = await office.get("/me", with_token(token))
    assert (ended.status_code, ended.json()["code"]) == (401, "auth.token_invalid")
    assert (await machine.ask()).json() == {"error": "invalid_client"}
    resumed = await office.post(f"/clients/{machine.id}/resume", {"reason": "已更换密钥"}, office.own(party))
    assert resumed.status_code == (200 if what == "suspend" else 409), resumed.text
    assert (await machine.ask()).status_code == (200 if what == "suspend" else 401)


async def test_the_operator_stops_a_client_as_any_account_and_its_organisation_cannot_undo_that(
    office: Office,
) -> None:
    party, machine = await provider_with_client(office)
    lead = office.headers(Role.OPERATOR_LEAD)
    stopped = await office.post(f"/accounts/{machine.id}/disable", {"reason": "异常调用"}, lead)
    assert stopped.status_code == 200, stopped.text
    assert (await machine.ask()).json() == {"error": "invalid_client"}
    resumed = await office.post(f"/clients/{machine.id}/resume", {"reason": "自行恢复"}, office.own(party))
    assert resumed.status_code == 409
    assert (await machine.ask()).status_code == 401
    await office.post(f"/accounts/{machine.id}/enable", {"reason": "已说明"}, with_fresh_key(lead))
    assert (await machine.ask()).status_code == 200


async def test_scopes_that_are_taken_away_end_with_the_tokens_that_carry_them(office: Office) -> None:
    party, machine = await provider_with_client(office)
    await office.platform.settle()
    token = await machine.token()
    body = {"name": "订单系统", "scopes": ["organisation:read"]}
    read = await office.get(f"/clients/{machine.id}", office.own(party))
    blind = await office.client.put(f"{BASE}/clients/{machine.id}", json=body, headers=office.own(party))
    assert (blind.status_code, blind.json()["code"]) == (428, "request.version_required")
    headers = office.own(party) | {"If-Match": read.headers["ETag"]}
    changed = await office.client.put(f"{BASE}/clients/{machine.id}", json=body, headers=headers)
    assert changed.json()["scopes"] == ["organisation:read"]
    await office.platform.settle()
    assert (await office.get("/me", with_token(token))).status_code == 401
    assert (await machine.ask()).json()["scope"] == "organisation:read"
    assert (await machine.ask(scope="order:confirm")).json()["error"] == "invalid_scope"


async def test_a_client_is_given_only_scopes_that_its_organisation_has_itself(office: Office) -> None:
    party = await office.party("enterprise", ENTERPRISE_CODE)
    for scopes in (["order:confirm"], ["claim:file"], ["client:manage"], ["order:place", "order:confirm"]):
        body = {"name": "采购系统", "scopes": scopes, "public_key": pem_of(a_key())}
        refused = await office.post("/clients", body, office.own(party))
        assert (refused.status_code, refused.json()["code"]) == (422, "identity.client_scopes_not_own"), scopes
    machine = await open_machine(office.client, office.own(party), ["order:place", "voucher:read"])
    assert (await machine.ask()).json()["scope"] == "order:place voucher:read"


async def test_nobody_else_sees_or_changes_an_organisation_s_clients(office: Office) -> None:
    _, machine = await provider_with_client(office)
    other = await office.party("enterprise", ENTERPRISE_CODE)
    assert (await office.get("/clients", office.own(other))).json()["data"] == []
    assert (await office.get(f"/clients/{machine.id}", office.own(other))).status_code == 404
    for what in ("suspend", "resume", "delete"):
        refused = await office.post(f"/clients/{machine.id}/{what}", {"reason": "别家"}, office.own(other))
        assert refused.status_code == 404, what
    assert (await machine.ask()).status_code == 200


async def test_an_organisation_has_twenty_clients_at_most_and_deleted_ones_do_not_count(office: Office) -> None:
    party, machine = await provider_with_client(office)
    for number in range(19):
        await open_machine(office.client, office.own(party), SCOPES, name=f"系统{number}")
    body = {"name": "再一个", "scopes": SCOPES, "public_key": pem_of(a_key())}
    refused = await office.post("/clients", body, office.own(party))
    assert (refused.status_code, refused.json()["code"]) == (422, "identity.clients_too_many")
    await act(office, party, machine, "delete", reason="不再使用")
    assert (await office.post("/clients", body, office.own(party))).status_code == 201


async def test_a_stale_version_of_a_client_changes_nothing(office: Office) -> None:
    party, machine = await provider_with_client(office)
    await act(office, party, machine, "suspend", reason="维护")
    headers = office.own(party) | {"If-Match": '"1"'}
    stale = await office.post(f"/clients/{machine.id}/resume", {"reason": "恢复"}, headers)
    assert stale.status_code == 412


async def test_every_act_on_a_client_is_on_record_and_auditors_learn_its_name(office: Office) -> None:
    party, machine = await provider_with_client(office)
    await office.platform.settle()
    await act(office, party, machine, "suspend", reason="维护")
    await act(office, party, machine, "resume", reason="恢复")
    await act(office, party, machine, "keys", public_key=pem_of(a_key()))
    await act(office, party, machine, f"keys/{machine.kid}/retire")
    await act(office, party, machine, "delete", reason="不再使用")
    history = await office.get(f"/organisations/{party.id}/history", office.own(party))
    acts = [item["act"] for item in history.json()["data"] if item["subject_type"] == "client"]
    assert acts == [
        *("client.delete", "client.retire_key", "client.add_key"),
        *("client.resume", "client.suspend", "client.open"),
    ]
    auditor = office.headers(Role.AUDITOR)
    found = await office.get(f"/accounts?ids={machine.id}", auditor)
    assert [(item["kind"], item["display_name"]) for item in found.json()] == [("client", "订单系统")]
