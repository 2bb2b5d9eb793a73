"""The rules of webhooks and events as values."""

import itertools
from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec
import pytest

from services.order.domain.events import EVENT_TYPES, EventType, OrderEvent, body_of
from services.order.domain.webhooks import (
    DISABLE_AFTER,
    FLAG_AFTER,
    RETRIES_S,
    Answer,
    DeliveryState,
    disable_due_at,
    is_to_be_disabled,
    is_to_be_flagged,
    judge,
    lane_pause_s,
)
from shared.contracts.messages.order import OrderFact

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_each_fact_of_an_order_has_its_event() -> None:
    facts = {kind.type_name() for kind in OrderFact.__subclasses__()}
    assert facts == set(EVENT_TYPES)
    assert set(EVENT_TYPES.values()) == set(EventType)


def test_a_body_is_thin_and_names_no_more_than_ids() -> None:
    event = OrderEvent(
        seq=2**62,
        event_id=UUID(int=1),
        order_id=UUID(int=2),
        sequence=2**31 - 1,
        type=EventType.CLAIM_PAID,
        claim_id=UUID(int=3),
        occurred_at=NOW,
    )
    body = body_of(event)
    assert body["data"] == {"order_id": str(UUID(int=2)), "version": 2**31 - 1, "claim_id": str(UUID(int=3))}
    assert len(msgspec.json.encode(body)) < 500


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_an_answer_of_the_200s_ends_a_delivery(status: int) -> None:
    outcome = judge(Answer(status=status), attempts=1, now=NOW, spread=0.5)
    assert outcome.state is DeliveryState.DELIVERED


@pytest.mark.parametrize("status", [None, 100, 301, 302, 307, 400, 404, 500, 503])
def test_any_other_answer_and_none_is_a_failure_that_is_repeated(status: int | None) -> None:
    outcome = judge(Answer(status=status), attempts=1, now=NOW, spread=0.0)
    assert (outcome.state, outcome.due_at) == (DeliveryState.PENDING, NOW + timedelta(seconds=5))


def test_the_plan_has_ten_attempts_over_76_hours() -> None:
    for attempts, pause_s in enumerate(RETRIES_S[1:], 1):
        early = judge(Answer(status=500), attempts=attempts, now=NOW, spread=0.0).due_at
        late = judge(Answer(status=500), attempts=attempts, now=NOW, spread=1.0).due_at
        assert early == NOW + timedelta(seconds=pause_s)
        assert late == NOW + timedelta(seconds=pause_s * 1.1)
    last = judge(Answer(status=500), attempts=len(RETRIES_S), now=NOW, spread=0.0)
    assert (len(RETRIES_S), last.state, last.due_at) == (10, DeliveryState.FAILED, None)
    assert timedelta(seconds=sum(RETRIES_S)) <= DISABLE_AFTER


def test_an_endpoint_that_is_gone_is_said_so() -> None:
    outcome = judge(Answer(status=410), attempts=1, now=NOW, spread=0.0)
    assert (outcome.state, outcome.gone) == (DeliveryState.FAILED, True)


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_receiver_that_is_overloaded_slows_its_whole_lane(status: int) -> None:
    outcome = judge(Answer(status=status, retry_after_s=90.0), attempts=1, now=NOW, spread=0.0)
    assert outcome.pause_until == outcome.due_at == NOW + timedelta(seconds=90)
    unasked = judge(Answer(status=status), attempts=1, now=NOW, spread=0.0)
    assert unasked.pause_until == NOW + timedelta(seconds=5)
    endless = judge(Answer(status=status, retry_after_s=1e9), attempts=1, now=NOW, spread=0.0)
    assert endless.due_at == NOW + timedelta(days=1)


def test_a_lane_rests_longer_the_more_often_nothing_arrives() -> None:
    pauses = [lane_pause_s(failures) for failures in range(12)]
    assert pauses[:4] == [0.0, 5.0, 10.0, 20.0]
    assert pauses[-1] == 300.0
    assert all(early <= late for early, late in itertools.pairwise(pauses))


def test_an_endpoint_is_flagged_and_disabled_by_how_long_it_fails() -> None:
    assert disable_due_at(None) is None
    assert disable_due_at(NOW) == NOW + DISABLE_AFTER
    moment = timedelta(seconds=1)
    assert [is_to_be_flagged(NOW, now=NOW + after) for after in (FLAG_AFTER - moment, FLAG_AFTER)] == [False, True]
    assert [is_to_be_disabled(NOW, now=NOW + after) for after in (DISABLE_AFTER - moment, DISABLE_AFTER)] == [
        False,
        True,
    ]
