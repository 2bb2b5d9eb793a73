"""The wiring of the order service."""

from services.order.api import router
from services.order.handlers.docket import read_news, read_present
from services.order.hot import HOT_ROUTES
from services.order.jobs import JOBS, TIMERS
from services.order.metrics import LOOKS
from services.order.settings import OrderSettings
from services.order.subscriptions import SUBSCRIPTIONS
from services.order.tables import METADATA
from shared.runtime.service import Service

SERVICE = Service(
    name="order",
    metadata=METADATA,
    settings=OrderSettings,
    looks=LOOKS,
    router=router,
    hot_routes=HOT_ROUTES,
    subscriptions=SUBSCRIPTIONS,
    timers=TIMERS,
    jobs=JOBS,
    news=read_news,
    present=read_present,
)
