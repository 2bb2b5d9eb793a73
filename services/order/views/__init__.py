"""Read-only SQL of the order service, scoped by who reads."""

from services.order.views.contacts import ContactReadItem, list_contact_reads
from services.order.views.orders import (
    ContactView,
    OrderDetail,
    OrderFilter,
    OrderItem,
    Scope,
    list_orders,
    read_contact,
    read_history,
    read_order,
    scope_of,
)
from services.order.views.sagas import SagaFilter, SagaItem, list_sagas
from services.order.views.tasks import list_tasks

__all__ = [
    "ContactReadItem",
    "ContactView",
    "OrderDetail",
    "OrderFilter",
    "OrderItem",
    "SagaFilter",
    "SagaItem",
    "Scope",
    "list_contact_reads",
    "list_orders",
    "list_sagas",
    "list_tasks",
    "read_contact",
    "read_history",
    "read_order",
    "scope_of",
]
