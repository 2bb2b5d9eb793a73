"""What settlement listens to."""

from services.settlement.handlers import copies, items, parties
from shared.contracts.messages.identity import ORGANISATION_FACTS, AffiliationEnded, AffiliationRecorded
from shared.contracts.messages.order import (
    OrderAwaitingConfirmation,
    OrderCancelled,
    OrderClaimed,
    OrderConfirmed,
    OrderPlaced,
    OrderRedeemed,
    OrderRefunded,
    OrderRefused,
    OrderUnclaimed,
    RefundEscalated,
    RefundRefused,
    RefundRequested,
)
from shared.contracts.messages.settlement import OpenItem, RefuseItem
from shared.runtime.service import Subscriptions

_ORDER_FACTS = (
    OrderPlaced,
    OrderAwaitingConfirmation,
    OrderRefused,
    OrderConfirmed,
    OrderCancelled,
    RefundRequested,
    RefundRefused,
    RefundEscalated,
    OrderRefunded,
    OrderClaimed,
    OrderUnclaimed,
    OrderRedeemed,
)

SUBSCRIPTIONS: Subscriptions = {
    **dict.fromkeys(ORGANISATION_FACTS, parties.copy_parties),
    AffiliationRecorded: copies.copy_ties,
    AffiliationEnded: copies.copy_ties,
    **dict.fromkeys(_ORDER_FACTS, copies.copy_orders),
    OpenItem: items.open_items,
    RefuseItem: items.refuse_items,
}
