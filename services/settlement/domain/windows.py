"""Claim windows: a claim belongs to the next node after it is filed, and rolls over when it misses it."""

from collections.abc import Callable
from datetime import date, datetime, timedelta

from shared.kernel.calendar import business_date, day_closes_at

CloseOf = Callable[[datetime], datetime]
"""When the window closes that takes a claim of a moment; the pack knows it."""


def window_of(now: datetime, *, current_closes_at: datetime, close_of: CloseOf) -> datetime:
    """The close (aware UTC) of the window of a claim that is answered or looked at now.

    The window it has while that is open; the next node once it has been missed. Source: A22, R77.
    """
    return current_closes_at if now < current_closes_at else close_of(now)


def closing_day(closes_at: datetime) -> date:
    """The Beijing day at whose end (24:00) a window closes."""
    return business_date(closes_at) - timedelta(days=1)


def windows_between(first: date, *, count: int, close_of: CloseOf) -> list[tuple[date, date]]:
    """The first and last day of `count` windows, from the one that takes claims of `first`.

    The first window is reported from `first` on, because only the pack knows the node before it.
    """
    windows: list[tuple[date, date]] = []
    opens_on = first
    for _ in range(count):
        # The end of the day before is the first moment of the day.
        closes_at = close_of(day_closes_at(opens_on - timedelta(days=1)))
        windows.append((opens_on, closing_day(closes_at)))
        opens_on = business_date(closes_at)
    return windows
