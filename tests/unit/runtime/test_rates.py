"""Token buckets: a share at once, then so many a second, and a table that no stranger can fill."""

from typing import Any

import pytest

from shared.runtime.http import rates
from shared.runtime.http.denials import SparingLog
from shared.runtime.http.rates import RATE_KEY, Bucket, RateExceeded, RateTable, RequestRate

RATE = RequestRate(name="account", per_s=2.0, burst=4)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Machine time, set by hand: its last element."""
    now_s = [1_000.0]
    monkeypatch.setattr(rates, "monotonic", lambda: now_s[-1])
    return now_s


def taken(table: RateTable, key: object, times: int) -> int:
    """How many of so many requests are in the share."""
    passed = 0
    for _ in range(times):
        try:
            table.take({}, str(key))
            passed += 1
        except RateExceeded:
            pass
    return passed


def test_a_share_is_a_burst_and_then_so_many_a_second(clock: list[float]) -> None:
    table = RateTable(RATE)
    assert taken(table, "a", 10) == 4
    clock.append(1_001.0)
    assert taken(table, "a", 10) == 2
    clock.append(1_100.0)
    assert taken(table, "a", 10) == 4


def test_everybody_has_a_share_of_their_own(clock: list[float]) -> None:
    del clock
    table = RateTable(RATE)
    assert [taken(table, key, 10) for key in ("a", "b", "a")] == [4, 4, 0]


def test_an_answer_says_what_is_left_and_when_the_share_is_whole_again(clock: list[float]) -> None:
    del clock
    table, scope = RateTable(RATE), dict[str, Any]()
    table.take(scope, "a")
    assert scope[RATE_KEY].fields() == (
        (b"ratelimit", b'"account";r=3;t=1'),
        (b"ratelimit-policy", b'"account";q=4;w=2'),
    )
    taken(table, "a", 3)
    with pytest.raises(RateExceeded) as refused:
        table.take(scope, "a")
    assert refused.value.facts["retry_after_s"] == 1
    assert scope[RATE_KEY].fields()[0] == (b"ratelimit", b'"account";r=0;t=2')


def test_a_slow_share_says_how_long_to_wait(clock: list[float]) -> None:
    del clock
    bucket = Bucket(RequestRate(name="x", per_s=0.1, burst=1))
    assert (bucket.take(), bucket.take(), bucket.wait_s) == (True, False, 10)


def test_a_table_stays_within_its_bound_and_forgets_the_idle_first(clock: list[float]) -> None:
    table = RateTable(RATE, entries_max=100)
    taken(table, "busy", 10)
    for number in range(99):
        taken(table, number, 1)
    clock.append(1_001.0)
    taken(table, "another", 1)
    assert len(table) == 2
    assert taken(table, "busy", 10) == 2, "who used a share up is not given a new one"
    for number in range(1_000):
        taken(table, f"stranger {number}", 1)
    assert len(table) <= 100


def test_a_log_takes_a_burst_and_says_later_how_much_it_left_out(clock: list[float]) -> None:
    log = SparingLog(per_s=1.0, burst=2)
    assert [log.left_out() for _ in range(5)] == [0, 0, None, None, None]
    clock.append(1_001.0)
    assert log.left_out() == 3
