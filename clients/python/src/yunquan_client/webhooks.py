"""Webhooks as they come: verified on the body as it came, before anything of it is read (Standard Webhooks 1.0.0)."""

import base64
import binascii
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from yunquan_client.errors import YunquanError
from yunquan_client.models import Event

TOLERANCE_S: Final = 300.0
SIGNATURES_MAX: Final = 20
SECRET_BYTES_MIN: Final = 24
_SECRET, _PUBLIC = "whsec_", "whpk_"


class WebhookRefused(YunquanError):
    """A request that the platform did not send, or not now. Answer 4xx and do nothing."""


class Webhooks:
    """Verifies requests with the secrets of the endpoint (`whsec_…`), the platform's public keys (`whpk_…`), or both.

    While a secret or a key is changed, give the former and the new one. A public key proves more: nobody who knows your
    secret can sign for it. Raises: ValueError for a secret or key of another form, or none at all.
    """

    def __init__(
        self,
        *,
        secrets: Sequence[str] = (),
        public_keys: Sequence[str] = (),
        clock: Callable[[], float] = time.time,
    ) -> None:
        if not secrets and not public_keys:
            raise ValueError("give a secret or a public key")
        self._secrets = [_decoded(text, _SECRET) for text in secrets]
        if any(len(secret) < SECRET_BYTES_MIN for secret in self._secrets):
            raise ValueError(f"a secret has {SECRET_BYTES_MIN} bytes at least; with none, anybody could sign")
        self._keys = [Ed25519PublicKey.from_public_bytes(_decoded(text, _PUBLIC)) for text in public_keys]
        self._clock = clock

    def verify(self, headers: Mapping[str, str], body: bytes) -> Event:
        """The event of a request. `body` is the bytes as they came, not JSON that was read and written again.

        Raises: WebhookRefused.
        """
        given = {name.lower(): value for name, value in headers.items()}
        webhook_id, sent_at = given.get("webhook-id", ""), given.get("webhook-timestamp", "")
        if not (webhook_id and webhook_id.isascii()) or not (sent_at.isascii() and sent_at.isdigit()):
            raise WebhookRefused("webhook-id or webhook-timestamp is missing")
        if abs(self._clock() - int(sent_at[:15])) > TOLERANCE_S:
            raise WebhookRefused("it was sent more than five minutes ago, or a clock is wrong")
        signed = b"%b.%b.%b" % (webhook_id.encode(), sent_at.encode(), body)
        signatures = given.get("webhook-signature", "").split()[:SIGNATURES_MAX]
        if not any(self._fits(each, signed) for each in signatures):
            raise WebhookRefused("no signature fits")
        try:
            event = Event.of(json.loads(body))
        except (ValueError, KeyError, TypeError) as error:
            raise WebhookRefused("the body is no event") from error
        if event.id != webhook_id:
            raise WebhookRefused("the body is that of another event")
        return event

    def _fits(self, signature: str, signed: bytes) -> bool:
        version, _, text = signature.partition(",")
        try:
            value = base64.b64decode(text, validate=True)
        except ValueError:
            return False
        if version == "v1":
            return any(hmac.compare_digest(hmac.digest(each, signed, hashlib.sha256), value) for each in self._secrets)
        return version == "v1a" and any(_verifies(each, value, signed) for each in self._keys)


def _verifies(key: Ed25519PublicKey, signature: bytes, signed: bytes) -> bool:
    try:
        key.verify(signature, signed)
    except InvalidSignature:
        return False
    return True


def _decoded(text: str, prefix: str) -> bytes:
    if not text.startswith(prefix):
        raise ValueError(f"it does not begin with {prefix}")
    try:
        return base64.b64decode(text.removeprefix(prefix), validate=True)
    except binascii.Error as error:
        raise ValueError(f"what follows {prefix} is not base64") from error
