"""Settings of the order service's process."""

from typing import Self

from pydantic import model_validator
from pydantic_settings import SettingsConfigDict

from shared.documents.settings import SealingSettings


class OrderSettings(SealingSettings):
    """The settings under the service's own prefix: it keeps hashes of contracts, no files, and seals contacts."""

    model_config = SettingsConfigDict(env_prefix="ORDER_", frozen=True, extra="ignore")

    webhook_local_targets: bool = False
    """Whether webhooks may go to plain http and to addresses of this machine: in a demonstration, a sandbox, a test."""

    @model_validator(mode="after")
    def _local_targets_are_for_trying_out(self) -> Self:
        if self.webhook_local_targets and not (self.sandbox or self.movable_clock):
            raise ValueError("ORDER_WEBHOOK_LOCAL_TARGETS is for a sandbox or a movable clock only")
        return self
