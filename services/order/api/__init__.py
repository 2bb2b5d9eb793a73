"""Cold HTTP of the order service; the hot commands are in `hot`."""

from fastapi import APIRouter

from services.order.api import contacts, orders, records, refunds, watching

router = APIRouter()
for part in (orders.router, refunds.router, records.router, contacts.router, watching.router):
    router.include_router(part)

__all__ = ["router"]
