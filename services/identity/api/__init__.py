"""HTTP in: a route, its permission, and one handler or view call; all below /api/identity/v1."""

from fastapi import APIRouter

from services.identity.api import (
    blacklist,
    clock,
    documents,
    histories,
    organisations,
    public,
    registers,
    reviews,
    sessions,
    staff,
)

router = APIRouter()
for part in (public, sessions, organisations, documents, reviews, registers, blacklist, histories, staff, clock):
    router.include_router(part.router)
