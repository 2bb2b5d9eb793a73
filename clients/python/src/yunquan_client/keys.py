"""The key of a client: made and kept by its own system, and what it signs to get a token."""

import hashlib
import json
import os
import time
import uuid
from base64 import urlsafe_b64encode
from pathlib import Path
from typing import Final

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from jwt.algorithms import ECAlgorithm, OKPAlgorithm

ASSERTION_S: Final = 60
"""How long an assertion is good; the platform takes 300 s at most."""


class ClientKey:
    """A private key, Ed25519 or P-256. It never leaves the system whose key it is."""

    def __init__(self, private: Ed25519PrivateKey | EllipticCurvePrivateKey) -> None:
        self._private = private
        self.algorithm = "EdDSA" if isinstance(private, Ed25519PrivateKey) else "ES256"
        self.kid = _thumbprint(private)

    @classmethod
    def generate(cls) -> "ClientKey":
        """A fresh Ed25519 key."""
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def load(cls, path: str | Path) -> "ClientKey":
        """The key in a PEM file. Raises: ValueError for any other content, OSError."""
        return cls.from_pem(Path(path).read_bytes())

    @classmethod
    def from_pem(cls, pem: bytes) -> "ClientKey":
        """The key in a PEM text, as from a store of secrets. Raises: ValueError."""
        private = load_pem_private_key(pem, password=None)
        if isinstance(private, Ed25519PrivateKey):
            return cls(private)
        if isinstance(private, EllipticCurvePrivateKey) and isinstance(private.curve, SECP256R1):
            return cls(private)
        raise ValueError("the key is neither Ed25519 nor P-256")

    def save(self, path: str | Path) -> None:
        """Write the private key to a new file that only its owner reads. Raises: FileExistsError, OSError."""
        pem = self._private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        with open(path, "xb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            file.write(pem)

    @property
    def public_pem(self) -> str:
        """The public half, which the platform is given when the client is opened."""
        return self._private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    def assertion(self, client_id: str, *, issuer: str, now_s: float | None = None) -> str:
        """A proof that is good once, for a token. Its audience is the platform's issuer and nothing else."""
        now = int(time.time() if now_s is None else now_s)
        claims = {
            "iss": client_id,
            "sub": client_id,
            "aud": issuer,
            "iat": now,
            "exp": now + ASSERTION_S,
            "jti": uuid.uuid4().hex,
        }
        headers = {"kid": self.kid, "typ": "client-authentication+jwt"}
        return jwt.encode(claims, self._private, algorithm=self.algorithm, headers=headers)


def _thumbprint(private: Ed25519PrivateKey | EllipticCurvePrivateKey) -> str:
    """The name of the key: SHA-256 of the members of its JWK that make it up (RFC 7638)."""
    if isinstance(private, Ed25519PrivateKey):
        jwk = OKPAlgorithm.to_jwk(private.public_key(), as_dict=True)
    else:
        jwk = ECAlgorithm.to_jwk(private.public_key(), as_dict=True)
    members = {name: jwk[name] for name in sorted(jwk) if name in {"crv", "kty", "x", "y"}}
    text = json.dumps(members, separators=(",", ":"), sort_keys=True)
    return urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
