"""Machine clients: what they are called, what they may be let do, and which keys they may sign in with."""

import hashlib
import json
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from jwt import InvalidKeyError
from jwt.algorithms import ECAlgorithm, OKPAlgorithm
from nacl.bindings import crypto_core_ed25519_is_valid_point

from services.identity.domain.accounts import AUDIENCES
from services.identity.domain.client_refusals import KeyPrivate, KeyTermInvalid, KeyUnusable, ScopesNotOwn
from shared.contracts.permissions import Role
from shared.contracts.scopes import SCOPES, scopes_of

CLIENTS_MAX: Final = 20
"""Clients of one organisation that are not deleted."""
LIVE_KEYS_MAX: Final = 2
KEY_TERM: Final = timedelta(days=365)
"""How long a key is good whose end nobody named."""
KEY_TERM_MAX: Final = timedelta(days=730)
_PREFIX: Final = "yqc_"
"""No sign-in name of a person is as long as one of these with its id."""
_HEX: Final = 32
_PRIVATE_MEMBERS: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_PARTS: Final = {"EdDSA": ("crv", "kty", "x"), "ES256": ("crv", "kty", "x", "y")}


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientKey:
    """A public key that assertions are checked with: its thumbprint (RFC 7638), algorithm and JWK as JSON text."""

    kid: str
    algorithm: str
    public_jwk: str


def client_id_of(account_id: UUID) -> str:
    """What a client calls itself at the token endpoint."""
    return f"{_PREFIX}{account_id.hex}"


def account_id_of(client_id: str) -> UUID | None:
    """The account behind a client's name of itself; None for a text of another form."""
    letters = client_id.removeprefix(_PREFIX)
    if letters == client_id or len(letters) != _HEX or not set(letters) <= set("0123456789abcdef"):
        return None
    return UUID(letters)


def check_scopes(scopes: Iterable[str], *, role: Role) -> list[str]:
    """The scopes in order. Raises: ScopesNotOwn for one that is unknown, or not its organisation's."""
    wanted = frozenset(scopes)
    foreign = sorted(wanted - scopes_of(role))
    if foreign or not wanted:
        raise ScopesNotOwn(scopes=foreign)
    return sorted(wanted)


def audiences_of_scopes(scopes: Iterable[str]) -> frozenset[str]:
    """The services that these scopes reach; the own account can always be looked at in identity."""
    rights = frozenset().union(*(SCOPES.get(scope, frozenset()) for scope in scopes))
    # What waits for a caller and what it was told is read from each service.
    services = {right.value.partition(":")[0] for right in rights} | {"identity"}
    return frozenset(AUDIENCES) if "platform" in services else frozenset(services)


def key_term(expires_at: datetime | None, *, now: datetime) -> datetime:
    """Until when a key that is added now is good. Raises: KeyTermInvalid."""
    if expires_at is None:
        return now + KEY_TERM
    if not now < expires_at <= now + KEY_TERM_MAX:
        raise KeyTermInvalid(days_max=KEY_TERM_MAX.days)
    return expires_at


def read_keys(given: str | Mapping[str, Any]) -> list[ClientKey]:
    """One or two public keys: SPKI in PEM, a JWK, or a JWKS. Raises: KeyPrivate, KeyUnusable. Source: RFC 7517."""
    if isinstance(given, str):
        return [_of_pem(given)]
    if "keys" not in given:
        return [_of_jwk(given)]
    keys = given["keys"]
    if not isinstance(keys, list) or not 1 <= len(keys) <= LIVE_KEYS_MAX:
        raise KeyUnusable(reason="JWKS 应含一至两个公钥")
    read = [_of_jwk(key) for key in keys]
    if len({key.kid for key in read}) < len(read):
        raise KeyUnusable(reason="公钥重复")
    return read


def _of_pem(text: str) -> ClientKey:
    if "PRIVATE KEY" in text:
        raise KeyPrivate
    try:
        public = load_pem_public_key(text.strip().encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise KeyUnusable(reason="不是可识别的 PEM 公钥") from error
    return _key(public)


def _of_jwk(given: object) -> ClientKey:
    if not isinstance(given, Mapping):
        raise KeyUnusable(reason="不是 JWK")
    if _PRIVATE_MEMBERS & given.keys():
        raise KeyPrivate
    kind = {"OKP Ed25519": "EdDSA", "EC P-256": "ES256"}.get(f"{given.get('kty')} {given.get('crv')}")
    if kind is None:
        raise KeyUnusable(reason="密钥类型或曲线不受支持")
    if given.get("use", "sig") != "sig" or given.get("alg", kind) not in {kind, "Ed25519" if kind == "EdDSA" else kind}:
        raise KeyUnusable(reason="用途或算法不符")
    parts = {name: given.get(name) for name in _PARTS[kind]}
    if not all(isinstance(value, str) for value in parts.values()):
        raise KeyUnusable(reason="JWK 不完整")
    reader = OKPAlgorithm if kind == "EdDSA" else ECAlgorithm
    try:
        public = reader.from_jwk(json.dumps(parts))
    except (InvalidKeyError, ValueError) as error:
        raise KeyUnusable(reason="不是有效的公钥") from error
    return _key(public)


def _key(public: object) -> ClientKey:
    """Raises: KeyUnusable for another kind of key, another curve, or a point that any message would fit."""
    jwk: dict[str, Any]
    if isinstance(public, Ed25519PublicKey):
        if not crypto_core_ed25519_is_valid_point(public.public_bytes_raw()):
            raise KeyUnusable(reason="公钥强度不足")
        algorithm, jwk = "EdDSA", OKPAlgorithm.to_jwk(public, as_dict=True)
    elif isinstance(public, EllipticCurvePublicKey) and isinstance(public.curve, SECP256R1):
        algorithm, jwk = "ES256", ECAlgorithm.to_jwk(public, as_dict=True)
    else:
        raise KeyUnusable(reason="密钥类型或曲线不受支持")
    text = _canonical(jwk, _PARTS[algorithm])
    digest = hashlib.sha256(text.encode()).digest()
    kid = urlsafe_b64encode(digest).rstrip(b"=").decode()
    return ClientKey(kid=kid, algorithm=algorithm, public_jwk=text)


def _canonical(jwk: Mapping[str, Any], names: Sequence[str]) -> str:
    """The members that make the key, in the order and without the blanks of RFC 7638."""
    return json.dumps({name: jwk[name] for name in names}, separators=(",", ":"), sort_keys=True)
