"""Many calls and messages share one transaction; what it says belongs to the trace of whatever it is about."""

from uuid import UUID, uuid4

import msgspec
import pytest

from shared.contracts.messages.base import Event
from shared.runtime.messaging.routing import read_batch
from shared.runtime.tracing.contexts import Contexts, contexts_of, contexts_of_events
from shared.runtime.tracing.current import is_sampled, read_traceparent

FIRST = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
SECOND = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"


def an_event(subject: UUID, *, traceparent: str = "", **data: object) -> Event:
    return Event(
        id=uuid4(),
        source="order",
        type="order.placed.v1",
        subject=subject,
        time="2026-01-01T00:00:00+00:00",
        sequence=1,
        data=msgspec.Raw(msgspec.json.encode(data)),
        traceparent=traceparent,
    )


def stamped(contexts: Contexts | None, event: Event) -> str:
    """The traceparent with which an event leaves, as a consumer reads it."""
    assert contexts is not None
    body = contexts.stamp(msgspec.json.encode(event))
    (read,) = read_batch(b"[" + body + b"]")
    assert (read.id, read.data) == (event.id, event.data)
    return read.traceparent


def test_nobody_traces_and_nothing_is_made() -> None:
    assert contexts_of([("", b"{}"), ("", b"{}")]) is None
    assert contexts_of_events([an_event(uuid4())]) is None


def test_an_event_belongs_to_the_trace_of_its_subject() -> None:
    one, two = uuid4(), uuid4()
    contexts = contexts_of_events([an_event(one, traceparent=FIRST), an_event(two, traceparent=SECOND)])
    assert stamped(contexts, an_event(one)) == FIRST
    assert stamped(contexts, an_event(two)) == SECOND
    assert stamped(contexts, an_event(uuid4())) == "", "a fact of neither is given to neither"


def test_an_event_about_what_a_message_names_belongs_to_that_message() -> None:
    saga, order, other = uuid4(), uuid4(), uuid4()
    events = [an_event(saga, traceparent=FIRST, order_id=str(order)), an_event(other, traceparent=SECOND)]
    assert stamped(contexts_of_events(events), an_event(order)) == FIRST


def test_a_message_whose_traceparent_is_none_puts_nothing_into_another() -> None:
    order = uuid4()
    forged = an_event(order, traceparent='00","data":{},"x":"' + "0" * 36)
    assert contexts_of_events([forged]) is None
    contexts = contexts_of_events([forged, an_event(uuid4(), traceparent=FIRST)])
    assert stamped(contexts, an_event(order)) == ""


def test_what_two_traces_name_belongs_to_neither() -> None:
    account = uuid4()
    events = [an_event(uuid4(), traceparent=trace, account_id=str(account)) for trace in (FIRST, SECOND, FIRST)]
    assert stamped(contexts_of_events(events), an_event(account)) == ""


def test_one_trace_alone_owns_everything_and_beside_an_untraced_call_only_its_own() -> None:
    order = uuid4()
    answer = msgspec.json.encode({"id": str(order)})
    assert stamped(contexts_of([(FIRST, answer)]), an_event(uuid4())) == FIRST
    beside = contexts_of([(FIRST, answer), ("", b'{"id":"x"}')])
    assert stamped(beside, an_event(order)) == FIRST
    assert stamped(beside, an_event(uuid4())) == ""


def test_an_event_that_has_a_trace_keeps_it() -> None:
    order = uuid4()
    assert stamped(contexts_of([(FIRST, b"{}")]), an_event(order, traceparent=SECOND)) == SECOND


def test_a_text_that_looks_like_an_attribute_changes_nothing() -> None:
    order = uuid4()
    event = an_event(order, note='","subject":"x","traceparent":"y')
    assert stamped(contexts_of([(FIRST, b"{}")]), event) == FIRST


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
