"""Settings of the settlement service; every secret without a default must be given."""

from pydantic_settings import SettingsConfigDict

from shared.documents.settings import DocumentSettings


class SettlementSettings(DocumentSettings):
    """Where evidence lies and with which keys it is sealed."""

    model_config = SettingsConfigDict(env_prefix="SETTLEMENT_", frozen=True, extra="ignore")
