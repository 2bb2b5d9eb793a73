"""One keyset page of a list, read from a Core statement."""

from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy import ColumnElement, Select

from shared.contracts.http.lists import LIMIT_DEFAULT, Page, decode_cursor, page_of
from shared.runtime.database.sql import Connection, fetch_all

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Which page of a list is asked for: how many rows, and after which."""

    limit: int = LIMIT_DEFAULT
    after: UUID | None = None


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
