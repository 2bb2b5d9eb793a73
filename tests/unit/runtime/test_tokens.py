"""Access tokens are believed only when they are exactly ours."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from uuid import UUID

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from nacl.signing import VerifyKey

from shared.contracts.permissions import Permission, Role
from shared.kernel.ids import AccountId, OrganisationId
from shared.kernel.refusals import Bug, RefusalKind
from shared.runtime.auth.tokens import TokenExpired, TokenForOther, TokenInvalid, TokenSigner, TokenVerifier

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
VERIFY_KEY = VerifyKey(KEY.public_key().public_bytes_raw())
FOREIGN_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
ACCOUNT = AccountId(UUID(int=1))
OTHER_ACCOUNT = AccountId(UUID(int=2))
ORGANISATION = OrganisationId(UUID(int=3))
ISSUER = "yunquan-identity"
START = 1_700_000_000.0


class Clock:
    """Machine time that a test moves."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> float:
        """Seconds since 1970."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def signer(clock: Clock) -> TokenSigner:
    return TokenSigner(KEY, kid="k1", issuer=ISSUER, ttl_s=300, now=clock)


@pytest.fixture
def verifier(clock: Clock) -> TokenVerifier:
    return TokenVerifier({"k1": VERIFY_KEY}, audience="order", issuer=ISSUER, now=clock)


def sign(signer: TokenSigner, *, account_id: AccountId = ACCOUNT, audience: str = "order") -> str:
    return signer.sign(account_id, audience=audience, organisation_id=ORGANISATION, roles=[Role.PROVIDER], region=None)


def forge(*, header: Mapping[str, object] | None = None, claims: Mapping[str, object] | None = None) -> str:
    """A token signed with the right key, whatever its header and claims say."""
    full_header = {"alg": "EdDSA", "kid": "k1", "typ": "at+jwt", **(header or {})}
    full_claims: dict[str, object] = {
        "iss": ISSUER,
        "sub": str(ACCOUNT),
        "aud": "order",
        "org": None,
        "roles": ["provider"],
        "region": None,
        "jti": "1",
        "iat": START,
        "exp": START + 300,
        **(claims or {}),
    }
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in (full_header, full_claims)]
    signed = b".".join(parts)
    return (signed + b"." + base64.urlsafe_b64encode(KEY.sign(signed)).rstrip(b"=")).decode()


def test_a_token_says_who_calls_and_what_they_may_do(signer: TokenSigner, verifier: TokenVerifier) -> None:
    caller = verifier.verify(sign(signer))
    assert (caller.account_id, caller.organisation_id, caller.region) == (ACCOUNT, ORGANISATION, None)
    assert caller.roles == {Role.PROVIDER}
    assert Permission.ORDER_ORDER_CONFIRM in caller.permissions
    assert Permission.ORDER_ORDER_PLACE not in caller.permissions


def test_another_jwt_library_reads_the_token_by_the_standard(signer: TokenSigner) -> None:
    token = sign(signer)
    options: jwt.types.Options = {"verify_exp": False, "verify_iat": False}
    claims = jwt.decode(token, KEY.public_key(), algorithms=["EdDSA"], audience="order", issuer=ISSUER, options=options)
    assert jwt.get_unverified_header(token) == {"alg": "EdDSA", "kid": "k1", "typ": "at+jwt"}
    assert claims["sub"] == str(ACCOUNT)
    assert claims["exp"] - claims["iat"] == 300
    assert "nbf" not in claims


def test_the_forged_but_correct_token_of_these_tests_is_accepted(verifier: TokenVerifier) -> None:
    assert verifier.verify(forge()).account_id == ACCOUNT


@pytest.mark.parametrize(
    ("header", "claims", "reason"),
    [
        ({"alg": "none"}, {}, "header"),
        ({"alg": "HS256"}, {}, "header"),
        ({"alg": "ES256"}, {}, "header"),
        ({"typ": "JWT"}, {}, "header"),
        ({"jku": "https://keys.example/jwks.json"}, {}, "header"),
        ({"jwk": {"kty": "OKP"}}, {}, "header"),
        ({"crit": ["exp"]}, {}, "header"),
        ({"kid": "k2"}, {}, "key"),
        ({"kid": "../../dev/null"}, {}, "key"),
        ({}, {"aud": ["order", "settlement"]}, "claims"),
        ({}, {"iss": "somebody-else"}, "issuer"),
        ({}, {"sub": "admin"}, "claims"),
        ({}, {"iat": START + 61, "exp": START + 200}, "times"),
        ({}, {"exp": START + 301}, "times"),
        ({}, {"nbf": START + 61}, "times"),
        ({}, {"nbf": "never"}, "claims"),
        ({}, {"exp": "never"}, "claims"),
        ({}, {"exp": None}, "claims"),
    ],
)
def test_a_token_that_is_not_exactly_ours_is_refused(
    verifier: TokenVerifier, header: dict[str, object], claims: dict[str, object], reason: str
) -> None:
    with pytest.raises(TokenInvalid) as refused:
        verifier.verify(forge(header=header, claims=claims))
    assert refused.value.facts == {"reason": reason}
    assert refused.value.kind is RefusalKind.UNAUTHENTICATED


def test_a_token_for_another_service_is_told_so_if_it_is_ours(verifier: TokenVerifier) -> None:
    with pytest.raises(TokenForOther) as refused:
        verifier.verify(forge(claims={"aud": "settlement"}))
    assert refused.value.kind is RefusalKind.UNAUTHENTICATED
    with pytest.raises(TokenInvalid):
        verifier.verify(forge(claims={"aud": "settlement", "iss": "somebody-else"}))


def test_a_token_that_begins_within_the_skew_of_clocks_is_good(verifier: TokenVerifier) -> None:
    assert verifier.verify(forge(claims={"nbf": START + 60})).account_id == ACCOUNT


def test_a_token_without_signature_is_refused(signer: TokenSigner, verifier: TokenVerifier) -> None:
    with pytest.raises(TokenInvalid):
        verifier.verify(sign(signer).rpartition(".")[0] + ".")


def test_an_hmac_made_with_the_public_key_is_refused(verifier: TokenVerifier) -> None:
    public = KEY.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    for header in ({"alg": "HS256"}, {"alg": "EdDSA"}):
        signed = forge(header=header).rpartition(".")[0]
        mac = base64.urlsafe_b64encode(hmac.digest(public, signed.encode(), hashlib.sha256)).rstrip(b"=")
        with pytest.raises(TokenInvalid):
            verifier.verify(f"{signed}.{mac.decode()}")


def test_a_signature_of_a_foreign_key_under_our_kid_is_refused(clock: Clock, verifier: TokenVerifier) -> None:
    foreign = TokenSigner(FOREIGN_KEY, kid="k1", issuer=ISSUER, ttl_s=300, now=clock)
    with pytest.raises(TokenInvalid) as refused:
        verifier.verify(sign(foreign))
    assert refused.value.facts == {"reason": "signature"}


@given(at=st.integers(0, 10_000), character=st.characters(codec="ascii", exclude_characters=""))
def test_changing_any_character_of_a_token_makes_it_invalid(at: int, character: str) -> None:
    clock = Clock()
    token = sign(TokenSigner(KEY, kid="k1", issuer=ISSUER, ttl_s=300, now=clock))
    at %= len(token)
    altered = token[:at] + character + token[at + 1 :]
    verifier = TokenVerifier({"k1": VERIFY_KEY}, audience="order", issuer=ISSUER, now=clock)
    if altered == token:
        assert verifier.verify(altered).account_id == ACCOUNT
        return
    with pytest.raises(TokenInvalid):
        verifier.verify(altered)


@pytest.mark.parametrize("text", ["", ".", "..", "a.b", "a.b.c.d", "é.b.c", "=.=.=", "x" * 5000])
def test_text_that_is_no_token_is_refused(verifier: TokenVerifier, text: str) -> None:
    with pytest.raises(TokenInvalid):
        verifier.verify(text)


def test_a_token_ends_with_its_time_also_when_it_was_remembered(
    clock: Clock, signer: TokenSigner, verifier: TokenVerifier
) -> None:
    token = sign(signer)
    verifier.verify(token)
    clock.now = START + 299.9
    verifier.verify(token)
    clock.now = START + 300
    for _ in range(2):
        with pytest.raises(TokenExpired):
            verifier.verify(token)


def test_an_ended_account_is_refused_at_once_and_may_come_back_with_a_newer_token(
    clock: Clock, signer: TokenSigner, verifier: TokenVerifier
) -> None:
    before, never_seen, other = sign(signer), sign(signer), sign(signer, account_id=OTHER_ACCOUNT)
    verifier.verify(before)
    verifier.forget(ACCOUNT)
    for token in (before, never_seen):
        with pytest.raises(TokenInvalid) as refused:
            verifier.verify(token)
        assert refused.value.facts == {"reason": "ended"}
    assert verifier.verify(other).account_id == OTHER_ACCOUNT
    clock.now += 0.001
    assert verifier.verify(sign(signer)).account_id == ACCOUNT


def test_an_earlier_end_that_arrives_late_does_not_let_an_ended_token_in_again(
    clock: Clock, signer: TokenSigner, verifier: TokenVerifier
) -> None:
    token = sign(signer)
    verifier.forget(ACCOUNT, issued_until=START + 1)
    verifier.forget(ACCOUNT, issued_until=START - 10)
    clock.now = START + 0.5
    with pytest.raises(TokenInvalid):
        verifier.verify(token)


def test_a_full_list_of_ended_accounts_forgets_nobody_who_still_holds_a_token(
    clock: Clock, signer: TokenSigner
) -> None:
    verifier = TokenVerifier({"k1": VERIFY_KEY}, audience="order", issuer=ISSUER, now=clock, ended_max=2)
    token = sign(signer)
    verifier.forget(ACCOUNT)
    for number in range(10, 20):
        verifier.forget(AccountId(UUID(int=number)))
    with pytest.raises(TokenInvalid):
        verifier.verify(token)
    assert len(verifier._ended_until) == 2


def test_ended_accounts_leave_the_full_list_once_their_tokens_have_expired(clock: Clock, signer: TokenSigner) -> None:
    verifier = TokenVerifier({"k1": VERIFY_KEY}, audience="order", issuer=ISSUER, now=clock, ended_max=1)
    verifier.forget(ACCOUNT)
    clock.now += 400
    verifier.forget(OTHER_ACCOUNT)
    assert list(verifier._ended_until) == [OTHER_ACCOUNT]
    assert verifier.verify(sign(signer)).account_id == ACCOUNT


SESSION, OTHER_SESSION = UUID(int=501), UUID(int=502)


def of_session(signer: TokenSigner, session_id: UUID | None) -> str:
    return signer.sign(
        ACCOUNT, audience="order", organisation_id=None, roles=[Role.AUDITOR], region=None, session_id=session_id
    )


def test_the_tokens_of_an_ended_session_are_refused_and_those_of_another_are_not(
    clock: Clock, signer: TokenSigner, verifier: TokenVerifier
) -> None:
    ended, other, of_none = (of_session(signer, one) for one in (SESSION, OTHER_SESSION, None))
    assert verifier.verify(ended).session_id == SESSION
    verifier.forget_session(SESSION, ended_at=clock.now)
    never_seen = of_session(signer, SESSION)
    for token in (ended, never_seen):
        with pytest.raises(TokenInvalid) as refused:
            verifier.verify(token)
        assert refused.value.facts == {"reason": "ended"}
    assert verifier.verify(other).session_id == OTHER_SESSION
    assert verifier.verify(of_none).session_id is None


def test_ended_sessions_are_bounded_and_those_that_still_matter_end_older_tokens_of_all(
    clock: Clock, signer: TokenSigner
) -> None:
    verifier = TokenVerifier({"k1": VERIFY_KEY}, audience="order", issuer=ISSUER, now=clock, ended_max=2)
    first = of_session(signer, SESSION)
    verifier.forget_session(SESSION, ended_at=clock.now)
    clock.now += 100
    for number in range(10, 13):
        verifier.forget_session(UUID(int=number), ended_at=clock.now)
    assert len(verifier._ended_sessions) == 2
    with pytest.raises(TokenInvalid):
        verifier.verify(first)
    clock.now += 0.01
    assert verifier.verify(of_session(signer, OTHER_SESSION)).session_id == OTHER_SESSION


def test_a_session_that_ended_long_ago_makes_room_and_ends_nobody(clock: Clock, signer: TokenSigner) -> None:
    verifier = TokenVerifier({"k1": VERIFY_KEY}, audience="order", issuer=ISSUER, now=clock, ended_max=1)
    verifier.forget_session(SESSION, ended_at=clock.now)
    clock.now += 361
    token = of_session(signer, UUID(int=77))
    verifier.forget_session(OTHER_SESSION, ended_at=clock.now)
    verifier.forget_session(OTHER_SESSION, ended_at=clock.now)
    assert list(verifier._ended_sessions) == [OTHER_SESSION]
    assert verifier.verify(token).session_id == UUID(int=77)


def test_a_key_that_was_taken_away_ends_remembered_tokens_too(
    clock: Clock, signer: TokenSigner, verifier: TokenVerifier
) -> None:
    token = sign(signer)
    verifier.verify(token)
    verifier.replace_keys({"k2": VerifyKey(FOREIGN_KEY.public_key().public_bytes_raw())})
    with pytest.raises(TokenInvalid):
        verifier.verify(token)
    newer = TokenSigner(FOREIGN_KEY, kid="k2", issuer=ISSUER, ttl_s=60, now=clock)
    assert verifier.verify(sign(newer)).account_id == ACCOUNT


def test_the_memory_of_tokens_is_bounded_and_drops_the_longest_unused(clock: Clock, signer: TokenSigner) -> None:
    verifier = TokenVerifier({"k1": VERIFY_KEY}, audience="order", issuer=ISSUER, now=clock, remembered_max=2)
    first, second, third = (sign(signer) for _ in range(3))
    for token in (first, second, first, third):
        verifier.verify(token)
    assert list(verifier._remembered) == [first, third]


def test_a_role_of_a_newer_release_gives_no_rights_and_locks_nobody_out(verifier: TokenVerifier) -> None:
    caller = verifier.verify(forge(claims={"roles": ["provider", "archivist"]}))
    assert caller.roles == {Role.PROVIDER}
    assert verifier.verify(forge(claims={"roles": ["archivist"]})).permissions == frozenset()


@pytest.mark.parametrize("ttl_s", [0, -1, 301])
def test_an_access_token_that_lives_longer_than_five_minutes_cannot_be_made(clock: Clock, ttl_s: int) -> None:
    with pytest.raises(Bug):
        TokenSigner(KEY, kid="k1", issuer=ISSUER, ttl_s=ttl_s, now=clock)
