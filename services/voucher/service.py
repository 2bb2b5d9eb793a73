"""The voucher service: wiring only."""

from services.voucher.api import HOT_ROUTES, router
from services.voucher.handlers.allocation import AllocatorWaker
from services.voucher.jobs import JOBS, TIMERS, AllocatorRunner
from services.voucher.metrics import AUDITS, QUERIES
from services.voucher.receipts import ReceiptSigner, open_signer
from services.voucher.settings import VoucherSettings
from services.voucher.subscriptions import SUBSCRIPTIONS
from services.voucher.tables import METADATA
from shared.kernel.refusals import invariant
from shared.runtime.service import Runtime, Service


async def prepare(runtime: Runtime) -> None:
    """Open the receipts' key, and make this process's allocator ready to be woken."""
    settings = runtime.settings
    invariant(isinstance(settings, VoucherSettings), "the voucher service has its own settings")
    secret = settings.receipt_key_secret.get_secret_value()  # type: ignore[attr-defined]
    async with runtime.pool.acquire() as connection:
        runtime.ports.add(ReceiptSigner, await open_signer(connection, secret=secret))
    allocator = AllocatorRunner(runtime)
    runtime.ports.add(AllocatorRunner, allocator)
    runtime.ports.add(AllocatorWaker, AllocatorWaker(allocator.wake))


SERVICE = Service(
    name="voucher",
    title="云券",
    duty="年度计划、申领队列、额度账户、复式账本",
    metadata=METADATA,
    settings=VoucherSettings,
    gauge_queries=QUERIES,
    audits=AUDITS,
    router=router,
    hot_routes=HOT_ROUTES,
    subscriptions=SUBSCRIPTIONS,
    timers=TIMERS,
    jobs=JOBS,
    prepare=prepare,
)
