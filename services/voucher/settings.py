"""Settings of the voucher service."""

from pydantic import SecretStr
from pydantic_settings import SettingsConfigDict

from shared.runtime.service import ServiceSettings


class VoucherSettings(ServiceSettings):
    """What the voucher service needs beside the common settings."""

    model_config = SettingsConfigDict(env_prefix="VOUCHER_", frozen=True, extra="ignore")

    receipt_key_secret: SecretStr
    """Seals the private keys of receipts in the database; at least 16 characters."""
