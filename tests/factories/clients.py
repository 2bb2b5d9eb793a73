"""Machine clients as a test meets them: their keys, their assertions, and the tokens that they ask for."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as generate_p256
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.factories.harness import CLIENT_ISSUER

BASE = "/api/identity/v1"
ISSUER = CLIENT_ISSUER
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
PrivateKey = Ed25519PrivateKey | EllipticCurvePrivateKey


def a_key(algorithm: str = "EdDSA") -> PrivateKey:
    """A fresh private key."""
    return Ed25519PrivateKey.generate() if algorithm == "EdDSA" else generate_p256(SECP256R1())


def pem_of(key: PrivateKey) -> str:
    """Its public part in SPKI PEM."""
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


@dataclass
class Machine:
    """A machine client with one of its keys."""

    http: httpx.AsyncClient
    id: UUID
    client_id: str
    key: PrivateKey
    kid: str
    algorithm: str = "EdDSA"
    version: int = field(default=1)

    def assertion(
        self, *, headers: Mapping[str, Any] | None = None, key: Any = None, algorithm: str | None = None, **claims: Any
    ) -> str:
        """A signed assertion, good as it stands; claims that are None are left out."""
        now = time.time()
        said = {
            "iss": self.client_id,
            "sub": self.client_id,
            "aud": ISSUER,
            "iat": now,
            "exp": now + 120,
            "jti": uuid4().hex,
            **claims,
        }
        return jwt.encode(
            {name: value for name, value in said.items() if value is not None},
            self.key if key is None else key,
            algorithm=algorithm or self.algorithm,
            headers={"kid": self.kid, "typ": "client-authentication+jwt", **(headers or {})},
        )

    async def ask(self, assertion: str | None = None, **fields: str) -> httpx.Response:
        """Ask for a token, by a fresh assertion where none is given."""
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": self.assertion() if assertion is None else assertion,
            **fields,
        }
        return await self.http.post(f"{BASE}/token", data=form)

    async def token(self, **fields: str) -> str:
        """An access token."""
        response = await self.ask(**fields)
        assert response.status_code == 200, response.text
        text: str = response.json()["access_token"]
        return text

    async def headers(self, **fields: str) -> dict[str, str]:
        """Headers with an access token and a fresh key."""
        return {"Authorization": f"Bearer {await self.token(**fields)}", "Idempotency-Key": uuid4().hex}


async def open_machine(
    http: httpx.AsyncClient,
    administrator: Mapping[str, str],
    scopes: list[str],
    *,
    algorithm: str = "EdDSA",
    name: str = "订单系统",
) -> Machine:
    """A client that the administrator of its organisation opens."""
    key = a_key(algorithm)
    body = {"name": name, "scopes": scopes, "public_key": pem_of(key)}
    response = await http.post(f"{BASE}/clients", json=body, headers={**administrator, "Idempotency-Key": uuid4().hex})
    assert response.status_code == 201, response.text
    opened = response.json()
    return Machine(http, UUID(opened["id"]), opened["client_id"], key, opened["kids"][0], algorithm)
