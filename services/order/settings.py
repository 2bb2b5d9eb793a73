"""Settings of the order service's process."""

from pydantic_settings import SettingsConfigDict

from shared.runtime.settings import ServiceSettings


class OrderSettings(ServiceSettings):
    """The common settings under the service's own prefix: it keeps hashes of contracts, never the files."""

    model_config = SettingsConfigDict(env_prefix="ORDER_", frozen=True, extra="ignore")
