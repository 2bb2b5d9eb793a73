"""Reads plans, increases and revocations."""

from uuid import UUID

from sqlalchemy import select

from services.voucher.domain.states import PLAN_PUBLIC, PlanState
from services.voucher.tables import PLAN, PLAN_INCREASE, REVOCATION_CASE, RUNTIME
from services.voucher.views.models import IncreaseView, PlanView, RevocationView
from shared.contracts.http.lists import Page, page_of
from shared.runtime.auth import Principal
from shared.runtime.sql import Connection, Place, fetch_all, fetch_one
from shared.runtime.work import HistoryItem, NotFound, history_of

_PUBLIC = tuple(state.value for state in PLAN_PUBLIC)
_PLAN_COLUMNS = [PLAN.c[name] for name in PlanView.model_fields]


async def list_public_plans(connection: Connection, *, limit: int, after: UUID | None) -> Page[PlanView]:
    """Published plans, newest first. Source: A15, R14."""
    return await _list(connection, states=_PUBLIC, limit=limit, after=after)


async def list_all_plans(connection: Connection, *, limit: int, after: UUID | None) -> Page[PlanView]:
    """Plans in every state, for the bureau and the operator."""
    return await _list(connection, states=tuple(PlanState), limit=limit, after=after)


async def _list(connection: Connection, *, states: tuple[str, ...], limit: int, after: UUID | None) -> Page[PlanView]:
    statement = select(*_PLAN_COLUMNS).where(PLAN.c.state.in_([str(state) for state in states]))
    if after is not None:
        statement = statement.where(PLAN.c.id < after)
    rows = await fetch_all(connection, statement.order_by(PLAN.c.id.desc()).limit(limit + 1))
    items = [PlanView(**dict(row)) for row in rows]
    return page_of(items, limit=limit, ids=[item.id for item in items])


async def read_public_plan(connection: Connection, plan_id: UUID) -> PlanView:
    """One published plan. Raises: NotFound."""
    statement = select(*_PLAN_COLUMNS).where(PLAN.c.id == plan_id, PLAN.c.state.in_(_PUBLIC))
    row = await fetch_one(connection, statement)
    if row is None:
        raise NotFound
    return PlanView(**dict(row))


async def read_plan_history(
    connection: Connection, plan_id: UUID, *, reader: Principal, place: Place
) -> Page[HistoryItem]:
    """Decisions and facts of a plan and of its increases, newest first. Raises: NotFound. Source: R7."""
    if await fetch_one(connection, select(PLAN.c.id).where(PLAN.c.id == plan_id)) is None:
        raise NotFound
    return await history_of(connection, RUNTIME, [plan_id], reader=reader, place=place)


async def read_revocation_history(
    connection: Connection, case_id: UUID, *, reader: Principal, place: Place
) -> Page[HistoryItem]:
    """Decisions about a revocation, newest first. Raises: NotFound. Source: R7."""
    if await fetch_one(connection, select(REVOCATION_CASE.c.id).where(REVOCATION_CASE.c.id == case_id)) is None:
        raise NotFound
    return await history_of(connection, RUNTIME, [case_id], reader=reader, place=place)


async def list_increases(connection: Connection, plan_id: UUID) -> list[IncreaseView]:
    """The last 100 increases of a plan, newest first."""
    table = PLAN_INCREASE
    statement = select(table).where(table.c.plan_id == plan_id).order_by(table.c.id.desc()).limit(100)
    rows = await fetch_all(connection, statement)
    return [IncreaseView(**{name: row[name] for name in IncreaseView.model_fields}) for row in rows]


async def list_revocations(connection: Connection, *, limit: int, after: UUID | None) -> Page[RevocationView]:
    """Revocations, newest first."""
    table = REVOCATION_CASE
    statement = select(*[table.c[name] for name in RevocationView.model_fields])
    if after is not None:
        statement = statement.where(table.c.id < after)
    rows = await fetch_all(connection, statement.order_by(table.c.id.desc()).limit(limit + 1))
    items = [RevocationView(**dict(row)) for row in rows]
    return page_of(items, limit=limit, ids=[item.id for item in items])
