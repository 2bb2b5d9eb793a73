"""The directory: the edition of each product that may be bought, and its prices for the medians of the class."""

from uuid import UUID

from sqlalchemy import delete, insert
from sqlalchemy.dialects.postgresql import insert as upsert

from services.catalog.domain.product import Product
from services.catalog.domain.search import fold, search_text
from services.catalog.tables import LISTED_PRICE, LISTING
from shared.runtime.sql import execute
from shared.runtime.work import Work


async def list_in_directory(work: Work, after: Product) -> None:
    """Make the newest edition what the directory shows, with its prices for the class medians."""
    content = after.newest.content
    row = {
        "product_id": after.id,
        "provider_id": after.provider_id,
        "edition": after.newest.number,
        "class_code": content.class_code,
        "voucher": content.voucher,
        "lowest_price_fen": min(component.price_fen for component in content.components),
        "search_text": search_text([content.name]),
        "published_at": work.now,
    }
    statement = upsert(LISTING).values(row)
    await execute(work.connection, statement.on_conflict_do_update(index_elements=["product_id"], set_=row))
    await execute(work.connection, delete(LISTED_PRICE).where(LISTED_PRICE.c.product_id == after.id))
    prices = [
        {
            "product_id": after.id,
            "code": component.code,
            "class_code": content.class_code,
            "unit_folded": fold(component.unit),
            "price_fen": component.price_fen,
        }
        for component in content.components
    ]
    await execute(work.connection, insert(LISTED_PRICE).values(prices))


async def take_off_directory(work: Work, product_id: UUID) -> None:
    """Show a product and its prices no more."""
    await execute(work.connection, delete(LISTING).where(LISTING.c.product_id == product_id))
