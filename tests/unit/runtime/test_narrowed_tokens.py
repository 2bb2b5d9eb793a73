"""A token of a machine client, or of a handler or reader, opens a part of its organisation's rights and no more."""

from typing import Any
from uuid import UUID

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from nacl.signing import VerifyKey

from shared.contracts.permissions import GRANTS, Permission, Role
from shared.contracts.scopes import MEMBER_RIGHTS, SCOPES, scopes_of
from shared.kernel.ids import AccountId, OrganisationId
from shared.runtime.auth.tokens import ClientGrant, TokenForOther, TokenInvalid, TokenSigner, TokenVerifier

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
NOW = 1_700_000_000.0
PEOPLE, CLIENTS = "yunquan", "https://yunquan.example.org"
ACCOUNT, ORGANISATION, SESSION = AccountId(UUID(int=1)), OrganisationId(UUID(int=2)), UUID(int=3)

signer = TokenSigner(KEY, kid="k", issuer=PEOPLE, ttl_s=300, now=lambda: NOW)


def a_verifier(audience: str = "order") -> TokenVerifier:
    """One that has verified nothing yet."""
    keys = {"k": VerifyKey(KEY.public_key().public_bytes_raw())}
    return TokenVerifier(keys, audience=audience, issuer=PEOPLE, client_issuer=CLIENTS, now=lambda: NOW)


def a_client(*scopes: str, role: Role = Role.PROVIDER, issuer: str = CLIENTS) -> str:
    """A token of a client for order and identity."""
    grant = ClientGrant(
        account_id=ACCOUNT,
        client_id="yqc_1",
        organisation_id=ORGANISATION,
        roles=frozenset({role}),
        scopes=frozenset(scopes),
        key_id=SESSION,
    )
    return signer.sign_for_client(grant, audiences=["order", "identity"], issuer=issuer)


def forged(token: str, **claims: Any) -> str:
    """The same token with other claims, signed with the right key; those that are None are left out."""
    said = {**jwt.decode(token, options={"verify_signature": False}), **claims}
    kept = {name: value for name, value in said.items() if value is not None or name in {"org", "region"}}
    return jwt.encode(kept, KEY, algorithm="EdDSA", headers={"kid": "k", "typ": "at+jwt"})


@pytest.mark.parametrize("role", [Role.ENTERPRISE, Role.PROVIDER])
@pytest.mark.parametrize("scope", sorted(SCOPES))
def test_a_client_may_do_what_its_scope_and_its_organisation_both_allow(scope: str, role: Role) -> None:
    principal = a_verifier().verify(a_client(scope, role=role))
    assert principal.permissions == SCOPES[scope] & GRANTS[role]
    assert bool(principal.permissions) == (scope in scopes_of(role))
    assert (principal.client_id, principal.session_id) == ("yqc_1", SESSION)


def test_no_scope_opens_what_only_people_decide() -> None:
    alone = {
        Permission.IDENTITY_CLIENT_MANAGE_OWN,
        Permission.IDENTITY_MEMBER_MANAGE_OWN,
        Permission.IDENTITY_AUTHENTICATION_SUBMIT,
        Permission.IDENTITY_EXIT_APPLY,
    }
    assert all(rights.isdisjoint(alone) for rights in SCOPES.values())


@pytest.mark.parametrize("member", ["handler", "reader"])
def test_a_person_may_do_what_the_role_within_the_organisation_leaves(member: str) -> None:
    token = signer.sign(
        ACCOUNT, audience="order", organisation_id=ORGANISATION, roles=[Role.PROVIDER], region=None, member=member
    )
    assert a_verifier().verify(token).permissions == GRANTS[Role.PROVIDER] & MEMBER_RIGHTS[member]
    assert a_verifier().verify(forged(token, member="of a newer release")).permissions == frozenset()
    with pytest.raises(TokenInvalid):
        a_verifier().verify(forged(token, aud="order"))


@pytest.mark.parametrize(
    "claims",
    [{"scope": None}, {"client_id": None}, {"aud": "order"}, {"iss": PEOPLE}],
    ids=str,
)
def test_a_client_s_token_that_lacks_a_part_is_no_token(claims: dict[str, Any]) -> None:
    with pytest.raises(TokenInvalid):
        a_verifier().verify(forged(a_client("order:confirm"), **claims))


def test_a_client_s_token_is_for_the_services_that_it_names() -> None:
    with pytest.raises(TokenForOther):
        a_verifier("voucher").verify(a_client("order:confirm"))
    for audiences in (["voucher"], []):
        with pytest.raises(TokenForOther):
            a_verifier().verify(forged(a_client("order:confirm"), aud=audiences))


def test_a_retired_key_ends_a_client_s_tokens_as_an_ended_session_does() -> None:
    verifier, token = a_verifier(), a_client("order:confirm")
    verifier.verify(token)
    verifier.forget_session(SESSION, ended_at=NOW)
    with pytest.raises(TokenInvalid):
        verifier.verify(token)
