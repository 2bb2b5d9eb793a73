"""Who may read orders."""

from typing import Annotated

from fastapi import Depends

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
