"""Claim windows: a claim belongs to the next node after it is filed, and rolls over when it misses it."""

from collections.abc import Callable
from datetime import date, datetime, timedelta

from shared.kernel.calendar import business_date

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
