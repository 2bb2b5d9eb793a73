"""What the class asks for the same unit today: the measure of a price. Source: R39, Q10."""

from uuid import UUID

from sqlalchemy import func, select

from services.catalog.domain.prices import ClassMedian, Outlier, outliers
from services.catalog.domain.product import Content
from services.catalog.domain.search import fold
from services.catalog.tables import LISTED_PRICE
from shared.contracts.policy import PolicyPack
from shared.runtime.sql import Connection, fetch_all


async def price_outliers(
    connection: Connection, content: Content, *, but: UUID, pack: PolicyPack
) -> tuple[Outlier, ...]:
    """The components far above the class's other published products, `but` the product itself. Source: Q10."""
    medians = await class_medians(connection, content, but=but)
    return outliers(content.components, medians=medians, factor_bp=pack.price_outlier_bp)


async def class_medians(connection: Connection, content: Content, *, but: UUID) -> dict[str, ClassMedian]:
    """The lower median price of each of the content's units among the class's other published products."""
    units = sorted({fold(component.unit) for component in content.components})
    price = LISTED_PRICE.c.price_fen
    rows = await fetch_all(
        connection,
        select(
            LISTED_PRICE.c.unit_folded,
            func.percentile_disc(0.5).within_group(price).label("median_fen"),
            func.count().label("prices"),
        )
        .where(
            LISTED_PRICE.c.class_code == content.class_code,
            LISTED_PRICE.c.product_id != but,
            LISTED_PRICE.c.unit_folded.in_(units),
        )
        .group_by(LISTED_PRICE.c.unit_folded),
    )
    return {row["unit_folded"]: ClassMedian(median_fen=row["median_fen"], prices=row["prices"]) for row in rows}
