"""What every list shares: its two query parameters. The page itself is read by shared.runtime.database.paging."""

from typing import Annotated

from fastapi import Depends, Query

from shared.contracts.http.lists import LIMIT_DEFAULT, LIMIT_MAX, decode_cursor
from shared.runtime.database.paging import Place

CURSOR_MAX_CHARACTERS = 64

Limit = Annotated[int, Query(ge=1, le=LIMIT_MAX, description="每页条数")]
Cursor = Annotated[str | None, Query(max_length=CURSOR_MAX_CHARACTERS, description="上一页给出的游标")]


def place_of(limit: Limit = LIMIT_DEFAULT, cursor: Cursor = None) -> Place:
    """The place that limit and cursor of a request name. Raises: CursorInvalid."""
    return Place(limit=limit, after=decode_cursor(cursor))


AskedPlace = Annotated[Place, Depends(place_of)]
"""A dependency: the place in a list, from the query."""
