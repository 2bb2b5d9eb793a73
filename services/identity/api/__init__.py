"""HTTP in: a route, its permission, and one handler or view call; all below /api/identity/v1."""

from fastapi import APIRouter

from services.identity.api import (
    accounts,
    blacklist,
    clients,
    clock,
    documents,
    histories,
    members,
    organisations,
    public,
    registers,
    reviews,
    sessions,
    staff,
    tokens,
)

PARTS = (
    public,
    sessions,
    tokens,
    clients,
    members,
    organisations,
    documents,
    reviews,
    registers,
    blacklist,
    histories,
    accounts,
    staff,
    clock,
)

# Routes as they were built: to include a router would build each of them anew.
router = APIRouter(routes=[route for part in PARTS for route in part.router.routes])
