"""The wiring of the catalog service."""

from services.catalog.api import router
from services.catalog.jobs import TIMERS
from services.catalog.settings import CatalogSettings
from services.catalog.subscriptions import SUBSCRIPTIONS
from services.catalog.tables import METADATA
from shared.runtime.service import Service

SERVICE = Service(
    name="catalog",
    title="目录",
    duty="云服务产品、两级审核、公开目录",
    metadata=METADATA,
    settings=CatalogSettings,
    router=router,
    subscriptions=SUBSCRIPTIONS,
    timers=TIMERS,
)
