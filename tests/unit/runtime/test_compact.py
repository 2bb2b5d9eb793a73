"""The one form of signed token is read, and the library's own signature check never refuses what was believed here."""

import base64
import json

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from nacl.signing import VerifyKey

from shared.runtime.auth.compact import TOKEN_LENGTH_MAX, UnreadableToken, read_signed

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
KEYS = {"k1": VerifyKey(KEY.public_key().public_bytes_raw())}
HEADER = b'{"alg":"EdDSA","kid":"k1","typ":"at+jwt"}'
PAYLOAD = b'{"sub":"1"}'


def encoded(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw).rstrip(b"=")


def signed(header: bytes = HEADER, payload: bytes = PAYLOAD) -> str:
    parts = encoded(header) + b"." + encoded(payload)
    return (parts + b"." + encoded(KEY.sign(parts))).decode()


def reason_of(token: str) -> str:
    with pytest.raises(UnreadableToken) as refused:
        read_signed(token, KEYS)
    return str(refused.value)


def test_the_payload_of_a_signed_token_is_read_as_it_was_signed() -> None:
    assert read_signed(signed(), KEYS) == PAYLOAD
    assert read_signed(signed(b' { "typ": "at+jwt", "kid": "k1", "alg": "EdDSA" } '), KEYS) == PAYLOAD


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        (b"", "form"),
        (b"{", "form"),
        (b"\xff", "form"),
        (b'{"alg":"EdDSA","kid":"\xff","typ":"at+jwt"}', "form"),
        (b"null", "header"),
        (b"[" * 2_000, "header"),
        (b'{"alg":"EdDSA","kid":"k1"}', "header"),
        (b'{"alg":"EdDSA","kid":1,"typ":"at+jwt"}', "header"),
        (b'{"alg":"eddsa","kid":"k1","typ":"at+jwt"}', "header"),
        (b'{"alg":"none","kid":"k1","typ":"at+jwt"}', "header"),
        (b'{"alg":"EdDSA","kid":"k1","typ":"AT+JWT"}', "header"),
        (b'{"alg":"EdDSA","kid":"k1","typ":"at+jwt","b64":false,"crit":["b64"]}', "header"),
        (b'{"alg":"EdDSA","kid":"k1","typ":"at+jwt","x5c":[]}', "header"),
        (b'{"alg":"EdDSA","kid":"k2","typ":"at+jwt"}', "key"),
    ],
)
def test_a_header_of_any_other_form_is_refused_though_its_signature_is_good(header: bytes, reason: str) -> None:
    assert reason_of(signed(header)) == reason


def test_a_part_is_taken_in_its_one_canonical_spelling_only() -> None:
    head, payload, signature = signed().split(".")
    for altered in (signature + "=", signature + "==", signature + "\n", "+" + signature[1:], signature[:-1]):
        assert reason_of(f"{head}.{payload}.{altered}") == "form"
    # The last character of 64 bytes carries four bits that stand for nothing: of 16 spellings one is ours.
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    others = [f"{head}.{payload}.{signature[:-1]}{last}" for last in alphabet if last != signature[-1]]
    assert {reason_of(token) for token in others} == {"form", "signature"}


@pytest.mark.parametrize("length", [0, 1, 63, 65])
def test_a_signature_of_another_length_is_refused(length: int) -> None:
    head, payload, _ = signed().split(".")
    assert reason_of(f"{head}.{payload}.{encoded(bytes(length)).decode()}") == "signature"


def test_a_token_longer_than_any_of_ours_is_not_even_decoded() -> None:
    assert reason_of("x" * (TOKEN_LENGTH_MAX + 1)) == "length"


VALUES = st.sampled_from(["EdDSA", "none", "HS256", "k1", "k2", "at+jwt", "JWT", None, True, 1, ["b64"]])
HEADERS = st.dictionaries(st.sampled_from(["alg", "kid", "typ", "crit", "b64", "jku"]), VALUES)
OURS = {"alg": "EdDSA", "kid": "k1", "typ": "at+jwt"}


@given(changes=HEADERS, payload=st.dictionaries(st.text(), st.integers() | st.text()), cut=st.integers(0, 400))
def test_what_is_believed_here_another_check_of_the_signature_believes_and_reads_alike(
    changes: dict[str, object], payload: dict[str, object], cut: int
) -> None:
    token = signed(json.dumps(OURS | changes).encode(), json.dumps(payload).encode())
    for text in (token, token[:cut] + token[cut + 1 :]):
        try:
            read = read_signed(text, KEYS)
        except UnreadableToken:
            continue
        assert jwt.PyJWS().decode(text, KEY.public_key(), algorithms=["EdDSA"]) == read
