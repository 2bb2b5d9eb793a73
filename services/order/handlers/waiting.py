"""What callers are told who wait for an order with `Prefer: wait`, or repeat a request: how the order stands now."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from services.order.domain.order import Order
from services.order.domain.saga import Saga, is_settled
from services.order.handlers.orders import changing
from services.order.store import orders as store
from shared.runtime.sql import Connection


async def read_news(connection: Connection, order_ids: Sequence[UUID]) -> Mapping[UUID, object]:
    """What waiting callers are told of these orders, as far as nothing is under way for them any more."""
    found = await _purchases(connection, order_ids)
    return {order.id: changing(order, saga) for order, saga in found if is_settled(saga)}


async def read_present(connection: Connection, order_ids: Sequence[UUID]) -> Mapping[UUID, Mapping[str, object]]:
    """How these orders stand now, as far as the results of commands on them change."""
    return {order.id: changing(order, saga) for order, saga in await _purchases(connection, order_ids)}


async def _purchases(connection: Connection, order_ids: Sequence[UUID]) -> Sequence[tuple[Order, Saga | None]]:
    orders = await store.find(connection, order_ids)
    purchases = {saga.id: saga for saga in await store.find_sagas(connection, [order.id for order in orders])}
    return [(order, purchases.get(order.id)) for order in orders]
