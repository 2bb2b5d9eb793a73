"""Query parameters that every list has."""

from typing import Annotated

from fastapi import Query

from shared.contracts.http.lists import LIMIT_MAX

Limit = Annotated[int, Query(ge=1, le=LIMIT_MAX, description="每页条数")]
Cursor = Annotated[str | None, Query(max_length=64, description="上一页给出的游标")]
