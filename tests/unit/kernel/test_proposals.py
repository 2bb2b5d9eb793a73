"""A proposal waits a week for its second person, and an id tells when it was made."""

from datetime import UTC, datetime, timedelta

import pytest

from shared.kernel.ids import made_at, uuid7
from shared.kernel.proposals import ProposalLapsed, check_in_time

NOW = datetime(2026, 6, 1, 9, tzinfo=UTC)
WEEK = timedelta(days=7)


def test_a_proposal_is_in_time_until_seven_days_have_passed() -> None:
    check_in_time(NOW, now=NOW)
    check_in_time(NOW, now=NOW + WEEK - timedelta(microseconds=1))
    with pytest.raises(ProposalLapsed):
        check_in_time(NOW, now=NOW + WEEK)


def test_an_id_tells_the_moment_it_was_made_in() -> None:
    assert made_at(uuid7(int(NOW.timestamp() * 1_000), 4_711)) == NOW
