"""The bureau's questions and the operator's three working days. Source: A25, R81, Q14, Q15."""

from datetime import datetime

from shared.kernel.calendar import WorkingCalendar, lengthen_only


def answer_due_at(asked_at: datetime, *, working_days: int, calendar: WorkingCalendar) -> datetime:
    """The end (aware UTC) of the time to answer, counted from the day after notice. Source: A25, Q14."""
    return calendar.working_deadline(asked_at, days=working_days)


def running_due_at(due_at: datetime, *, asked_at: datetime, working_days: int, calendar: WorkingCalendar) -> datetime:
    """The due time on today's calendar: a new yearly notice lengthens a running limit, never shortens it."""
    recomputed = answer_due_at(asked_at, working_days=working_days, calendar=calendar)
    return lengthen_only(due_at, recomputed_due_at=recomputed)


def is_late(at: datetime, *, due_at: datetime) -> bool:
    """Whether an answer at that moment is late; in time means before the end of the last day."""
    return at >= due_at
