"""HTTP in: route, permission and one handler or view call; served under /api/voucher/v1."""

from fastapi import APIRouter

from services.voucher.api import accounts, applications, plans, proofs, revocations

PARTS = (plans, applications, accounts, proofs, revocations)

# Routes as they were built: to include a router would build each of them anew.
router = APIRouter(routes=[route for part in PARTS for route in part.router.routes])
HOT_ROUTES = applications.HOT_ROUTES
