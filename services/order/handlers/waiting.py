"""What callers are told who wait for an order with `Prefer: wait`, or repeat a request: how the order stands now."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from services.order.domain.saga import is_settled
from services.order.handlers.orders import changing
from services.order.store import orders as store
from shared.runtime.sql import Connection


async def read_news(connection: Connection, order_ids: Sequence[UUID]) -> Mapping[UUID, object]:
    """What waiting callers are told of these orders, as far as nothing is under way for them any more."""
    found = await store.find_with_purchase(connection, order_ids)
    return {order.id: changing(order, saga) for order, saga in found if is_settled(saga)}


async def read_present(connection: Connection, order_ids: Sequence[UUID]) -> Mapping[UUID, Mapping[str, object]]:
    """How these orders stand now, as far as the results of commands on them change."""
    found = await store.find_with_purchase(connection, order_ids)
    return {order.id: changing(order, saga) for order, saga in found}
