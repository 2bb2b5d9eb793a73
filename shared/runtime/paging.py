"""What every list shares: its two query parameters, and one keyset page from a Core statement."""

from dataclasses import dataclass
from typing import Annotated, Any, TypeVar
from uuid import UUID

from fastapi import Depends, Query
from pydantic import BaseModel
from sqlalchemy import ColumnElement, Select

from shared.contracts.http.lists import LIMIT_DEFAULT, LIMIT_MAX, Page, decode_cursor, page_of
from shared.runtime.db import Connection, fetch_all

CURSOR_MAX_CHARACTERS = 64

Limit = Annotated[int, Query(ge=1, le=LIMIT_MAX, description="每页条数")]
Cursor = Annotated[str | None, Query(max_length=CURSOR_MAX_CHARACTERS, description="上一页给出的游标")]
M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Which page of a list is asked for: how many rows, and after which."""

    limit: int = LIMIT_DEFAULT
    after: UUID | None = None


def place_of(limit: Limit = LIMIT_DEFAULT, cursor: Cursor = None) -> Place:
    """The place that limit and cursor of a request name. Raises: CursorInvalid."""
    return Place(limit=limit, after=decode_cursor(cursor))


AskedPlace = Annotated[Place, Depends(place_of)]
"""A dependency: the place in a list, from the query."""


async def read_page(  # noqa: PLR0913 - the parts of one keyset page
    connection: Connection,
    statement: Select[Any],
    *,
    key: ColumnElement[UUID],
    item: type[M],
    limit: int,
    cursor: str | None,
) -> Page[M]:
    """One page of the statement's rows, newest first by `key`, whose values are time-ordered ids.

    Raises: CursorInvalid.
    """
    after = decode_cursor(cursor)
    if after is not None:
        statement = statement.where(key < after)
    place = key.label("page_place")
    rows = await fetch_all(connection, statement.add_columns(place).order_by(key.desc()).limit(limit + 1))
    return page_of(
        [item.model_validate(dict(row)) for row in rows], limit=limit, ids=[row["page_place"] for row in rows]
    )
