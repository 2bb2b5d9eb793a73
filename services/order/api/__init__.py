"""HTTP of the order service."""

from fastapi import APIRouter

from services.order.api import contacts, events, orders, quotes, records, refunds, watching, webhooks

PARTS = (quotes, orders, refunds, records, contacts, events, webhooks, watching)

# Routes as they were built: to include a router would build each of them anew.
router = APIRouter(routes=[route for part in PARTS for route in part.router.routes])

HOT_ROUTES = orders.HOT_ROUTES

__all__ = ["HOT_ROUTES", "router"]
