"""Sagas as staff watch them: where they stand, and which of them do not move."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, literal_column, select

from services.order.domain.saga import SagaKind, SagaState
from services.order.tables import SAGA
from shared.contracts.http.lists import Page, page_of
from shared.contracts.http.resources import Resource
from shared.runtime.sql import Connection, fetch_all


class SagaItem(Resource):
    """One saga; `pending_name` is the command without an answer, `late` counts answers that came too late."""

    id: UUID
    kind: str
    order_id: UUID
    claim_id: UUID | None
    state: str
    number: int
    pending_name: str
    late: int
    resent: int
    last_event: str
    started_at: datetime
    moved_at: datetime
    stuck: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SagaFilter:
    """What the list is narrowed to. Stuck: something is pending and nothing moved for 15 minutes of machine time."""

    state: SagaState | None = None
    kind: SagaKind | None = None
    stuck: bool = False


# The first condition is what the index finds; sagas at rest may have it too until the sweeper has looked at them.
_STUCK = (
    SAGA.c.resend_at.is_not(None)
    & (SAGA.c.pending.is_not(None) | (SAGA.c.state == SagaState.WAITING_FOR_COMMIT))
    & (SAGA.c.moved_at < func.clock_timestamp() - literal_column("interval '15 minutes'"))
)


async def list_sagas(connection: Connection, *, wanted: SagaFilter, limit: int, after: UUID | None) -> Page[SagaItem]:
    """A page of sagas, newest first."""
    columns = [SAGA.c[name] for name in SagaItem.model_fields if name != "stuck"]
    statement = select(*columns, _STUCK.label("stuck"))
    for name in ("state", "kind"):
        if getattr(wanted, name) is not None:
            statement = statement.where(SAGA.c[name] == getattr(wanted, name))
    if wanted.stuck:
        statement = statement.where(_STUCK)
    if after is not None:
        statement = statement.where(SAGA.c.id < after)
    rows = await fetch_all(connection, statement.order_by(SAGA.c.id.desc()).limit(limit + 1))
    items = [SagaItem(**dict(row)) for row in rows]
    return page_of(items, limit=limit, ids=[item.id for item in items])
