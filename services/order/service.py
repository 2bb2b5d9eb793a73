"""The wiring of the order service."""

from services.order.api import HOT_ROUTES, router
from services.order.contacts import ContactSeal
from services.order.handlers.events import FeedNews
from services.order.handlers.waiting import read_news, read_present
from services.order.jobs import JOBS, TIMERS
from services.order.metrics import QUERIES
from services.order.settings import OrderSettings
from services.order.subscriptions import SUBSCRIPTIONS
from services.order.tables import METADATA
from services.order.webhooks.waiting import FeedWaiters, run_feed_waiters
from shared.documents.settings import key_ring
from shared.kernel.refusals import bug
from shared.runtime.service import Runtime, Service


async def prepare(runtime: Runtime) -> None:
    """Open the key ring for contacts, and let callers wait for events."""
    settings = runtime.settings
    if not isinstance(settings, OrderSettings):
        bug("the order service has its own settings")
    runtime.ports.add(ContactSeal, ContactSeal(key_ring(settings)))
    runtime.ports.add(FeedNews, FeedNews())
    runtime.ports.add(FeedWaiters, FeedWaiters())


SERVICE = Service(
    name="order",
    title="订单",
    duty="下单、确认、取消、退款、合同",
    metadata=METADATA,
    settings=OrderSettings,
    gauge_queries=QUERIES,
    router=router,
    hot_routes=HOT_ROUTES,
    subscriptions=SUBSCRIPTIONS,
    timers=TIMERS,
    jobs=JOBS,
    runners=(run_feed_waiters,),
    news=read_news,
    prepare=prepare,
    present=read_present,
)
