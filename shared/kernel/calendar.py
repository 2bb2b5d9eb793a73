"""Beijing business time: years, days, working days and the ends of time limits.

Moments come in as aware datetimes and go out as aware UTC; days are plain dates in Beijing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from functools import lru_cache
from types import MappingProxyType
from typing import Self

from shared.kernel.refusals import invariant

# China has kept UTC+8 without summer time since 1991 and the scheme starts in 2018, so the fixed offset is
# exact. A named zone would need tzdata, which slim containers do not carry.
BEIJING = timezone(timedelta(hours=8), "Asia/Shanghai")

MAX_WORKING_DAYS = 366

_SATURDAY = 5
# Days off that the national holiday rules fix in the Gregorian calendar. Festivals of the lunar calendar and
# the days swapped with weekends are known only from the yearly notice.
_FIXED_DAYS_OFF = frozenset({(1, 1), (5, 1), (10, 1), (10, 2), (10, 3)})
# State Council order 795 added 2 May from 2025 on.
_FIXED_DAYS_OFF_SINCE_2025 = _FIXED_DAYS_OFF | {(5, 2)}


def business_date(now: datetime) -> date:
    """The day in Beijing of an aware moment. Raises: Bug."""
    invariant(now.tzinfo is not None, "a moment carries its time zone")
    return now.astimezone(BEIJING).date()


def business_year(now: datetime) -> int:
    """The calendar year in Beijing of an aware moment. Raises: Bug. Source: Q1."""
    return business_date(now).year


def day_closes_at(day: date) -> datetime:
    """24:00 of the Beijing day as aware UTC; the first moment that no longer belongs to it."""
    return datetime.combine(day + timedelta(days=1), time.min, BEIJING).astimezone(UTC)


@lru_cache(maxsize=64)
def year_closes_at(year: int) -> datetime:
    """24:00 on 31 December, Beijing time, as aware UTC. Source: Q5."""
    return day_closes_at(date(year, 12, 31))


def anniversary(day: date, *, years: int) -> date:
    """The same day `years` later; 29 February becomes 28 February in a common year. Source: R60, Q6."""
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return day.replace(year=day.year + years, day=28)


def lengthen_only(running_due_at: datetime, *, recomputed_due_at: datetime) -> datetime:
    """The later of both: a new calendar may lengthen a running time limit, never shorten it. Source: Q14."""
    return max(running_due_at, recomputed_due_at)


@dataclass(frozen=True, slots=True)
class CalendarRow:
    """One day that differs from a plain week, and the notice that says so."""

    day: date
    working: bool
    source: str


@dataclass(frozen=True, slots=True)
class WorkingCalendar:
    """Working days as announced by the State Council.

    A year with at least one row is announced: its other days follow the plain week. A year without rows is
    provisional: weekends and the fixed statutory days are off, and limits that run into it are computed anew
    when the notice comes. Source: Q14.
    """

    rows: Mapping[date, CalendarRow]
    announced_years: frozenset[int]

    @classmethod
    def of(cls, rows: Iterable[CalendarRow]) -> Self:
        """A calendar from its rows. Raises: Bug when a day is listed twice."""
        by_day: dict[date, CalendarRow] = {}
        for row in rows:
            invariant(row.day not in by_day, f"calendar day {row.day} is listed twice")
            by_day[row.day] = row
        return cls(rows=MappingProxyType(by_day), announced_years=frozenset(day.year for day in by_day))

    def is_provisional(self, year: int) -> bool:
        """Whether the notice for the year is still missing."""
        return year not in self.announced_years

    def is_working(self, day: date) -> bool:
        """Whether public offices work on that day."""
        row = self.rows.get(day)
        if row is not None:
            return row.working
        if day.weekday() >= _SATURDAY:
            return False
        return not (self.is_provisional(day.year) and (day.month, day.day) in _fixed_days_off(day.year))

    def add_working_days(self, start: date, *, days: int) -> date:
        """The day of the last of `days` (1..366) working days, counted from the day after `start`.

        Raises: Bug. Source: A25, Q14.
        """
        invariant(1 <= days <= MAX_WORKING_DAYS, "a time limit has 1 to 366 working days")
        day = start
        left = days
        while left:
            day += timedelta(days=1)
            left -= self.is_working(day)
        return day

    def working_deadline(self, notified_at: datetime, *, days: int) -> datetime:
        """The end (24:00 in Beijing, as aware UTC) of a limit in working days; done in time means before it.

        Raises: Bug. Source: A25, R81, Q14.
        """
        return day_closes_at(self.add_working_days(business_date(notified_at), days=days))


def _fixed_days_off(year: int) -> frozenset[tuple[int, int]]:
    return _FIXED_DAYS_OFF if year < 2025 else _FIXED_DAYS_OFF_SINCE_2025
