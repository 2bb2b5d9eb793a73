"""Time limits as a person counts them on a plain calendar, for tests that must not trust the platform's own."""

from datetime import UTC, datetime, time, timedelta

from shared.kernel.calendar import BEIJING

FRIDAY = datetime(2031, 9, 5, 10, 0, tzinfo=BEIJING)
"""A Friday with four weeks of plain weekdays after it, whatever the notices of that year will say."""
_SATURDAY = 5


def weekdays_after(moment: datetime, days: int) -> datetime:
    """24:00 in Beijing of the last of so many weekdays, counted from the day after; as aware UTC."""
    day = moment.astimezone(BEIJING).date()
    while days:
        day += timedelta(days=1)
        days -= day.weekday() < _SATURDAY
    return datetime.combine(day + timedelta(days=1), time.min, BEIJING).astimezone(UTC)


LAPSE_TIMERS = {
    "blacklisting": ("identity", "blacklisting_lapses"),
    "lifting": ("identity", "lifting_lapses"),
    "plan": ("voucher", "plan_draft_lapses"),
    "increase": ("voucher", "plan_increase_lapses"),
    "revocation": ("voucher", "revocation_lapses"),
    "delisting": ("catalog", "delisting_lapses"),
    "override": ("settlement", "override_lapses"),
}
"""The timer that ends a proposal which nobody decided; one of staff accounts shows when it ends from the start."""
