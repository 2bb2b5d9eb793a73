"""Settings of the order service's process."""

from pydantic_settings import SettingsConfigDict

from shared.documents.settings import SealingSettings


class OrderSettings(SealingSettings):
    """The settings under the service's own prefix: it keeps hashes of contracts, no files, and seals contacts."""

    model_config = SettingsConfigDict(env_prefix="ORDER_", frozen=True, extra="ignore")

    webhook_local_targets: bool = False
    """Whether webhooks may go to plain http and to addresses of this machine: in a demonstration, a sandbox, a test."""
