"""Settings of the identity service; every secret without a default must be given."""

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from shared.runtime.sealed import DocumentSettings


class IdentitySettings(DocumentSettings):
    """Keys, the first administrator, and how long sessions live; `index_key` is 32 bytes in base64."""

    model_config = SettingsConfigDict(env_prefix="IDENTITY_", frozen=True, extra="ignore")

    index_key: SecretStr
    first_admin_name: str = "platform-admin"
    """Sign-in name of the platform administrator that is made when there are no staff yet."""
    first_admin_password: SecretStr
    access_token_ttl_s: int = Field(default=300, ge=1, le=300)
    refresh_ttl_hours: int = Field(default=12, ge=1, le=24 * 30)
    key_lead_s: int = Field(default=30, ge=0, le=3_600)
    """How long a new signing key is published before tokens are signed with it."""
    password_threads: int = Field(default=2, ge=1, le=16)
    passwords_waiting_max: int = Field(default=64, ge=1, le=1_024)
