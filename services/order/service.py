"""The wiring of the order service."""

from services.order.api import HOT_ROUTES, router
from services.order.contacts import ContactSeal
from services.order.handlers.waiting import read_news, read_present
from services.order.jobs import JOBS, TIMERS
from services.order.metrics import QUERIES
from services.order.sealing import WebhookSeal
from services.order.settings import OrderSettings
from services.order.subscriptions import SUBSCRIPTIONS
from services.order.tables import METADATA
from services.order.webhooks.client import WebhookClient
from services.order.webhooks.keys import PlatformKeys, ensure_key
from services.order.webhooks.sender import run_sender
from services.order.webhooks.waiting import FeedNews, FeedWaiters, run_feed_waiters
from shared.documents.settings import key_ring
from shared.kernel.refusals import bug
from shared.runtime.service import Runtime, Service


async def prepare(runtime: Runtime) -> None:
    """Open the key ring for contacts and webhooks, make the first key that signs these, let callers wait for events."""
    settings = runtime.settings
    if not isinstance(settings, OrderSettings):
        bug("the order service has its own settings")
    ring = key_ring(settings)
    runtime.ports.add(ContactSeal, ContactSeal(ring))
    seal = WebhookSeal(ring)
    runtime.ports.add(WebhookSeal, seal)
    runtime.ports.add(PlatformKeys, PlatformKeys(seal))
    runtime.ports.add(WebhookClient, WebhookClient(local=settings.webhook_local_targets))
    runtime.ports.add(FeedNews, FeedNews())
    runtime.ports.add(FeedWaiters, FeedWaiters())
    async with runtime.work() as work:
        await ensure_key(work)


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
    runners=(run_feed_waiters, run_sender),
    news=read_news,
    prepare=prepare,
    present=read_present,
)
