"""Signatures of Standard Webhooks 1.0.0: ed25519 (`v1a`) and HMAC-SHA256 (`v1`) over id, timestamp and body.

Both stand in one header. With `v1a` a receiver cannot forge what we sent; `v1` is what the reference library reads.
Every secret and key in force signs, so each may be changed without a moment in which a signature is missing.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

SECRET_BYTES: Final = 32
_SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - the standard's mark, no secret
_PUBLIC_PREFIX: Final = "whpk_"


def new_secret() -> bytes:
    """A secret for HMAC."""
    return secrets.token_bytes(SECRET_BYTES)


def secret_text(secret: bytes) -> str:
    """A secret as its owner is shown it."""
    return _SECRET_PREFIX + base64.b64encode(secret).decode()


def public_text(public_key: bytes) -> str:
    """A public key as receivers are given it."""
    return _PUBLIC_PREFIX + base64.b64encode(public_key).decode()


def signatures(
    webhook_id: str,
    timestamp_s: int,
    body: bytes,
    *,
    keys: Sequence[Ed25519PrivateKey],
    endpoint_secrets: Sequence[bytes],
) -> str:
    """The value of `webhook-signature`."""
    signed = b"%b.%d.%b" % (webhook_id.encode(), timestamp_s, body)
    found = [("v1a", key.sign(signed)) for key in keys]
    found += [("v1", hmac.digest(secret, signed, hashlib.sha256)) for secret in endpoint_secrets]
    return " ".join(f"{version},{base64.b64encode(value).decode()}" for version, value in found)
