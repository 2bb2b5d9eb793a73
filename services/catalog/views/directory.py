"""The public directory: published products of providers that may act now. Source: R15, R33-R35."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, func, or_, select, tuple_

from services.catalog.domain.search import fold, like_pattern, words_of
from services.catalog.tables import EDITION, LISTING, PARTY
from services.catalog.views.models import DirectoryDetail, DirectoryItem, ProviderItem
from services.catalog.views.products import components_of
from shared.contracts.http.lists import CursorInvalid, Page, decode_cursor, decode_place, encode_place, page_of
from shared.contracts.policy import PolicyPack
from shared.runtime.sql import Connection, fetch_all, fetch_one, read_page
from shared.runtime.work import NotFound

_PRICE_BYTES = 8
_ID_BYTES = 16


class Sort(StrEnum):
    """The orders of the directory."""

    NEWEST = "newest"
    PRICE = "price"
    PRICE_DESC = "-price"


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What a visitor asks the directory for; None means anything."""

    query: str | None = None
    class_code: str | None = None
    layer: str | None = None
    voucher: bool | None = None
    provider_id: UUID | None = None


def _open_providers(now: datetime) -> ColumnElement[bool]:
    """Providers that may act: a suspension hides them from its effective moment until they are reinstated."""
    in_suspension = and_(PARTY.c.suspended_since.is_not(None), PARTY.c.suspended_since <= now)
    return and_(PARTY.c.authenticated, ~PARTY.c.closed, ~in_suspension)


def _takes_vouchers() -> ColumnElement[bool]:
    return and_(LISTING.c.voucher, PARTY.c.recognised)


def _listings(now: datetime) -> Select[Any]:
    of_listing = (EDITION.c.product_id == LISTING.c.product_id) & (EDITION.c.number == LISTING.c.edition)
    return (
        select(
            LISTING.c.product_id,
            LISTING.c.edition,
            EDITION.c.name,
            EDITION.c.description,
            EDITION.c.service_standard,
            EDITION.c.components,
            LISTING.c.provider_id,
            PARTY.c.name.label("provider_name"),
            LISTING.c.class_code,
            _takes_vouchers().label("voucher"),
            LISTING.c.lowest_price_fen,
            LISTING.c.published_at,
        )
        .join_from(LISTING, EDITION, of_listing)
        .join(PARTY, PARTY.c.organisation_id == LISTING.c.provider_id)
        .where(_open_providers(now))
    )


def _conditions(filters: Filters, *, pack: PolicyPack) -> list[ColumnElement[bool]]:
    found = [_word_condition(word, pack=pack) for word in words_of(filters.query or "")]
    if filters.class_code is not None:
        found.append(LISTING.c.class_code == filters.class_code)
    if filters.layer is not None:
        classes = [item.code for item in pack.classes if item.layer == filters.layer]
        found.append(LISTING.c.class_code.in_(classes))
    if filters.voucher is not None:
        found.append(_takes_vouchers() == filters.voucher)
    if filters.provider_id is not None:
        found.append(LISTING.c.provider_id == filters.provider_id)
    return found


def _word_condition(word: str, *, pack: PolicyPack) -> ColumnElement[bool]:
    """A word is found in the product's or the provider's name, or in the name or guidance of the class."""
    pattern = like_pattern(word)
    classes = [item.code for item in pack.classes if word in fold(item.name) or word in fold(item.guidance)]
    return or_(
        LISTING.c.search_text.like(pattern),
        PARTY.c.search_text.like(pattern),
        LISTING.c.class_code.in_(classes),
    )


async def list_directory(  # noqa: PLR0913 - a list has filters, an order and a place
    connection: Connection,
    filters: Filters,
    *,
    sort: Sort,
    limit: int,
    cursor: str | None,
    pack: PolicyPack,
    now: datetime,
) -> Page[DirectoryItem]:
    """One page of the directory. Raises: CursorInvalid."""
    statement = _listings(now).where(*_conditions(filters, pack=pack))
    statement = _newest_first(statement, cursor) if sort is Sort.NEWEST else _by_price(statement, sort, cursor)
    rows = await fetch_all(connection, statement.limit(limit + 1))
    items = [DirectoryItem(**_item(row, pack=pack)) for row in rows]
    if sort is Sort.NEWEST:
        return page_of(items, limit=limit, ids=[item.product_id for item in items])
    return _priced_page(items, limit=limit)


def _newest_first(statement: Select[Any], cursor: str | None) -> Select[Any]:
    after = decode_cursor(cursor)
    if after is not None:
        statement = statement.where(LISTING.c.product_id < after)
    return statement.order_by(LISTING.c.product_id.desc())


def _by_price(statement: Select[Any], sort: Sort, cursor: str | None) -> Select[Any]:
    place = tuple_(LISTING.c.lowest_price_fen, LISTING.c.product_id)
    after = None if cursor is None else _decode_price_cursor(cursor)
    if sort is Sort.PRICE:
        if after is not None:
            statement = statement.where(place > tuple_(*after))
        return statement.order_by(LISTING.c.lowest_price_fen, LISTING.c.product_id)
    if after is not None:
        statement = statement.where(place < tuple_(*after))
    return statement.order_by(LISTING.c.lowest_price_fen.desc(), LISTING.c.product_id.desc())


def _priced_page(items: Sequence[DirectoryItem], *, limit: int) -> Page[DirectoryItem]:
    has_more = len(items) > limit
    cursor = None
    if has_more:
        last = items[limit - 1]
        place = last.lowest_price_fen.to_bytes(_PRICE_BYTES) + last.product_id.bytes
        cursor = encode_place(place)
    return Page(data=list(items[:limit]), has_more=has_more, next_cursor=cursor)


def _decode_price_cursor(text: str) -> tuple[int, UUID]:
    place = decode_place(text, size=_PRICE_BYTES + _ID_BYTES)
    if place[0] > 0x7F:
        raise CursorInvalid
    return int.from_bytes(place[:_PRICE_BYTES]), UUID(bytes=place[_PRICE_BYTES:])


async def read_directory(
    connection: Connection, product_id: UUID, *, pack: PolicyPack, now: datetime
) -> DirectoryDetail:
    """One product of the directory. Raises: NotFound."""
    row = await fetch_one(connection, _listings(now).where(LISTING.c.product_id == product_id))
    if row is None:
        raise NotFound
    return DirectoryDetail(**_item(row, pack=pack))


def _item(row: Any, *, pack: PolicyPack) -> dict[str, Any]:  # noqa: ANN401 - a Record
    """A row with what the pack in force says of its class; a class that left the pack has no support."""
    service_class = pack.class_of(row["class_code"])
    layers = {layer.code: layer for layer in pack.layers}
    layer = None if service_class is None else layers[service_class.layer]
    return {
        **dict(row),
        "components": components_of(row["components"]),
        "class_name": row["class_code"] if service_class is None else service_class.name,
        "layer": "" if layer is None else layer.code,
        "layer_name": "" if layer is None else layer.name,
        "rate_bp": 0 if layer is None else layer.rate_bp,
    }


async def list_providers(
    connection: Connection, *, limit: int, cursor: str | None, now: datetime
) -> Page[ProviderItem]:
    """The provider directory: providers that offer something now, newest first. Source: N三(二), R15."""
    statement = (
        select(
            PARTY.c.organisation_id.label("provider_id"),
            PARTY.c.name,
            PARTY.c.region,
            PARTY.c.recognised,
            func.count().label("products"),
        )
        .join_from(PARTY, LISTING, LISTING.c.provider_id == PARTY.c.organisation_id)
        .where(_open_providers(now))
        .group_by(PARTY.c.organisation_id)
    )
    key = PARTY.c.organisation_id
    return await read_page(connection, statement, key=key, item=ProviderItem, limit=limit, cursor=cursor)
