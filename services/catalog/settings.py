"""Settings of the catalog service."""

from pydantic_settings import SettingsConfigDict

from shared.runtime.service import ServiceSettings


class CatalogSettings(ServiceSettings):
    """What the environment may set, prefixed with CATALOG_."""

    model_config = SettingsConfigDict(env_prefix="CATALOG_", frozen=True, extra="ignore")
