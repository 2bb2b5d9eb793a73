"""Urging whoever is late: the one act of a supervisor whose task is that another's work is overdue.

Nothing is decided by silence, so a supervisor can neither do the other's work nor end it. What a supervisor can do is
to urge, on record: the urged are told, and the task is done until as many working days have passed again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from shared.contracts.http.resources import Resource
from shared.kernel.refusals import Refusal, RefusalKind
from shared.runtime.unit_of_work.work import Actor, Decision, Notice, Work

URGE: Final = "urge"
"""The last part of the act's name: `question.urge`."""


class NotLate(Refusal):
    """Whoever has time left, or has done what was asked, is not urged."""

    code = "urging.not_late"
    kind = RefusalKind.STATE
    momentary = True
    zh = "该事项已办理或尚未逾期，无需督办。"


@dataclass(frozen=True, slots=True, kw_only=True)
class Urge:
    """A supervisor urges whoever is late with something, and says what is expected."""

    subject_id: UUID
    text: str
    by: Actor


class Urged(Resource):
    """What was urged; the task comes back at `again_at` when it is still undone."""

    subject_id: UUID
    again_at: datetime


def quiet(subject: str, *, now: str) -> str:
    """SQL: whether a subject was urged and is not to be urged again yet. Decisions are the record of it."""
    return f"""EXISTS (
        SELECT FROM decision u WHERE u.subject_id = {subject} AND u.act LIKE '%.{URGE}'
          AND (u.facts->>'again_at')::timestamptz > {now})"""


def urge(  # noqa: PLR0913 - what is said to whom
    work: Work,
    command: Urge,
    *,
    subject_type: str,
    rule: str,
    working_days: int,
    recipients: Sequence[str],
    text: str,
) -> Urged:
    """Record that somebody was urged and tell them; the caller has found out that they are late. Source: R8, Q15."""
    again_at = work.pack.working_calendar.working_deadline(work.now, days=working_days)
    work.decide(
        Decision(
            subject_type=subject_type,
            subject_id=command.subject_id,
            act=f"{subject_type}.{URGE}",
            by=command.by,
            rule=rule,
            ground=command.text,
            facts={"again_at": again_at.isoformat()},
        )
    )
    for recipient in recipients:
        work.notify(
            Notice(
                recipient=recipient,
                subject_type=subject_type,
                subject_id=command.subject_id,
                event=f"{subject_type}.urged",
                text=text,
                reason=command.text,
                article=rule,
            )
        )
    return Urged(subject_id=command.subject_id, again_at=again_at)
