"""The wiring of settlement: its parts, and where its evidence lies."""

from typing import Any

from services.settlement.api import router
from services.settlement.jobs import JOBS, TIMERS
from services.settlement.metrics import QUERIES
from services.settlement.settings import SettlementSettings
from services.settlement.subscriptions import SUBSCRIPTIONS
from services.settlement.tables import METADATA
from shared.documents.blobs import EncryptedBlobs
from shared.documents.loose_files import FileRules
from shared.documents.settings import file_rules, open_documents, open_transfers
from shared.documents.transfers import Transfers
from shared.documents.uploads import Inspections
from shared.runtime.service import Service


async def register_documents(runtime: Any) -> None:  # noqa: ANN401 - the running service
    """Register the sealed store and what judges a file before it goes there."""
    runtime.ports.add(EncryptedBlobs, open_documents(runtime.settings))
    runtime.ports.add(FileRules, file_rules(runtime.settings))
    runtime.ports.add(Inspections, Inspections())
    runtime.ports.add(Transfers, open_transfers(runtime.settings))


SERVICE = Service(
    name="settlement",
    title="兑现",
    duty="兑现申请、审核、拨付、支付",
    metadata=METADATA,
    settings=SettlementSettings,
    gauge_queries=QUERIES,
    router=router,
    subscriptions=SUBSCRIPTIONS,
    timers=TIMERS,
    jobs=JOBS,
    prepare=register_documents,
)
