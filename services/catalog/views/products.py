"""Products as their provider and the authorities see them, scoped by role in SQL."""

from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, false, select, true

from services.catalog.domain import product as domain
from services.catalog.domain.product import Content, EditionState, ProductState
from services.catalog.tables import CORRECTION, DELISTING, EDITION, PARTY, PRODUCT, REVIEW, RUNTIME
from services.catalog.views.models import (
    CorrectionItem,
    DelistingItem,
    EditionItem,
    PriceComponent,
    PriceFlag,
    ProductDetail,
    ProductSummary,
    ReviewItem,
)
from services.catalog.views.prices import price_outliers
from shared.contracts.http.lists import Page
from shared.contracts.permissions import Permission, Role
from shared.contracts.policy import PolicyPack
from shared.runtime.auth import Principal
from shared.runtime.sql import Connection, Place, fetch_all, fetch_one, read_page
from shared.runtime.work import HistoryItem, NotFound, history_of

_AUTHORITIES = frozenset({Role.OPERATOR_CLERK, Role.OPERATOR_LEAD, Role.BUREAU_OFFICER, Role.BUREAU_LEAD, Role.AUDITOR})


def is_authority(principal: Principal) -> bool:
    """Whether the caller oversees all providers. Source: R1, R3, R9."""
    return bool(principal.roles & _AUTHORITIES)


def sees_persons(principal: Principal) -> bool:
    """Whether the caller learns which person acted, as in every history. Source: R7, R8, R9."""
    return Permission.PLATFORM_PERSON_READ in principal.permissions


def visible_to(principal: Principal) -> ColumnElement[bool]:
    """The products a caller may see: all, those of its own organisation, or none."""
    if is_authority(principal):
        return true()
    if principal.organisation_id is None:
        return false()
    return PRODUCT.c.provider_id == principal.organisation_id


def _summaries() -> Select[Any]:
    newest = (EDITION.c.product_id == PRODUCT.c.id) & (EDITION.c.number == PRODUCT.c.edition)
    return (
        select(
            PRODUCT.c.id,
            PRODUCT.c.version,
            PRODUCT.c.provider_id,
            PARTY.c.name.label("provider_name"),
            PRODUCT.c.state,
            PRODUCT.c.edition,
            EDITION.c.state.label("edition_state"),
            PRODUCT.c.published_edition,
            EDITION.c.name,
            EDITION.c.class_code,
            EDITION.c.voucher,
            PRODUCT.c.changed_at,
            PRODUCT.c.delisted_at,
            PRODUCT.c.delisting_ground,
        )
        .join_from(PRODUCT, EDITION, newest)
        .join(PARTY, PARTY.c.organisation_id == PRODUCT.c.provider_id)
    )


async def list_products(  # noqa: PLR0913 - the filters of the list
    connection: Connection,
    *,
    principal: Principal,
    state: ProductState | None,
    edition_state: EditionState | None,
    limit: int,
    cursor: str | None,
) -> Page[ProductSummary]:
    """The caller's products, newest first. Raises: CursorInvalid."""
    statement = _summaries().where(visible_to(principal))
    if state is not None:
        statement = statement.where(PRODUCT.c.state == state)
    if edition_state is not None:
        statement = statement.where(EDITION.c.state == edition_state)
    return await read_page(connection, statement, key=PRODUCT.c.id, item=ProductSummary, limit=limit, cursor=cursor)


async def read_product(
    connection: Connection, product_id: UUID, *, principal: Principal, pack: PolicyPack
) -> ProductDetail:
    """One product with its whole history. Raises: NotFound, also when it is somebody else's."""
    head = await fetch_one(connection, _summaries().where(PRODUCT.c.id == product_id, visible_to(principal)))
    if head is None:
        raise NotFound
    editions = await fetch_all(
        connection, select(EDITION).where(EDITION.c.product_id == product_id).order_by(EDITION.c.number.desc())
    )
    flags = await _price_flags(connection, editions[0], pack=pack) if is_authority(principal) else []
    return ProductDetail(
        **dict(head),
        editions=[EditionItem.model_validate(dict(row)) for row in editions],
        reviews=await _reviews(connection, product_id, principal=principal),
        corrections=await _corrections(connection, product_id),
        delistings=await _delistings(connection, product_id, principal=principal, pack=pack),
        price_flags=flags,
    )


async def read_history(
    connection: Connection, product_id: UUID, *, principal: Principal, place: Place
) -> Page[HistoryItem]:
    """Decisions and facts of a product, newest first. Raises: NotFound, also when it is somebody else's. Source: R7."""
    seen = select(PRODUCT.c.id).where(PRODUCT.c.id == product_id, visible_to(principal))
    if await fetch_one(connection, seen) is None:
        raise NotFound
    return await history_of(connection, RUNTIME, [product_id], reader=principal, place=place)


async def _price_flags(connection: Connection, row: Any, *, pack: PolicyPack) -> list[PriceFlag]:  # noqa: ANN401 - a Record
    components = domain.components_of(row["components"])
    content = Content(
        **{name: row[name] for name in Content.__dataclass_fields__ if name != "components"}, components=components
    )
    found = await price_outliers(connection, content, but=row["product_id"], pack=pack)
    return [PriceFlag.model_validate(item) for item in found]


async def _reviews(connection: Connection, product_id: UUID, *, principal: Principal) -> list[ReviewItem]:
    rows = await fetch_all(
        connection, select(REVIEW).where(REVIEW.c.product_id == product_id).order_by(REVIEW.c.id.desc())
    )
    hidden = {} if sees_persons(principal) else {"account_id": None}
    return [ReviewItem.model_validate({**dict(row), **hidden}) for row in rows]


async def _corrections(connection: Connection, product_id: UUID) -> list[CorrectionItem]:
    rows = await fetch_all(
        connection, select(CORRECTION).where(CORRECTION.c.product_id == product_id).order_by(CORRECTION.c.id.desc())
    )
    return [CorrectionItem.model_validate(dict(row)) for row in rows]


async def _delistings(
    connection: Connection, product_id: UUID, *, principal: Principal, pack: PolicyPack
) -> list[DelistingItem]:
    rows = await fetch_all(
        connection, select(DELISTING).where(DELISTING.c.product_id == product_id).order_by(DELISTING.c.id.desc())
    )
    texts = {ground.code: ground.text for ground in pack.delisting_grounds}
    hidden = {} if sees_persons(principal) else {"proposed_by": None, "decided_by": None}
    return [
        DelistingItem.model_validate({**dict(row), **hidden, "ground_text": texts.get(row["ground"], row["ground"])})
        for row in rows
    ]


def components_of(rows: Any) -> list[PriceComponent]:  # noqa: ANN401 - a JSON column
    """Price components as response bodies."""
    return [PriceComponent.model_validate(row) for row in rows]
