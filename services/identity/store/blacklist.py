"""Entries of the blacklist and proposals to lift them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy import Table, Update, insert, update

from services.identity.domain.blacklist import ExternalDecision
from services.identity.domain.refusals import BlacklistEntryNotOpen
from services.identity.tables import BLACKLIST_ENTRY, BLACKLIST_LIFTING
from shared.kernel.credit_code import body_of
from shared.runtime.sql import Connection, Record, execute
from shared.runtime.work import NotFound, Work

_LISTED_AT_LARGE = """
SELECT o.id, o.credit_code FROM organisation o
JOIN blacklist_entry e ON left(e.credit_code, 17) = left(o.credit_code, 17) AND e.state = 'approved'
WHERE o.blacklisted_since IS NULL ORDER BY o.id LIMIT $1
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlacklistProposal:
    """A proposal to list (`entry_id` is its own id) or to lift, with the decision behind it."""

    entry_id: UUID
    credit_code: str
    organ: str
    number: str
    decided_on: date
    state: str
    proposed_by: UUID
    proposed_at: datetime

    @property
    def decision(self) -> ExternalDecision:
        """The external decision behind it."""
        return ExternalDecision(organ=self.organ, number=self.number, decided_on=self.decided_on)


def _proposal(row: Record | None) -> BlacklistProposal:
    """Raises: NotFound."""
    if row is None:
        raise NotFound
    return BlacklistProposal(**dict(row))


async def lock_entry(connection: Connection, entry_id: UUID) -> BlacklistProposal:
    """An entry, locked until the commit. Raises: NotFound."""
    return _proposal(
        await connection.fetchrow(
            "SELECT id AS entry_id, credit_code, organ, number, decided_on, state, proposed_by, proposed_at"
            " FROM blacklist_entry WHERE id = $1 FOR UPDATE",
            entry_id,
        )
    )


async def lock_lifting(connection: Connection, lifting_id: UUID) -> BlacklistProposal:
    """A proposal to lift, and its entry, locked until the commit. Raises: NotFound."""
    return _proposal(
        await connection.fetchrow(
            "SELECT l.entry_id, e.credit_code, l.organ, l.number, l.decided_on, l.state, l.proposed_by, l.proposed_at"
            " FROM blacklist_lifting l JOIN blacklist_entry e ON e.id = l.entry_id WHERE l.id = $1 FOR UPDATE",
            lifting_id,
        )
    )


async def find_listed(connection: Connection, credit_code: str) -> BlacklistProposal | None:
    """The entry by which the body of a code is listed."""
    row = await connection.fetchrow(
        "SELECT id AS entry_id, credit_code, organ, number, decided_on, state, proposed_by, proposed_at"
        " FROM blacklist_entry WHERE left(credit_code, 17) = $1 AND state = 'approved'",
        body_of(credit_code),
    )
    return None if row is None else _proposal(row)


async def listed_at_large(connection: Connection, *, limit: int) -> Sequence[tuple[UUID, str]]:
    """Organisations that are not stopped though their body is listed: id and code."""
    rows = await connection.fetch(_LISTED_AT_LARGE, limit)
    return [(row["id"], row["credit_code"]) for row in rows]


async def add_entry(work: Work, values: dict[str, Any]) -> None:
    """Insert a proposal to list. Raises: BlacklistEntryNotOpen where the body is proposed or listed already."""
    await _add(work, BLACKLIST_ENTRY, values)


async def add_lifting(work: Work, values: dict[str, Any]) -> None:
    """Insert a proposal to lift. Raises: BlacklistEntryNotOpen where one for the entry waits already."""
    await _add(work, BLACKLIST_LIFTING, values)


async def _add(work: Work, table: Table, values: dict[str, Any]) -> None:
    try:
        await execute(work.connection, insert(table).values(**values))
    except asyncpg.UniqueViolationError as error:
        raise BlacklistEntryNotOpen from error


async def lapse_entry(work: Work, credit_code: str, *, proposed_until: datetime, now: datetime) -> None:
    """A proposal to list this body that nobody approved in time stands in the way of no other."""
    await work.connection.execute(
        "UPDATE blacklist_entry SET state = 'lapsed', closed_at = $3"
        " WHERE left(credit_code, 17) = $1 AND state = 'proposed' AND proposed_at <= $2",
        body_of(credit_code),
        proposed_until,
        now,
    )


async def lapse_lifting(work: Work, entry_id: UUID, *, proposed_until: datetime, now: datetime) -> None:
    """A proposal to lift this entry that nobody approved in time stands in the way of no other."""
    await work.connection.execute(
        "UPDATE blacklist_lifting SET state = 'lapsed', closed_at = $3"
        " WHERE entry_id = $1 AND state = 'proposed' AND proposed_at <= $2",
        entry_id,
        proposed_until,
        now,
    )


async def approve_entry(work: Work, entry_id: UUID, *, by: UUID | None, now: datetime) -> None:
    """An entry is listed from now on."""
    await work.connection.execute(
        "UPDATE blacklist_entry SET state = 'approved', approved_by = $2, approved_at = $3 WHERE id = $1",
        entry_id,
        by,
        now,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How an entry or a proposal to lift it ended: in which state, why, by whom and when."""

    state: str
    reason: str
    by: UUID | None
    at: datetime


async def close_entry(work: Work, entry_id: UUID, ending: Ending) -> None:
    """An entry is withdrawn, refused or lifted."""
    await execute(work.connection, _closed(BLACKLIST_ENTRY, entry_id, ending))


async def close_lifting(work: Work, lifting_id: UUID, ending: Ending) -> None:
    """A proposal to lift is approved, withdrawn or refused."""
    await execute(work.connection, _closed(BLACKLIST_LIFTING, lifting_id, ending))


def _closed(table: Table, row_id: UUID, ending: Ending) -> Update:
    values = {"state": ending.state, "closed_reason": ending.reason, "closed_by": ending.by, "closed_at": ending.at}
    return update(table).where(table.c.id == row_id).values(**values)
