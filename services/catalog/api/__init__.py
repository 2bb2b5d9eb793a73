"""HTTP in: a route, a permission, and one handler or view; served under /api/catalog/v1."""

from fastapi import APIRouter

from services.catalog.api import delistings, directory, products, reviews

router = APIRouter()
router.include_router(products.router)
router.include_router(reviews.router)
router.include_router(delistings.router)
router.include_router(directory.router)
