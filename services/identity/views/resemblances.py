"""Organisations that may be one company, for those who review them."""

from typing import Final
from uuid import UUID

from sqlalchemy import select

from services.identity.tables import ORGANISATION, RESEMBLANCE
from services.identity.views.models.parties import ResemblanceItem, SameAs
from shared.contracts.http.lists import Page
from shared.contracts.permissions import Permission
from shared.runtime.auth import Principal
from shared.runtime.sql import Connection, read_page

REVIEWERS: Final = (Permission.IDENTITY_AUTHENTICATION_REVIEW, Permission.IDENTITY_RECOGNITION_DECIDE)
_SAME_AS_MAX: Final = 100
_SAME_AS: Final = """
SELECT r.id AS resemblance_id, o.id AS organisation_id, o.name, o.credit_code, o.kind, o.state, r.grounds, r.outcome,
       r.reason, r.noticed_at, r.decided_at
FROM resemblance r JOIN organisation o ON o.id = CASE WHEN r.first_id = $1 THEN r.second_id ELSE r.first_id END
WHERE r.first_id = $1 OR r.second_id = $1 ORDER BY r.id DESC LIMIT $2
"""


async def same_as(connection: Connection, principal: Principal, organisation_id: UUID) -> list[SameAs]:
    """What an organisation resembles, the newest first; nothing for others than reviewers."""
    if principal.permissions.isdisjoint(REVIEWERS):
        return []
    rows = await connection.fetch(_SAME_AS, organisation_id, _SAME_AS_MAX)
    return [SameAs(**dict(row)) for row in rows]


async def list_resemblances(
    connection: Connection, *, outcome: str | None, limit: int, cursor: str | None
) -> Page[ResemblanceItem]:
    """Pairs, the newest first."""
    first, second = ORGANISATION.alias("first"), ORGANISATION.alias("second")
    sides = [
        side.c[column].label(f"{name}_{column}")
        for name, side in (("first", first), ("second", second))
        for column in ("name", "kind", "state")
    ]
    statement = (
        select(RESEMBLANCE, *sides)
        .join(first, first.c.id == RESEMBLANCE.c.first_id)
        .join(second, second.c.id == RESEMBLANCE.c.second_id)
    )
    if outcome is not None:
        statement = statement.where(RESEMBLANCE.c.outcome == outcome)
    return await read_page(
        connection, statement, key=RESEMBLANCE.c.id, item=ResemblanceItem, limit=limit, cursor=cursor
    )
