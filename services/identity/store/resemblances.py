"""Pairs of organisations that may be one company."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from shared.runtime.sql import Connection, Record
from shared.runtime.work import Work

PAIRS_MAX: Final = 20
"""Pairs that one hand-in leaves: somebody who registers for many firms must not bury the reviewers."""

# Each ground has its index; a disjunction over two tables would read them all. One code with two kinds is a tie, and
# is recorded as one.
_ALIKE: Final = """
WITH own AS (
    SELECT o.id, o.kind, left(o.credit_code, 17) AS body, NULLIF(o.name_folded, '') AS name_folded,
           c.id_number_index, c.phone_index
    FROM organisation o JOIN contact c ON c.organisation_id = o.id WHERE o.id = $1
), near AS (
    SELECT o.id FROM organisation o JOIN own ON left(o.credit_code, 17) = own.body
    UNION SELECT o.id FROM organisation o JOIN own ON o.name_folded = own.name_folded
    UNION SELECT c.organisation_id FROM contact c JOIN own ON c.id_number_index = own.id_number_index
    UNION SELECT c.organisation_id FROM contact c JOIN own ON c.phone_index = own.phone_index
)
SELECT o.id, array_remove(ARRAY[
           CASE WHEN left(o.credit_code, 17) = own.body THEN 'same_code' END,
           CASE WHEN o.name_folded = own.name_folded THEN 'same_name' END,
           CASE WHEN c.id_number_index = own.id_number_index THEN 'same_id_number' END,
           CASE WHEN c.phone_index = own.phone_index THEN 'same_phone' END], NULL) AS grounds
FROM near JOIN organisation o ON o.id = near.id JOIN contact c ON c.organisation_id = o.id CROSS JOIN own
WHERE o.id <> own.id AND o.submitted_at IS NOT NULL AND NOT o.closed
    AND (o.kind = own.kind OR left(o.credit_code, 17) <> own.body)
ORDER BY o.id DESC LIMIT $2
"""
# A pair that was decided is looked at again when it agrees in something that nobody knew then.
_KEEP: Final = """
INSERT INTO resemblance (id, first_id, second_id, grounds, noticed_at)
SELECT new.id, least($2, new.other), greatest($2, new.other), string_to_array(new.grounds, ','), $5
FROM unnest($1::uuid[], $3::uuid[], $4::text[]) AS new(id, other, grounds)
ON CONFLICT (first_id, second_id) DO UPDATE SET grounds = EXCLUDED.grounds, noticed_at = EXCLUDED.noticed_at,
    outcome = 'open', reason = '', decided_by = NULL, decided_at = NULL
WHERE NOT resemblance.grounds @> EXCLUDED.grounds
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alike:
    """Another organisation, and in what it agrees."""

    organisation_id: UUID
    grounds: Sequence[str]


async def find_alike(connection: Connection, organisation_id: UUID) -> Sequence[Alike]:
    """The organisations that were handed in and agree with this one in code, name or contact; the newest first."""
    rows = await connection.fetch(_ALIKE, organisation_id, PAIRS_MAX)
    return [Alike(organisation_id=row["id"], grounds=row["grounds"]) for row in rows]


async def keep_pairs(
    work: Work, organisation_id: UUID, alike: Sequence[Alike], *, ids: Sequence[UUID], now: datetime
) -> None:
    """Store pairs; one that is known stays as it is unless it agrees in something new."""
    others = [one.organisation_id for one in alike]
    grounds = [",".join(one.grounds) for one in alike]
    await work.connection.execute(_KEEP, list(ids), organisation_id, others, grounds, now)


async def lock_pair(connection: Connection, resemblance_id: UUID) -> Record | None:
    """A pair with both names and kinds, locked until the commit."""
    return await connection.fetchrow(
        "SELECT r.first_id, r.second_id, r.grounds, r.outcome, a.kind AS first_kind, b.kind AS second_kind,"
        " a.name AS first_name, b.name AS second_name FROM resemblance r"
        " JOIN organisation a ON a.id = r.first_id JOIN organisation b ON b.id = r.second_id"
        " WHERE r.id = $1 FOR UPDATE OF r",
        resemblance_id,
    )


async def decide_pair(  # noqa: PLR0913 - the columns of a decision
    work: Work, resemblance_id: UUID, *, outcome: str, reason: str, decided_by: UUID, now: datetime
) -> None:
    """Store what was found out about a pair."""
    await work.connection.execute(
        "UPDATE resemblance SET outcome = $2, reason = $3, decided_by = $4, decided_at = $5 WHERE id = $1",
        resemblance_id,
        outcome,
        reason,
        decided_by,
        now,
    )
