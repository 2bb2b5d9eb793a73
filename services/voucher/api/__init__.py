"""HTTP in: route, permission and one handler or view call; served under /api/voucher/v1."""

from fastapi import APIRouter

from services.voucher.api import accounts, applications, plans, revocations

router = APIRouter()
for part in (plans.router, applications.router, accounts.router, revocations.router):
    router.include_router(part)
