"""How far a copy is behind: told by what is applied for the first time, and by what is in hand for too long."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from shared.runtime.service import lag as flows
from shared.runtime.service.lag import Flow

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@dataclass
class Told:
    """An event as it is looked at."""

    source: str
    aggregatetype: str
    time: str


class Clock:
    """The monotonic clock, moved by hand."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def monotonic(self) -> float:
        """Seconds."""
        return self.now_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(flows, "time", clock)
    return clock


@pytest.fixture
def flow(clock: Clock) -> Flow:
    return Flow(service="order", streams=("identity.organisation", "voucher.quota"), now=lambda: NOW)


def told(seconds_ago: float, *, source: str = "identity", kind: str = "organisation") -> Told:
    return Told(source, kind, (NOW - timedelta(seconds=seconds_ago)).isoformat())


def test_nothing_received_is_no_lag(flow: Flow) -> None:
    assert flow.stream_lags() == {"identity.organisation": 0.0, "voucher.quota": 0.0}
    assert flow.queue_lags() == {"order.commands": 0.0, "order.facts": 0.0}


def test_the_oldest_fact_of_the_newest_batch_tells_the_lag_of_its_stream_and_queue(flow: Flow) -> None:
    flow.apply([told(3), told(12), told(1, source="voucher", kind="quota"), told(40, source="voucher", kind="")])
    assert flow.stream_lags() == {"identity.organisation": 12.0, "voucher.quota": 1.0}
    assert flow.queue_lags() == {"order.commands": 40.0, "order.facts": 12.0}


def test_a_copy_is_level_again_soon_after_the_last_batch_and_the_inbox_after_a_minute(flow: Flow, clock: Clock) -> None:
    flow.apply([told(12)])
    clock.now_s += flows.RECENT_S + 0.1
    assert flow.stream_lags()["identity.organisation"] == 0.0
    assert flow.queue_lags()["order.facts"] == 12.0
    clock.now_s += flows.IDLE_S
    assert flow.queue_lags()["order.facts"] == 0.0


def test_a_batch_in_hand_ages_every_copy_until_it_is_settled_however_often_it_is_taken(
    flow: Flow, clock: Clock
) -> None:
    flow.take("order.facts")
    clock.now_s += 9
    flow.take("order.facts")
    clock.now_s += 2
    assert set(flow.stream_lags().values()) == {11.0}
    flow.settle("order.facts")
    assert set(flow.stream_lags().values()) == {0.0}
    flow.take("order.commands")
    clock.now_s += 60
    assert set(flow.stream_lags().values()) == {0.0}, "commands are no copy"


@pytest.mark.parametrize("time", ["", "yesterday", (NOW + timedelta(hours=1)).isoformat()])
def test_a_time_that_cannot_be_read_or_lies_ahead_is_no_lag(flow: Flow, time: str) -> None:
    flow.apply([Told("identity", "organisation", time)])
    assert flow.stream_lags()["identity.organisation"] == 0.0


def test_a_clock_that_may_be_moved_judges_nothing(clock: Clock) -> None:
    flow = Flow(service="order", streams=("identity.organisation",), now=None)
    flow.apply([told(10_000)])
    assert flow.stream_lags() == {"identity.organisation": 0.0}
