"""HTTP in: under /api/settlement/v1."""

from fastapi import APIRouter

from services.settlement.api import appropriations, claims, evidence, exports, histories, overrides, reads, reviews

PARTS = (claims, evidence, reviews, overrides, appropriations, exports, reads, histories)

# Routes as they were built: to include a router would build each of them anew.
router = APIRouter(routes=[route for part in PARTS for route in part.router.routes])

__all__ = ["router"]
