"""Refund requests: one open at a time for each order."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import insert, select, update

from services.order.tables import REFUND
from shared.kernel.refusals import invariant
from shared.runtime.sql import Connection, Rows, Update, execute, fetch_one
from shared.runtime.work import Work

OPEN = ("requested", "escalated")


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund:
    """One refund request of whole lines."""

    id: UUID
    order_id: UUID
    lines: tuple[int, ...]
    reason: str
    state: str
    requested_at: datetime
    due_at: datetime


async def add(work: Work, refund: Refund) -> None:
    """Keep a new request."""
    values = {name: getattr(refund, name) for name in Refund.__slots__}
    await execute(work.connection, insert(REFUND).values(**{**values, "lines": list(refund.lines)}))


async def find_open(connection: Connection, order_id: UUID) -> Refund | None:
    """The open request of an order; the caller holds the order's lock."""
    columns = [REFUND.c[name] for name in Refund.__slots__]
    row = await fetch_one(connection, select(*columns).where(REFUND.c.order_id == order_id, REFUND.c.state.in_(OPEN)))
    return None if row is None else Refund(**{**dict(row), "lines": tuple(row["lines"])})


async def escalate(work: Work, refund_id: UUID) -> None:
    """Silence: the operator decides. Source: Q11."""
    touched = await execute(
        work.connection,
        update(REFUND).where(REFUND.c.id == refund_id, REFUND.c.state == "requested").values(state="escalated"),
    )
    invariant(touched == 1, "only a request that waits is escalated")


async def close(work: Work, refund_id: UUID, *, state: str, answer: str, now: datetime) -> None:
    """An open request was answered; `state` is refused, returning or returned."""
    touched = await execute(
        work.connection,
        update(REFUND)
        .where(REFUND.c.id == refund_id, REFUND.c.state.in_(OPEN))
        .values(state=state, answer=answer, answered_at=now, returned_at=now if state == "returned" else None),
    )
    invariant(touched == 1, "a request is answered once")


class Returning(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An answered request whose voucher shares are under way, or back since `returned_at`."""

    id: UUID
    state: str = "returning"
    returned_at: datetime | None = None


REFUNDS: Rows[Returning] = Rows(REFUND, guard="state", update=Update(always=frozenset({"state", "returned_at"})))


def returned(refund_id: UUID, *, now: datetime) -> tuple[Returning, Returning]:
    """A request before and after voucher has returned its lines."""
    return Returning(id=refund_id), Returning(id=refund_id, state="returned", returned_at=now)
