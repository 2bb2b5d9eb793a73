"""HTTP in: under /api/settlement/v1."""

from fastapi import APIRouter

from services.settlement.api import appropriations, claims, evidence, histories, overrides, reads, reviews

router = APIRouter()
for part in (claims, evidence, reviews, overrides, appropriations, reads, histories):
    router.include_router(part.router)

__all__ = ["router"]
