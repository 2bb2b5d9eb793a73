"""The wiring of settlement: its parts, and where its evidence lies."""

import base64
import binascii
from typing import Any

from services.settlement.api import router
from services.settlement.jobs import TIMERS
from services.settlement.settings import SettlementSettings
from services.settlement.subscriptions import SUBSCRIPTIONS
from services.settlement.tables import METADATA
from shared.kernel.refusals import invariant
from shared.runtime.blobs import Blobs, EncryptedBlobs, KeyRing, LocalBlobs, S3Blobs, S3Settings
from shared.runtime.service import Service


def open_documents(settings: SettlementSettings) -> EncryptedBlobs:
    """The sealed store that the settings name. Raises: Bug for a key that is not 32 bytes of base64."""
    return EncryptedBlobs(_place(settings), _key_ring(settings))


async def register_documents(runtime: Any) -> None:  # noqa: ANN401 - the running service
    """Make the sealed store known to this service's handlers and routes."""
    runtime.ports.add(EncryptedBlobs, open_documents(runtime.settings))


def _place(settings: SettlementSettings) -> Blobs:
    if settings.documents_folder is not None:
        return LocalBlobs(settings.documents_folder)
    return S3Blobs(
        S3Settings(
            endpoint=settings.s3_endpoint,
            bucket=settings.s3_bucket,
            access_key_id=settings.s3_access_key_id,
            secret_access_key=settings.s3_secret_access_key.get_secret_value(),
            region=settings.s3_region,
        )
    )


def _key_ring(settings: SettlementSettings) -> KeyRing:
    keys = {settings.encryption_kid: _key(settings.encryption_key.get_secret_value())}
    for pair in settings.former_encryption_keys.get_secret_value().split(","):
        kid, separator, text = pair.strip().partition(":")
        if separator:
            keys.setdefault(kid, _key(text))
    return KeyRing(current=settings.encryption_kid, keys=keys)


def _key(text: str) -> bytes:
    try:
        key = base64.b64decode(text, validate=True)
    except binascii.Error:
        key = b""
    invariant(len(key) == 32, "an encryption key is 32 bytes in base64")
    return key


SERVICE = Service(
    name="settlement",
    metadata=METADATA,
    settings=SettlementSettings,
    router=router,
    subscriptions=SUBSCRIPTIONS,
    timers=TIMERS,
    prepare=register_documents,
)
