"""Which public keys a machine client may be given, and how they are named."""

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from jwt.algorithms import ECAlgorithm, OKPAlgorithm

from services.identity.domain.client_refusals import KeyPrivate, KeyUnusable
from services.identity.domain.clients import account_id_of, client_id_of, read_keys
from shared.kernel.ids import uuid7

ED = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
P256 = ec.derive_private_key(7, ec.SECP256R1())


def pem(key: Any) -> str:
    """The public part in SPKI PEM."""
    return str(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode())


def jwk(key: Any) -> dict[str, Any]:
    """The public part as a JWK."""
    reader = OKPAlgorithm if isinstance(key, Ed25519PrivateKey) else ECAlgorithm
    found: dict[str, Any] = json.loads(reader.to_jwk(key.public_key()))
    return found


@pytest.mark.parametrize(("key", "algorithm"), [(ED, "EdDSA"), (P256, "ES256")])
def test_a_key_is_the_same_in_every_form(key: Any, algorithm: str) -> None:
    forms = [pem(key), jwk(key), {**jwk(key), "use": "sig", "kid": "own", "alg": algorithm}, {"keys": [jwk(key)]}]
    assert len({read_keys(form)[0] for form in forms}) == 1
    assert read_keys(forms[0])[0].algorithm == algorithm


def test_a_key_is_named_by_its_thumbprint() -> None:
    # The key and its thumbprint of RFC 8037, A.2 and A.3.
    known = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
    assert read_keys(known)[0].kid == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


@pytest.mark.parametrize("key", [ED, P256], ids=["Ed25519", "P-256"])
def test_a_private_key_is_refused_in_every_form(key: Any) -> None:
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    for form in (private, private + pem(key), {**jwk(key), "d": "AAAA"}, {"keys": [{**jwk(key), "d": "AAAA"}]}):
        with pytest.raises(KeyPrivate):
            read_keys(form)


UNUSABLE: dict[str, Any] = {
    "RSA": pem(rsa.generate_private_key(public_exponent=65_537, key_size=2_048)),
    "P-384": pem(ec.generate_private_key(ec.SECP384R1())),
    "Ed448": pem(ed448.Ed448PrivateKey.generate()),
    "no PEM": "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----",
    "nothing": "",
    "a secret": {"kty": "oct"},
    "another curve": {**jwk(P256), "crv": "P-384"},
    "a point off the curve": {**jwk(P256), "y": jwk(P256)["x"]},
    "a point of small order": {"kty": "OKP", "crv": "Ed25519", "x": "A" * 43},
    "too short": {"kty": "OKP", "crv": "Ed25519", "x": "AAAA"},
    "no y": {name: value for name, value in jwk(P256).items() if name != "y"},
    "x no text": {**jwk(ED), "x": 7},
    "for encryption": {**jwk(ED), "use": "enc"},
    "of another algorithm": {**jwk(ED), "alg": "ES256"},
    "no keys": {"keys": []},
    "three keys": {"keys": [jwk(ED), jwk(P256), jwk(ED)]},
    "one key twice": {"keys": [jwk(ED), jwk(ED)]},
    "a list of texts": {"keys": ["x"]},
    "an empty object": {},
}


@pytest.mark.parametrize("given", UNUSABLE.values(), ids=UNUSABLE.keys())
def test_what_is_no_public_key_of_the_two_kinds_is_refused(given: Any) -> None:
    with pytest.raises(KeyUnusable):
        read_keys(given)


def test_a_client_s_name_is_its_account_and_longer_than_a_person_s() -> None:
    account_id = uuid7(1, 2)
    assert account_id_of(client_id_of(account_id)) == account_id
    assert len(client_id_of(account_id)) > 32
    for other in ("", "yqc_", "yqc_" + "g" * 32, account_id.hex, client_id_of(account_id).upper()):
        assert account_id_of(other) is None
