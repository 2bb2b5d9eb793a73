"""The wiring of the catalog service."""

from services.catalog.api import router
from services.catalog.settings import CatalogSettings
from services.catalog.subscriptions import SUBSCRIPTIONS
from services.catalog.tables import METADATA
from shared.runtime.service import Service

SERVICE = Service(
    name="catalog",
    metadata=METADATA,
    settings=CatalogSettings,
    router=router,
    subscriptions=SUBSCRIPTIONS,
)
