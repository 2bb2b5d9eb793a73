"""Where evidence lies is said once, and with a whole key."""

import base64
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from services.settlement.service import open_documents
from services.settlement.settings import SettlementSettings
from shared.documents.blobs import EncryptedBlobs
from shared.kernel.refusals import Bug

KEY = base64.b64encode(bytes(32)).decode()


def settings(*, key: str = KEY, folder: Path | None = None, endpoint: str = "", former: str = "") -> SettlementSettings:
    return SettlementSettings(
        database_url=SecretStr("postgresql://nowhere/"),
        encryption_key=SecretStr(key),
        former_encryption_keys=SecretStr(former),
        documents_folder=folder,
        s3_endpoint=endpoint,
        s3_bucket="evidence",
    )


def test_a_folder_and_a_bucket_at_once_or_neither_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValidationError):
        settings()
    with pytest.raises(ValidationError):
        settings(folder=tmp_path, endpoint="https://s3.example")


@pytest.mark.parametrize("key", ["short", base64.b64encode(bytes(31)).decode(), "####"])
def test_a_key_that_is_not_32_bytes_is_a_bug(key: str, tmp_path: Path) -> None:
    with pytest.raises(Bug):
        open_documents(settings(key=key, folder=tmp_path))


def test_a_bucket_is_opened_without_being_asked_anything() -> None:
    found = open_documents(settings(endpoint="https://s3.example", former=f"0:{KEY}"))
    assert isinstance(found, EncryptedBlobs)
