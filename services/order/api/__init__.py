"""Cold HTTP of the order service; the hot commands are in `hot`."""

from fastapi import APIRouter

from services.order.api import contacts, orders, records, refunds, watching

PARTS = (orders, refunds, records, contacts, watching)

# Routes as they were built: to include a router would build each of them anew.
router = APIRouter(routes=[route for part in PARTS for route in part.router.routes])

__all__ = ["router"]
