"""What settlement listens to."""

from services.settlement.handlers import copies, items
from shared.contracts.messages.identity import ORGANISATION_FACTS
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

_MOVES = (
    OrderAwaitingConfirmation,
    OrderRefused,
    OrderConfirmed,
    OrderCancelled,
    RefundRequested,
    RefundRefused,
    RefundEscalated,
    OrderClaimed,
    OrderUnclaimed,
    OrderRedeemed,
)

SUBSCRIPTIONS: Subscriptions = {
    **dict.fromkeys(ORGANISATION_FACTS, copies.copy_parties),
    OrderPlaced: copies.copy_placed,
    OrderRefunded: copies.copy_refunded,
    **dict.fromkeys(_MOVES, copies.copy_moved),
    OpenItem: items.open_items,
    RefuseItem: items.refuse_items,
}
