"""A batch of events is cut into rounds: no round holds two of one key, and a key's events stay in order."""

from collections import defaultdict
from typing import ClassVar
from uuid import UUID, uuid4

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.messages.base import Command, Event, Fact, Reply
from shared.kernel.refusals import Bug
from shared.runtime.messaging.routing import (
    Routes,
    Unreadable,
    by_handler,
    read_batch,
    read_one,
    rounds,
    stream_of,
    to_bytes,
)
from shared.runtime.service.service import SagaReply, folding
from shared.runtime.unit_of_work.work import Work


def an_event(type_name: str, *, body: bytes = b"{}", subject: UUID | None = None, sequence: int = 1) -> Event:
    """One event as it travels."""
    return Event(
        id=uuid4(),
        source="counter",
        type=type_name,
        subject=subject or uuid4(),
        time="2026-01-01T00:00:00+00:00",
        sequence=sequence,
        data=msgspec.Raw(body),
        aggregatetype="counter",
    )


class Counted(Fact, frozen=True, kw_only=True):
    """A fact."""

    name: ClassVar = "counter.counted"
    stream: ClassVar = "counter.counter"
    key: ClassVar = "counter_id"

    counter_id: UUID


class Recounted(Counted, frozen=True, kw_only=True):
    """Another fact of the same stream."""

    name: ClassVar = "counter.recounted"


class Add(Command, frozen=True, kw_only=True):
    """A command."""

    name: ClassVar = "counter.add"
    orchestrator: ClassVar = "reader"


class Added(Reply, frozen=True, kw_only=True):
    """An answer."""

    name: ClassVar = "counter.added"

    total: int


class Subtracted(Reply, frozen=True, kw_only=True):
    """Another answer, for the grouping of replies."""

    name: ClassVar = "counter.subtracted"


async def conduct(work: Work, replies: object) -> None:
    """The handler of all replies of an orchestrator."""


async def handle(work: Work, messages: object) -> None:
    """A handler of commands."""


async def count(work: Work, facts: object) -> None:
    """A handler of facts."""


def test_events_of_different_keys_share_one_round() -> None:
    assert rounds(["a1", "b1", "c1"], key=lambda event: event[0]) == [["a1", "b1", "c1"]]


def test_the_second_event_of_a_key_waits_for_the_second_round() -> None:
    assert rounds(["a1", "a2", "b1", "a3"], key=lambda event: event[0]) == [["a1", "b1"], ["a2"], ["a3"]]


def test_no_events_make_no_round() -> None:
    assert rounds([], key=str) == []


@given(st.lists(st.integers(0, 6), max_size=80))
def test_rounds_keep_every_event_once_and_each_key_in_order(keys: list[int]) -> None:
    events = list(enumerate(keys))
    found = rounds(events, key=lambda event: event[1])
    for one_round in found:
        assert len({key for _, key in one_round}) == len(one_round) > 0
    assert len(found) == max((keys.count(key) for key in keys), default=0)
    by_key: dict[int, list[int]] = defaultdict(list)
    for one_round in found:
        for place, key in one_round:
            by_key[key].append(place)
    assert all(places == sorted(places) for places in by_key.values())
    assert sorted(place for places in by_key.values() for place in places) == list(range(len(keys)))


def test_messages_of_any_type_are_grouped_by_their_handler() -> None:
    routes = Routes({Counted: count, Add: handle, Added: conduct, Subtracted: conduct})
    events = [
        an_event(name)
        for name in ("counter.counted.v1", "counter.added.v1", "counter.add.v1", "counter.subtracted.v1", "other.v1")
    ]
    groups = [[event.type for event in group] for _, group in by_handler(events, routes)]
    assert groups == [["counter.counted.v1"], ["counter.add.v1"], ["counter.added.v1", "counter.subtracted.v1"]]


def test_groups_come_in_the_order_of_the_declaration_whatever_stands_first() -> None:
    routes = Routes({Counted: count, Add: handle, Added: conduct})
    events = [an_event(name) for name in ("counter.added.v1", "counter.add.v1", "counter.counted.v1")]
    assert [group[0].type for _, group in by_handler(events, routes)] == [
        "counter.counted.v1",
        "counter.add.v1",
        "counter.added.v1",
    ]


def test_only_another_version_of_a_known_name_is_a_newer_producer() -> None:
    routes = Routes({Counted: handle})
    assert routes.knows_other_version(an_event("counter.counted.v2"))
    assert not routes.knows_other_version(an_event("counter.counted.v1"))
    assert not routes.knows_other_version(an_event("counter.renamed.v1"))


def test_a_reply_is_read_with_its_saga_and_step() -> None:
    saga_id = uuid4()
    event = an_event("counter.added.v1", body=b'{"total":7,"unknown":"ignored"}', subject=saga_id, sequence=3)
    route = Routes({Added: conduct}).find(event)
    assert route is not None
    assert route.read(event) == SagaReply(saga_id=saga_id, number=3, reply=Added(total=7), sender=event.source)


def test_a_message_without_its_fields_is_unreadable() -> None:
    event = an_event("counter.added.v1", body=b"{}")
    route = Routes({Added: conduct}).find(event)
    assert route is not None
    with pytest.raises(Unreadable, match="total"):
        route.read(event)


@pytest.mark.parametrize("body", [b"", b"no JSON", b"{}", b'[{"id":1}]', b"\xff\xfe", b"[null]"])
def test_an_envelope_that_is_no_batch_of_events_is_unreadable(body: bytes) -> None:
    with pytest.raises(Unreadable):
        read_batch(body)
    with pytest.raises(Unreadable):
        read_one(body)


def test_a_stored_event_reads_back_as_it_was() -> None:
    event = an_event("counter.counted.v1", body=b'{"amount":1}')
    assert read_one(to_bytes(event)) == event
    assert read_batch(b"[" + to_bytes(event) + b"," + to_bytes(event) + b"]") == [event, event]
    assert stream_of(event) == "counter.counter"


def test_what_may_be_folded_shares_the_first_round_in_its_order() -> None:
    found = rounds(["a1", "B1", "a2", "B2"], key=lambda event: event[0], folds=str.isupper)
    assert found == [["a1", "B1", "B2"], ["a2"]]


def test_a_folding_handler_takes_all_facts_of_its_stream() -> None:
    @folding
    async def fold(work: Work, facts: object) -> None:
        """A folding handler."""

    assert Routes({Counted: fold}).folds(an_event("counter.counted.v1"))
    assert not Routes({Counted: count}).folds(an_event("counter.counted.v1"))
    with pytest.raises(Bug, match="all facts of its stream"):
        Routes({Counted: fold, Recounted: count})
