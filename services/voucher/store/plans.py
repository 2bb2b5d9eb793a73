"""Write SQL of plans, their increases, and revocations; none of it is hot."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Table, insert, select, update

from services.voucher.domain.states import PLAN_GIVEN_UP, IncreaseState
from services.voucher.tables import INTAKE_COUNTER, PLAN, PLAN_INCREASE, QUOTA_ACCOUNT, REVOCATION_CASE
from shared.kernel.refusals import invariant
from shared.runtime.sql import Connection, Record, execute, fetch_all, fetch_one
from shared.runtime.work import Work


async def insert_plan(work: Work, values: dict[str, Any]) -> None:
    """Write a draft."""
    await execute(work.connection, insert(PLAN).values(**values))


async def plan_of_year(connection: Connection, year: int) -> UUID | None:
    """The id of the year's plan that was neither refused nor withdrawn, or None."""
    standing = PLAN.c.state.not_in([state.value for state in PLAN_GIVEN_UP])
    row = await fetch_one(connection, select(PLAN.c.id).where(PLAN.c.year == year, standing))
    return None if row is None else row["id"]


async def lock_plan_row(connection: Connection, plan_id: UUID) -> Record | None:
    """The whole row of a plan, locked."""
    return await fetch_one(connection, select(PLAN).where(PLAN.c.id == plan_id).with_for_update())


async def find_close(connection: Connection, plan_id: UUID) -> datetime | None:
    """When a plan's year ends, or None for a plan that does not exist."""
    row = await fetch_one(connection, select(PLAN.c.closes_at).where(PLAN.c.id == plan_id))
    return None if row is None else row["closes_at"]


async def update_plan(work: Work, plan_id: UUID, values: dict[str, Any]) -> None:
    """Write columns of a locked plan."""
    count = await execute(work.connection, update(PLAN).where(PLAN.c.id == plan_id).values(**values))
    invariant(count == 1, "a locked plan is saved")


async def open_counter(work: Work, plan_id: UUID) -> None:
    """Give a published plan its intake counter."""
    await execute(work.connection, insert(INTAKE_COUNTER).values(plan_id=plan_id))


async def close_counter(work: Work, plan_id: UUID) -> None:
    """Take no more tickets; the counter's row is locked by this."""
    counter = update(INTAKE_COUNTER).where(INTAKE_COUNTER.c.plan_id == plan_id)
    await execute(work.connection, counter.values(closed=True))


async def insert_increase(work: Work, values: dict[str, Any]) -> None:
    """Write a proposed increase."""
    await execute(work.connection, insert(PLAN_INCREASE).values(**values))


async def find_increase(connection: Connection, increase_id: UUID) -> Record | None:
    """A proposed increase; its plan is locked before it is decided."""
    return await fetch_one(connection, select(PLAN_INCREASE).where(PLAN_INCREASE.c.id == increase_id))


async def decide_increase(work: Work, increase_id: UUID, *, approved_by: UUID | None) -> bool:
    """Mark an increase approved; False when it was before."""
    table = PLAN_INCREASE
    statement = update(table).where(table.c.id == increase_id, table.c.state == "proposed")
    return await execute(work.connection, statement.values(state="approved", approved_by=approved_by, version=2)) == 1


async def insert_revocation(work: Work, values: dict[str, Any]) -> None:
    """Write a proposed revocation."""
    await execute(work.connection, insert(REVOCATION_CASE).values(**values))


async def find_revocation(connection: Connection, case_id: UUID) -> Record | None:
    """A revocation; its plan is locked before it is decided."""
    return await fetch_one(connection, select(REVOCATION_CASE).where(REVOCATION_CASE.c.id == case_id))


async def decide_revocation(work: Work, case_id: UUID, *, approved_by: UUID | None) -> bool:
    """Mark a revocation approved; False when it was before."""
    table = REVOCATION_CASE
    statement = update(table).where(table.c.id == case_id, table.c.state == "proposed")
    return await execute(work.connection, statement.values(state="approved", approved_by=approved_by, version=2)) == 1


async def end_increase(work: Work, increase_id: UUID, values: dict[str, Any]) -> bool:
    """Refuse or withdraw an increase; False when it was decided before."""
    return await _end(work, PLAN_INCREASE, increase_id, values)


async def end_revocation(work: Work, case_id: UUID, values: dict[str, Any]) -> bool:
    """Refuse or withdraw a revocation; False when it was decided before."""
    return await _end(work, REVOCATION_CASE, case_id, values)


async def _end(work: Work, table: Table, key: UUID, values: dict[str, Any]) -> bool:
    statement = update(table).where(table.c.id == key, table.c.state == IncreaseState.PROPOSED.value)
    return await execute(work.connection, statement.values(**values, version=2)) == 1


async def lapse_proposals(work: Work, plan_id: UUID) -> list[tuple[str, UUID]]:
    """End what nobody decided before the plan's year was over; returns subject type and id for each."""
    ended = {"state": IncreaseState.LAPSED.value, "ended_at": work.now, "version": 2}
    of_plan = select(QUOTA_ACCOUNT.c.id).where(QUOTA_ACCOUNT.c.plan_id == plan_id)
    found: list[tuple[str, UUID]] = []
    for name, table, belongs in (
        ("plan_increase", PLAN_INCREASE, PLAN_INCREASE.c.plan_id == plan_id),
        ("revocation", REVOCATION_CASE, REVOCATION_CASE.c.quota_account_id.in_(of_plan)),
    ):
        open_ones = belongs & (table.c.state == IncreaseState.PROPOSED.value)
        rows = await fetch_all(work.connection, update(table).where(open_ones).values(**ended).returning(table.c.id))
        found += [(name, row["id"]) for row in rows]
    return found
