"""Settings of services that seal what they store, and what is built from them: key ring, document store, transfers."""

import base64
import binascii
from pathlib import Path
from typing import Self

from pydantic import Field, SecretStr, model_validator

from shared.documents.blobs import Blobs, EncryptedBlobs, LocalBlobs
from shared.documents.encryption import KeyRing
from shared.documents.loose_files import FileRules
from shared.documents.spool import SpoolSpace
from shared.documents.transfers import Transfers
from shared.kernel.refusals import invariant
from shared.runtime.service import ServiceSettings

KEY_BYTES = 32


class SealingSettings(ServiceSettings):
    """Keys for sealing: `encryption_key` is 32 bytes in base64.

    `former_encryption_keys` are `kid:base64` pairs joined by commas, kept so that older envelopes open.
    """

    encryption_key: SecretStr
    encryption_kid: str = Field(default="1", pattern=r"^[A-Za-z0-9_-]{1,64}$")
    former_encryption_keys: SecretStr = SecretStr("")


class DocumentSettings(SealingSettings):
    """Where sealed documents lie: in a folder or in an S3-compatible bucket, never in both."""

    documents_folder: Path | None = None
    s3_endpoint: str = ""
    s3_bucket: str = ""
    s3_region: str = "us-east-1"
    s3_access_key_id: str = ""
    s3_secret_access_key: SecretStr = SecretStr("")
    unfiled_files_max: int = Field(default=2_000, ge=1)
    """How many files an organisation may hold that belong to nothing it has submitted."""
    unfiled_bytes_max: int = Field(default=4 << 30, ge=1)
    """How many bytes those may have."""
    unfiled_keep_days: int = Field(default=90, ge=1, le=3_650)
    """After how many days, in business time, a file is removed that was never submitted."""
    uploads_at_once_max: int = Field(default=32, ge=1, le=1_000)
    downloads_at_once_max: int = Field(default=64, ge=1, le=1_000)
    transfer_bytes_max: int = Field(default=192 * 1024 * 1024, ge=32 * 1024 * 1024)
    """How much disk the files may take that are on their way in or out; less than the place for temporary files has."""

    @model_validator(mode="after")
    def _one_place_for_documents(self) -> Self:
        if (self.documents_folder is None) == (not self.s3_endpoint):
            prefix = self.model_config.get("env_prefix", "")
            raise ValueError(f"give either {prefix}DOCUMENTS_FOLDER or {prefix}S3_ENDPOINT")
        return self


def secret_key(text: SecretStr) -> bytes:
    """A 32-byte key from its base64. Raises: Bug."""
    try:
        key = base64.b64decode(text.get_secret_value(), validate=True)
    except binascii.Error:
        key = b""
    invariant(len(key) == KEY_BYTES, "a key is 32 bytes in base64")
    return key


def key_ring(settings: SealingSettings) -> KeyRing:
    """The current key and those that still open older envelopes. Raises: Bug."""
    keys = {settings.encryption_kid: secret_key(settings.encryption_key)}
    for pair in filter(None, settings.former_encryption_keys.get_secret_value().split(",")):
        kid, _, key = pair.strip().partition(":")
        keys.setdefault(kid, secret_key(SecretStr(key)))
    return KeyRing(current=settings.encryption_kid, keys=keys)


def open_documents(settings: DocumentSettings) -> EncryptedBlobs:
    """The sealed store that the settings name. Raises: Bug."""
    return EncryptedBlobs(blobs_of(settings), key_ring(settings))


def file_rules(settings: DocumentSettings) -> FileRules:
    """What the settings allow an organisation to hold before it submits."""
    return FileRules(
        files_max=settings.unfiled_files_max,
        bytes_max=settings.unfiled_bytes_max,
        keep_days=settings.unfiled_keep_days,
    )


def open_transfers(settings: DocumentSettings) -> Transfers:
    """The files on their way: beside the documents, or where the system keeps temporary files."""
    space = SpoolSpace(settings.documents_folder, bytes_max=settings.transfer_bytes_max)
    return Transfers(space, uploads_max=settings.uploads_at_once_max, downloads_max=settings.downloads_at_once_max)


def blobs_of(settings: DocumentSettings) -> Blobs:
    """The unsealed place below: a folder or a bucket."""
    if settings.documents_folder is not None:
        return LocalBlobs(settings.documents_folder)
    from shared.documents.blobs_s3 import S3Blobs, S3Settings  # noqa: PLC0415 - 4 MB that only a bucket needs

    return S3Blobs(
        S3Settings(
            endpoint=settings.s3_endpoint,
            bucket=settings.s3_bucket,
            access_key_id=settings.s3_access_key_id,
            secret_access_key=settings.s3_secret_access_key.get_secret_value(),
            region=settings.s3_region,
        )
    )
