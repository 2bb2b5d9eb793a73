"""HTTP in: under /api/settlement/v1."""

from fastapi import APIRouter

from services.settlement.api import appropriations, claims, evidence, reviews

router = APIRouter()
for part in (claims.router, evidence.router, reviews.router, appropriations.router):
    router.include_router(part)

__all__ = ["router"]
