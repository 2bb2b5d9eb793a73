"""Many calls and messages share one transaction; what it says belongs to the trace of whatever it is about."""

from datetime import UTC, datetime
from typing import cast
from uuid import UUID, uuid4

import msgspec
import pytest

from shared.contracts.messages.base import Event, Message
from shared.runtime.database.sql import Connection
from shared.runtime.messaging.routing import read_batch
from shared.runtime.tracing.contexts import Contexts, contexts_of, contexts_of_events, ids_in
from shared.runtime.tracing.current import is_sampled, read_traceparent
from shared.runtime.unit_of_work.registry import Registry
from shared.runtime.unit_of_work.work import Work, _stamp
from tests.factories.world import a_product

FIRST = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
SECOND = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"


def an_event(subject: UUID, *, traceparent: str = "") -> Event:
    return Event(
        id=uuid4(),
        source="order",
        type="order.placed.v1",
        subject=subject,
        time="2026-01-01T00:00:00+00:00",
        sequence=1,
        data=msgspec.Raw(b"{}"),
        traceparent=traceparent,
    )


def of(contexts: Contexts | None, subject: UUID) -> str:
    assert contexts is not None
    return contexts.of(subject)


class Held(Message, frozen=True, kw_only=True):
    """A message that names an order, perhaps, and says a few other things."""

    order_id: UUID | None = None
    note: str = ""
    lines: tuple[UUID, ...] = ()


def test_nobody_traces_and_nothing_is_made() -> None:
    assert contexts_of([("", [uuid4()]), ("", ())]) is None
    assert contexts_of([]) is None
    assert contexts_of_events([an_event(uuid4())]) is None


def test_an_event_belongs_to_the_trace_of_its_subject() -> None:
    one, two = uuid4(), uuid4()
    contexts = contexts_of_events([an_event(one, traceparent=FIRST), an_event(two, traceparent=SECOND)])
    assert of(contexts, one) == FIRST
    assert of(contexts, two) == SECOND
    assert of(contexts, uuid4()) == "", "a fact of neither is given to neither"


def test_an_event_about_what_a_message_names_belongs_to_that_message() -> None:
    order, line = uuid4(), uuid4()
    first, second = an_event(uuid4(), traceparent=FIRST), an_event(uuid4(), traceparent=SECOND)
    contexts = contexts_of_events([first, second])
    assert contexts is not None
    contexts.name(first.id, Held(order_id=order, note=str(line), lines=(line,)))
    contexts.name(second.id, Held())
    assert contexts.of(order) == FIRST
    assert contexts.of(line) == "", "what a message lists, or mentions in a text, it is not about"


def test_a_message_whose_traceparent_is_none_puts_nothing_into_another() -> None:
    order = uuid4()
    forged = an_event(order, traceparent='00","data":{},"x":"' + "0" * 36)
    assert contexts_of_events([forged]) is None
    contexts = contexts_of_events([forged, an_event(uuid4(), traceparent=FIRST)])
    assert contexts is not None
    contexts.name(forged.id, Held(order_id=order))
    assert contexts.of(order) == ""


def test_a_parked_event_that_comes_back_belongs_to_no_trace_of_the_batch() -> None:
    order = uuid4()
    contexts = contexts_of_events([an_event(uuid4(), traceparent=one) for one in (FIRST, SECOND)])
    assert contexts is not None
    contexts.name(uuid4(), Held(order_id=order))
    assert contexts.of(order) == ""


def test_what_two_traces_name_belongs_to_neither() -> None:
    account = uuid4()
    events = [an_event(uuid4(), traceparent=trace) for trace in (FIRST, SECOND, FIRST)]
    contexts = contexts_of_events(events)
    assert contexts is not None
    for event in events:
        contexts.name(event.id, Held(order_id=account))
    assert contexts.of(account) == ""


def test_one_trace_alone_owns_everything_and_beside_an_untraced_call_only_its_own() -> None:
    order, other = uuid4(), uuid4()
    answer = ids_in(Held(order_id=order))
    assert of(contexts_of([(FIRST, answer)]), uuid4()) == FIRST
    beside = contexts_of([(FIRST, [order]), ("", [other])])
    assert of(beside, order) == FIRST
    assert of(beside, other) == ""
    assert of(beside, uuid4()) == ""


def test_a_refusal_names_nothing() -> None:
    assert list(ids_in(None)) == list(ids_in(ValueError(uuid4()))) == []


def test_a_fact_and_its_envelope_leave_with_the_trace_and_nothing_else_is_changed() -> None:
    work = Work(cast("Connection", None), service="catalog", now=datetime(2026, 1, 1, tzinfo=UTC), ports=Registry())
    traced, other = uuid4(), uuid4()
    for product_id in (traced, other):
        work.emit(a_product(product_id, provider_id=uuid4()))
    before = [*work._said.facts]
    contexts = contexts_of([(FIRST, [traced]), (SECOND, [uuid4()])])
    assert contexts is not None
    _stamp(work._said, contexts)
    events = [event for *_, body in work._said.outbox for event in read_batch(b"[" + body + b"]")]
    assert [(event.subject, event.traceparent) for event in events] == [(traced, FIRST), (other, "")]
    assert [row[4] for row in work._said.facts] == [row[2] for row in work._said.outbox]
    assert [row[:4] for row in work._said.facts] == [row[:4] for row in before]
    for event, (*_, body) in zip(events, before, strict=True):
        (plain,) = read_batch(b"[" + body + b"]")
        assert msgspec.structs.replace(event, traceparent="") == plain


@pytest.mark.parametrize(
    "given",
    [
        "",
        "x" * 55,
        FIRST.upper(),
        FIRST[:-1],
        FIRST + "-more",
        "ff" + FIRST[2:],
        FIRST.replace("0af7651916cd43dd8448eb211c80319c", "0" * 32),
        FIRST.replace("b7ad6b7169203331", "0" * 16),
        FIRST + '","x":"',
    ],
)
def test_what_is_no_traceparent_is_not_passed_on(given: str) -> None:
    assert read_traceparent(given) == ""


def test_a_traceparent_of_a_later_version_is_passed_on_without_what_we_do_not_know() -> None:
    assert read_traceparent("01" + FIRST[2:] + "-more") == "01" + FIRST[2:]
    assert (is_sampled(FIRST), is_sampled(SECOND), is_sampled("")) == (True, False, False)
