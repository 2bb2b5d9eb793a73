"""HTTP in: a route, its permission, and one handler or view call; all below /api/identity/v1."""

from fastapi import APIRouter

from services.identity.api import (
    accounts,
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

PARTS = (public, sessions, organisations, documents, reviews, registers, blacklist, histories, accounts, staff, clock)

router = APIRouter()
for part in PARTS:
    router.include_router(part.router)
