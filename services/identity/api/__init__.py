"""HTTP in: a route, its permission, and one handler or view call; all below /api/identity/v1."""

from fastapi import APIRouter

from services.identity.api import accounts, documents, organisations, public, registers, reviews, sessions, staff

router = APIRouter()
for part in (public, sessions, organisations, documents, reviews, registers, accounts, staff):
    router.include_router(part.router)
