"""The bureau's questions, how the operator answers them, and the claim windows. Source: A22, A25, Q15."""

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

from services.settlement.domain.claims import claim_number
from services.settlement.domain.windows import closing_day
from shared.contracts.http.lists import Page, page_of
from shared.contracts.http.resources import Resource
from shared.kernel.calendar import business_year, year_closes_at
from shared.runtime.sql import Connection, Record

_QUESTIONS = """
SELECT q.id, q.claim_id, c.serial, c.created_at, q.text, q.asked_at, q.due_at, q.answer, q.answered_at, q.late,
       q.escalated_at
FROM question q JOIN claim c ON c.id = q.claim_id
WHERE ($1::uuid IS NULL OR q.claim_id = $1)
  AND ($2::text IS NULL OR $2 = CASE WHEN q.answered_at IS NOT NULL THEN 'answered' ELSE 'open' END)
  AND ($3::uuid IS NULL OR q.id < $3) ORDER BY q.id DESC LIMIT $4
"""
_SCORE = """
SELECT count(*) FILTER (WHERE answered_at IS NOT NULL OR late OR NOT ended) AS asked,
       count(*) FILTER (WHERE answered_at IS NOT NULL AND NOT late) AS answered_in_time,
       count(*) FILTER (WHERE answered_at IS NOT NULL AND late) AS answered_late,
       count(*) FILTER (WHERE answered_at IS NULL AND NOT late AND NOT ended AND due_at > $3) AS running,
       count(*) FILTER (WHERE answered_at IS NULL AND (late OR (NOT ended AND due_at <= $3))) AS overdue
FROM (SELECT q.answered_at, q.late, q.due_at, c.state IN ('paid', 'refused', 'rejected', 'withdrawn') AS ended
      FROM question q JOIN claim c ON c.id = q.claim_id WHERE q.asked_at >= $1 AND q.asked_at < $2) asked
"""
_WINDOWS = """
SELECT c.window_closes_at, c.state, count(*) AS claims FROM claim c
WHERE c.window_closes_at IS NOT NULL AND ($1::uuid IS NULL OR c.provider_id = $1)
GROUP BY c.window_closes_at, c.state ORDER BY c.window_closes_at DESC LIMIT 400
"""


class QuestionCard(Resource):
    """A question of the bureau, and its answer."""

    id: UUID
    claim_id: UUID
    claim_number: str
    text: str
    asked_at: datetime
    due_at: datetime
    answer: str
    answered_at: datetime | None
    late: bool
    escalated_at: datetime | None


class OperatorScore(Resource):
    """How the operator answered the questions asked in a year. Source: A25, Q15.

    A question whose claim ended before an answer was due counts nowhere.
    """

    year: int
    asked: int
    answered_in_time: int
    answered_late: int
    running: int
    overdue: int


class WindowCard(Resource):
    """One window with its claims by state; `claims` counts the reader's own when the reader is a provider."""

    closes_on: date
    closed: bool
    claims: int
    by_state: dict[str, int]


async def list_questions(
    connection: Connection, *, claim_id: UUID | None, state: str | None, after: UUID | None, limit: int
) -> Page[QuestionCard]:
    """A page of questions."""
    rows = await connection.fetch(_QUESTIONS, claim_id, state, after, limit + 1)
    cards = [QuestionCard.model_validate(dict(row) | {"claim_number": _claim_number(row)}) for row in rows]
    return page_of(cards, limit=limit, ids=[card.id for card in cards])


def _claim_number(row: Record) -> str:
    return claim_number(row["serial"], year=business_year(row["created_at"]))


async def read_score(connection: Connection, *, year: int, now: datetime) -> OperatorScore:
    """How the operator answered the questions asked in a Beijing year, as of a moment."""
    row = await connection.fetchrow(_SCORE, year_closes_at(year - 1), year_closes_at(year), now)
    return OperatorScore(year=year, **dict(row))


async def list_windows(
    connection: Connection, *, provider_id: UUID | None, coming: Sequence[datetime], now: datetime
) -> list[WindowCard]:
    """Windows that have claims and the `coming` ones, latest first."""
    by_close: dict[datetime, dict[str, int]] = {closes_at: {} for closes_at in coming}
    for row in await connection.fetch(_WINDOWS, provider_id):
        by_close.setdefault(row["window_closes_at"], {})[row["state"]] = row["claims"]
    return [
        WindowCard(
            closes_on=closing_day(closes_at),
            closed=closes_at <= now,
            claims=sum(states.values()),
            by_state=states,
        )
        for closes_at, states in sorted(by_close.items(), reverse=True)
    ]
