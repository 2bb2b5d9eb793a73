"""Windows at the edges of quarters and years, and the operator's three working days."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.settlement.domain.questions import answer_due_at, is_late, running_due_at
from services.settlement.domain.windows import closing_day, window_of
from shared.contracts.policy import PolicyPack, load_pack
from shared.kernel.calendar import CalendarRow, WorkingCalendar

PACK_FILE = Path(__file__).resolve().parents[3] / "policies" / "guizhou-2018.toml"
PACK: PolicyPack = load_pack(PACK_FILE.read_text(encoding="utf-8"), name="guizhou-2018.toml")
# 24:00 in Beijing on the last day of 2018.
YEAR_END = datetime(2018, 12, 31, 16, 0, tzinfo=UTC)


@pytest.mark.requirement("R77")
def test_a_claim_filed_in_the_last_second_of_the_year_is_in_time() -> None:
    assert PACK.claim_window_closes_at(YEAR_END - timedelta(seconds=1)) == YEAR_END


@pytest.mark.requirement("R77")
def test_a_claim_filed_at_midnight_belongs_to_march() -> None:
    assert closing_day(PACK.claim_window_closes_at(YEAR_END)) == date(2019, 3, 31)


@pytest.mark.requirement("R77")
@pytest.mark.parametrize(
    ("now", "closes_on"),
    [
        (YEAR_END - timedelta(microseconds=1), date(2018, 12, 31)),
        (YEAR_END, date(2019, 3, 31)),
        (YEAR_END + timedelta(days=100), date(2019, 6, 30)),
    ],
)
def test_a_claim_that_missed_the_node_rolls_to_the_next(now: datetime, closes_on: date) -> None:
    closes_at = window_of(now, current_closes_at=YEAR_END, close_of=PACK.claim_window_closes_at)
    assert closing_day(closes_at) == closes_on


@pytest.mark.requirement("R77")
@given(st.datetimes(datetime(2018, 9, 1), datetime(2035, 1, 1), timezones=st.just(UTC)), st.integers(0, 800))  # noqa: DTZ001 - hypothesis adds the zone
def test_a_window_is_always_ahead_and_never_moves_back(filed_at: datetime, days: int) -> None:
    first = PACK.claim_window_closes_at(filed_at)
    later = filed_at + timedelta(days=days)
    rolled = window_of(later, current_closes_at=first, close_of=PACK.claim_window_closes_at)
    assert rolled > later
    assert rolled >= first


def due_on(asked_on: datetime) -> date:
    return closing_day(answer_due_at(asked_on, working_days=3, calendar=PACK.working_calendar))


@pytest.mark.requirement("R81")
@pytest.mark.parametrize(
    ("asked_at", "last_day"),
    [
        # Friday 28 September 2018: Saturday and Sunday work, the holiday runs to 7 October, Monday the 8th works.
        (datetime(2018, 9, 28, 2, 0, tzinfo=UTC), date(2018, 10, 8)),
        # Thursday 27 December 2018: Friday and Saturday the 29th work; Sunday, Monday and New Year are off.
        (datetime(2018, 12, 27, 2, 0, tzinfo=UTC), date(2019, 1, 2)),
        # Thursday 12 February 2026: Friday and Saturday the 14th work, then nothing until Tuesday the 24th.
        (datetime(2026, 2, 12, 2, 0, tzinfo=UTC), date(2026, 2, 24)),
        # Wednesday 30 December 2026: Thursday works, Friday 1 January 2027 is off by statute, Monday, Tuesday.
        (datetime(2026, 12, 30, 2, 0, tzinfo=UTC), date(2027, 1, 5)),
        # 23:30 in Beijing on Friday 28 September is still Friday; half an hour later it is Saturday.
        (datetime(2018, 9, 28, 15, 30, tzinfo=UTC), date(2018, 10, 8)),
        (datetime(2018, 9, 28, 16, 0, tzinfo=UTC), date(2018, 10, 9)),
    ],
)
def test_three_working_days_count_from_the_day_after_notice(asked_at: datetime, last_day: date) -> None:
    assert due_on(asked_at) == last_day


@pytest.mark.requirement("R81")
def test_an_announced_year_lengthens_a_running_limit() -> None:
    asked_at = datetime(2026, 12, 30, 2, 0, tzinfo=UTC)
    provisional = answer_due_at(asked_at, working_days=3, calendar=PACK.working_calendar)
    assert PACK.working_calendar.is_provisional(2027)
    days_off = [CalendarRow(day=date(2027, 1, day), working=False, source="notice") for day in (1, 4)]
    announced = WorkingCalendar.of([*PACK.working_calendar.rows.values(), *days_off])
    running = running_due_at(provisional, asked_at=asked_at, working_days=3, calendar=announced)
    assert closing_day(running) == date(2027, 1, 6)


@pytest.mark.requirement("R81")
def test_an_announced_year_never_shortens_a_running_limit() -> None:
    asked_at = datetime(2026, 12, 30, 2, 0, tzinfo=UTC)
    provisional = answer_due_at(asked_at, working_days=3, calendar=PACK.working_calendar)
    worked = [CalendarRow(day=date(2027, 1, day), working=True, source="notice") for day in (1, 2, 3)]
    announced = WorkingCalendar.of([*PACK.working_calendar.rows.values(), *worked])
    running = running_due_at(provisional, asked_at=asked_at, working_days=3, calendar=announced)
    assert running == provisional


def test_an_answer_in_the_last_second_is_in_time_and_at_midnight_it_is_late() -> None:
    due_at = datetime(2018, 10, 8, 16, 0, tzinfo=UTC)
    assert not is_late(due_at - timedelta(seconds=1), due_at=due_at)
    assert is_late(due_at, due_at=due_at)
