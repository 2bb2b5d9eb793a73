"""Settings of the settlement service; every secret without a default must be given."""

from pathlib import Path
from typing import Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import SettingsConfigDict

from shared.runtime.settings import ServiceSettings


class SettlementSettings(ServiceSettings):
    """Where evidence lies and with which keys it is sealed.

    `encryption_key` is 32 bytes in base64. `former_encryption_keys` are `kid:base64` pairs joined by commas, kept so
    that older envelopes open. Documents lie in a folder or in a bucket, never in both.
    """

    model_config = SettingsConfigDict(env_prefix="SETTLEMENT_", frozen=True, extra="ignore")

    encryption_key: SecretStr
    encryption_kid: str = Field(default="1", pattern=r"^[A-Za-z0-9_-]{1,64}$")
    former_encryption_keys: SecretStr = SecretStr("")
    documents_folder: Path | None = None
    s3_endpoint: str = ""
    s3_bucket: str = ""
    s3_region: str = "us-east-1"
    s3_access_key_id: str = ""
    s3_secret_access_key: SecretStr = SecretStr("")

    @model_validator(mode="after")
    def _one_place_for_documents(self) -> Self:
        if (self.documents_folder is None) == (not self.s3_endpoint):
            raise ValueError("give either SETTLEMENT_DOCUMENTS_FOLDER or SETTLEMENT_S3_ENDPOINT")
        return self
