"""Who may read orders, and the shapes that lists share."""

from typing import Annotated

from fastapi import Depends, Query

from shared.contracts.http.lists import LIMIT_MAX
from shared.contracts.permissions import Permission
from shared.runtime.auth import Principal
from shared.runtime.http import require_any

Reader = Annotated[
    Principal,
    Depends(
        require_any(
            Permission.ORDER_ORDER_READ_OWN, Permission.ORDER_ORDER_READ_REGION, Permission.ORDER_ORDER_READ_ALL
        )
    ),
]
Limit = Annotated[int, Query(ge=1, le=LIMIT_MAX)]
Cursor = Annotated[str | None, Query(max_length=64)]
