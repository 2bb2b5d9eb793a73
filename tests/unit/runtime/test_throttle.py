"""Login throttling: free tries, doubling delays, a cap and no lockout."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.identity.auth.throttle import (
    ACCOUNT_RULE,
    NETWORK_RULE,
    FailureCounter,
    count_failure,
    is_attacked,
    login_delay,
    retry_after,
)
from shared.runtime.validation.network import network_of

NOON = datetime(2018, 9, 3, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("failures", "seconds"),
    [(0, None), (4, None), (5, 1), (6, 2), (7, 4), (8, 8), (10, 32), (11, 60), (1_000, 60), (10**9, 60)],
)
def test_the_delay_doubles_after_four_free_failures_up_to_a_minute(failures: int, seconds: int | None) -> None:
    expected = None if seconds is None else timedelta(seconds=seconds)
    assert retry_after(failures, last_failed_at=NOON, now=NOON) == expected


def test_the_delay_runs_out_by_itself_to_the_moment() -> None:
    assert retry_after(6, last_failed_at=NOON, now=NOON + timedelta(seconds=1.5)) == timedelta(seconds=0.5)
    assert retry_after(6, last_failed_at=NOON, now=NOON + timedelta(seconds=2)) is None


@given(failures=st.integers(0, 10**12), seconds=st.integers(-(10**6), 10**6))
def test_nobody_ever_waits_longer_than_the_cap_whatever_the_clock_does(failures: int, seconds: int) -> None:
    wait = retry_after(failures, last_failed_at=NOON, now=NOON + timedelta(seconds=seconds))
    assert wait is None or timedelta(0) < wait <= ACCOUNT_RULE.max_delay


def test_a_counter_grows_and_starts_again_after_half_an_hour_of_quiet() -> None:
    first = count_failure(None, now=NOON)
    second = count_failure(first, now=NOON + timedelta(minutes=29))
    assert (first.failures, second.failures) == (1, 2)
    assert count_failure(second, now=NOON + timedelta(minutes=59)).failures == 1


def test_a_thousand_tries_on_one_account_from_many_networks_are_slowed_in_their_lanes_and_not_its_owner() -> None:
    account, network = FailureCounter(failures=1_000, last_failed_at=NOON), FailureCounter(2, NOON)
    assert login_delay(None, account=account, network=None, now=NOON) is None
    assert login_delay(FailureCounter(1, NOON), account=account, network=network, now=NOON) == timedelta(seconds=20)
    assert login_delay(FailureCounter(9, NOON), account=account, network=network, now=NOON) == timedelta(minutes=15)
    assert login_delay(FailureCounter(4, NOON), account=FailureCounter(4, NOON), network=None, now=NOON) is None


def test_an_account_is_under_attack_until_half_an_hour_after_the_last_try() -> None:
    account = FailureCounter(failures=5, last_failed_at=NOON)
    assert is_attacked(account, now=NOON + timedelta(minutes=29))
    assert not is_attacked(account, now=NOON + timedelta(minutes=30))
    assert not is_attacked(FailureCounter(failures=4, last_failed_at=NOON), now=NOON)
    assert not is_attacked(None, now=NOON)


def test_tries_on_many_accounts_from_one_network_are_slowed_by_the_network() -> None:
    network = FailureCounter(failures=33, last_failed_at=NOON)
    assert login_delay(None, account=None, network=network, now=NOON) == timedelta(seconds=4)


def test_an_office_of_thirty_mistypes_does_not_wait() -> None:
    network = FailureCounter(failures=NETWORK_RULE.free_failures, last_failed_at=NOON)
    assert login_delay(None, account=None, network=network, now=NOON) is None


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.77", "192.0.2.0/24"),
        ("::ffff:192.0.2.77", "192.0.2.0/24"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
    ],
)
def test_addresses_are_counted_by_network(address: str, network: str) -> None:
    assert network_of(address) == network
