"""Secrets of webhooks at rest: those of endpoints and the private keys of the platform, each bound to its record."""

from typing import Final
from uuid import UUID

from services.order.domain.webhook_refusals import WebhookSecretUnreadable
from shared.documents.encryption import KeyRing, seal, unseal

_MAGIC: Final = b"YQW1"


class WebhookSeal:
    """Seals and opens secrets with the service's key ring."""

    def __init__(self, keys: KeyRing) -> None:
        self._keys = keys

    def close(self, secret: bytes, *, record_id: UUID) -> bytes:
        """The envelope of a secret."""
        return seal(self._keys, secret, magic=_MAGIC, bound_to=record_id.bytes)

    def open(self, envelope: bytes, *, record_id: UUID) -> bytes:
        """The secret in an envelope. Raises: WebhookSecretUnreadable."""
        value = unseal(self._keys, envelope, magic=_MAGIC, bound_to=record_id.bytes)
        if value is None:
            raise WebhookSecretUnreadable
        return value
