"""Beijing business time: years and days turn at 24:00 in Beijing, limits count announced working days."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.kernel.calendar import (
    CalendarRow,
    WorkingCalendar,
    anniversary,
    business_date,
    business_year,
    day_closes_at,
    lengthen_only,
    year_closes_at,
)
from shared.kernel.refusals import Bug

NOTICE = "国务院办公厅关于2018年部分节假日安排的通知"
days_of_the_scheme = st.dates(date(2018, 1, 1), date(2035, 12, 31))


def a_calendar_of_2018() -> WorkingCalendar:
    worked = [(9, 29), (9, 30), (12, 29)]
    off = [(10, 1), (10, 2), (10, 3), (10, 4), (10, 5), (12, 31)]
    return WorkingCalendar.of(
        [CalendarRow(day=date(2018, *day), working=True, source=NOTICE) for day in worked]
        + [CalendarRow(day=date(2018, *day), working=False, source=NOTICE) for day in off]
    )


def test_the_business_day_turns_at_sixteen_hundred_utc() -> None:
    assert business_date(datetime(2026, 2, 28, 15, 59, 59, tzinfo=UTC)) == date(2026, 2, 28)
    assert business_date(datetime(2026, 2, 28, 16, 0, tzinfo=UTC)) == date(2026, 3, 1)


def test_a_moment_of_any_zone_belongs_to_its_beijing_day() -> None:
    new_york = timezone(timedelta(hours=-5))
    assert business_date(datetime(2026, 1, 1, 11, 0, tzinfo=new_york)) == date(2026, 1, 2)


@pytest.mark.requirement("R29")
def test_the_business_year_ends_at_midnight_in_beijing() -> None:
    assert business_year(datetime(2025, 12, 31, 15, 59, 59, 999_999, tzinfo=UTC)) == 2025
    assert business_year(datetime(2025, 12, 31, 16, 0, tzinfo=UTC)) == 2026
    assert year_closes_at(2025) == datetime(2025, 12, 31, 16, 0, tzinfo=UTC)
    assert year_closes_at(2025).tzinfo is UTC


def test_a_moment_without_a_zone_is_a_bug() -> None:
    with pytest.raises(Bug):
        business_date(datetime(2026, 1, 1))  # noqa: DTZ001 - the missing zone is the point


@given(day=days_of_the_scheme)
def test_a_day_closes_with_the_first_moment_of_the_next(day: date) -> None:
    assert business_date(day_closes_at(day) - timedelta(microseconds=1)) == day
    assert business_date(day_closes_at(day)) == day + timedelta(days=1)


@pytest.mark.requirement("R60")
@pytest.mark.parametrize(
    ("day", "years", "expected"),
    [
        (date(2017, 8, 23), 1, date(2018, 8, 23)),
        (date(2024, 2, 29), 1, date(2025, 2, 28)),
        (date(2024, 2, 29), 4, date(2028, 2, 29)),
        (date(2024, 2, 28), 1, date(2025, 2, 28)),
        (date(2024, 2, 29), 0, date(2024, 2, 29)),
    ],
)
def test_the_anniversary_of_a_leap_day_is_the_28th(day: date, years: int, expected: date) -> None:
    assert anniversary(day, years=years) == expected


def test_a_recomputed_limit_may_lengthen_but_never_shorten() -> None:
    running = datetime(2027, 1, 6, 16, 0, tzinfo=UTC)
    later = running + timedelta(days=2)
    assert lengthen_only(running, recomputed_due_at=later) == later
    assert lengthen_only(later, recomputed_due_at=running) == later


def test_announced_swaps_and_holidays_override_the_week() -> None:
    calendar = a_calendar_of_2018()
    assert calendar.is_working(date(2018, 9, 29))
    assert calendar.is_working(date(2018, 9, 30))
    assert not calendar.is_working(date(2018, 10, 1))
    assert calendar.is_working(date(2018, 12, 29))
    assert not calendar.is_working(date(2018, 12, 31))
    assert not calendar.is_working(date(2018, 9, 22))
    assert calendar.is_working(date(2018, 9, 21))


def test_an_announced_year_follows_its_rows_even_on_a_statutory_day() -> None:
    assert a_calendar_of_2018().is_working(date(2018, 5, 1))


def test_a_year_without_rows_is_provisional_with_weekends_and_fixed_days_off() -> None:
    calendar = a_calendar_of_2018()
    assert not calendar.is_provisional(2018)
    assert calendar.is_provisional(2027)
    assert not calendar.is_working(date(2027, 1, 1))
    assert not calendar.is_working(date(2027, 1, 2))
    assert calendar.is_working(date(2027, 1, 4))
    assert not calendar.is_working(date(2027, 10, 1))
    assert calendar.is_working(date(2027, 10, 4))


def test_the_second_of_may_is_off_since_2025() -> None:
    calendar = WorkingCalendar.of([])
    assert calendar.is_working(date(2024, 5, 2))
    assert not calendar.is_working(date(2025, 5, 2))
    assert not calendar.is_working(date(2024, 5, 1))


@pytest.mark.requirement("R81")
def test_three_working_days_count_from_the_day_after_notice_over_a_swap() -> None:
    calendar = a_calendar_of_2018()
    # Friday 28 September: Saturday 29 and Sunday 30 are worked, 1-7 October are off, Monday 8 is the third.
    assert calendar.add_working_days(date(2018, 9, 28), days=3) == date(2018, 10, 8)


@pytest.mark.requirement("R81")
def test_the_answer_is_due_at_the_end_of_the_last_working_day_in_beijing() -> None:
    calendar = a_calendar_of_2018()
    # 23:30 UTC on Sunday 7 October is already Monday 8 October in Beijing.
    notified_at = datetime(2018, 10, 7, 23, 30, tzinfo=UTC)
    assert calendar.working_deadline(notified_at, days=3) == datetime(2018, 10, 11, 16, 0, tzinfo=UTC)


def test_a_limit_that_runs_into_an_unknown_year_is_answered_and_not_refused() -> None:
    calendar = a_calendar_of_2018()
    # Thursday 31 December 2026: Friday 1 January and the weekend are off, 4-6 January count.
    assert calendar.add_working_days(date(2026, 12, 31), days=3) == date(2027, 1, 6)


@pytest.mark.parametrize("days", [0, -1, 367])
def test_a_limit_without_days_or_beyond_a_year_is_a_bug(days: int) -> None:
    with pytest.raises(Bug):
        a_calendar_of_2018().add_working_days(date(2018, 9, 28), days=days)


def test_a_day_listed_twice_is_a_bug() -> None:
    row = CalendarRow(day=date(2018, 9, 29), working=True, source=NOTICE)
    with pytest.raises(Bug):
        WorkingCalendar.of([row, row])


@given(start=days_of_the_scheme, days=st.integers(1, 30))
def test_a_limit_ends_on_a_working_day_with_exactly_its_days_behind_it(start: date, days: int) -> None:
    calendar = a_calendar_of_2018()
    due_on = calendar.add_working_days(start, days=days)
    passed = [start + timedelta(days=step) for step in range(1, (due_on - start).days + 1)]
    assert calendar.is_working(due_on)
    assert sum(calendar.is_working(day) for day in passed) == days
