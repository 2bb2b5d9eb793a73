"""Questions and appropriations: lock, insert, save."""

from collections.abc import Mapping
from uuid import UUID

import asyncpg
from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert

from services.settlement.domain.refusals import PaymentReferenceUsed
from services.settlement.domain.states import APPROPRIATION_MOVES, AppropriationState
from services.settlement.tables import APPROPRIATION, ITEM, QUESTION
from shared.kernel.refusals import invariant
from shared.runtime.sql import Connection, Record, execute, fetch_all, fetch_one, fetch_value
from shared.runtime.work import Work


async def insert_question(work: Work, values: dict[str, object]) -> None:
    """Store a question."""
    await execute(work.connection, insert(QUESTION).values(**values))


async def lock_question(connection: Connection, question_id: UUID) -> Record | None:
    """A question, locked."""
    return await fetch_one(connection, select(QUESTION).where(QUESTION.c.id == question_id).with_for_update())


async def change_question(work: Work, question_id: UUID, *, values: dict[str, object]) -> None:
    """Write an answer or an escalation."""
    await execute(work.connection, update(QUESTION).where(QUESTION.c.id == question_id).values(**values))


async def open_questions(connection: Connection, claim_ids: list[UUID]) -> int:
    """How many questions about these claims wait for an answer."""
    statement = select(func.count()).where(QUESTION.c.claim_id.in_(claim_ids), QUESTION.c.answered_at.is_(None))
    count: int = await fetch_value(connection, statement)
    return count


async def insert_appropriation(work: Work, values: dict[str, object]) -> int:
    """Store a request and return its serial number."""
    statement = insert(APPROPRIATION).values(**values).returning(APPROPRIATION.c.serial)
    serial: int = await fetch_value(work.connection, statement)
    return serial


async def claims_of(connection: Connection, appropriation_id: UUID) -> list[UUID]:
    """The claims that have items in a request."""
    statement = select(ITEM.c.claim_id).where(ITEM.c.appropriation_id == appropriation_id).distinct()
    return [row["claim_id"] for row in await fetch_all(connection, statement)]


async def orders_of(connection: Connection, appropriation_id: UUID) -> set[UUID]:
    """The orders of a request, ended ones included; withdrawn ones have left it."""
    statement = select(ITEM.c.order_id).where(ITEM.c.appropriation_id == appropriation_id)
    return {row["order_id"] for row in await fetch_all(connection, statement)}


async def lock_appropriation(connection: Connection, appropriation_id: UUID) -> Record | None:
    """A request, locked; lock its claims first, as everybody does."""
    statement = select(APPROPRIATION).where(APPROPRIATION.c.id == appropriation_id).with_for_update()
    return await fetch_one(connection, statement)


async def move_appropriation(work: Work, row: Record, *, to: AppropriationState, values: Mapping[str, object]) -> int:
    """Bring a locked request to its next state and return its new version. Raises: Bug."""
    APPROPRIATION_MOVES.check(AppropriationState(row["state"]), to)
    version: int = row["version"] + 1
    statement = update(APPROPRIATION).where(APPROPRIATION.c.id == row["id"], APPROPRIATION.c.version == row["version"])
    changed = statement.values(state=to.value, version=version, state_since=work.now, **values)
    invariant(
        await execute(work.connection, changed) == 1, "a locked appropriation is saved at the version it was read at"
    )
    return version


async def lower_approval(work: Work, row: Record, *, approved_fen: int) -> int:
    """Write the lower sum of a locked, approved request and return its new version."""
    version: int = row["version"] + 1
    statement = update(APPROPRIATION).where(APPROPRIATION.c.id == row["id"], APPROPRIATION.c.version == row["version"])
    changed = statement.values(version=version, approved_fen=approved_fen, state_since=work.now)
    invariant(
        await execute(work.connection, changed) == 1, "a locked appropriation is saved at the version it was read at"
    )
    return version


async def save_payment(work: Work, row: Record, *, values: Mapping[str, object]) -> int:
    """Write the payment of a locked, approved request and return its new version. Raises: PaymentReferenceUsed, Bug."""
    try:
        return await move_appropriation(work, row, to=AppropriationState.PAID, values=values)
    except asyncpg.UniqueViolationError as error:
        raise PaymentReferenceUsed(pointer="/reference") from error


async def has_live_items(connection: Connection, appropriation_id: UUID) -> bool:
    """Whether a request still has items."""
    statement = select(func.count()).where(ITEM.c.appropriation_id == appropriation_id)
    return bool(await fetch_value(connection, statement))


async def payment_key_used(connection: Connection, payment_key: str) -> bool:
    """Whether a payment was recorded under this reference."""
    statement = select(func.count()).where(APPROPRIATION.c.payment_key == payment_key)
    return bool(await fetch_value(connection, statement))
