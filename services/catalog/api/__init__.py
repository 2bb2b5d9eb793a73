"""HTTP in: a route, a permission, and one handler or view; served under /api/catalog/v1."""

from fastapi import APIRouter

from services.catalog.api import delistings, directory, products, reviews

PARTS = (products, reviews, delistings, directory)

# Routes as they were built: to include a router would build each of them anew.
router = APIRouter(routes=[route for part in PARTS for route in part.router.routes])
