"""Outbox rows become envelopes: bounded, in order, nothing lost, nothing twice."""

from collections import defaultdict

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from shared.runtime.bus.base import ENVELOPE_BYTES_MAX, ENVELOPE_EVENTS_MAX
from shared.runtime.messaging.relay import pack


def a_row(number: int, *, key: str = "order.to.voucher", body: bytes | None = None) -> dict[str, object]:
    """One outbox row; its body is its number unless given."""
    return {"id": number, "routing_key": key, "body": str(number).encode() if body is None else body}


def test_rows_of_one_key_share_an_envelope_in_their_order() -> None:
    (packed,) = pack("order", [a_row(1), a_row(2), a_row(3)], mandatory=True)
    assert packed.envelope.body == b"[1,2,3]"
    assert packed.envelope.routing_key == "order.to.voucher"
    assert packed.envelope.producer == "order"
    assert packed.envelope.mandatory
    assert packed.ids == (1, 2, 3)


def test_rows_of_two_keys_never_share_an_envelope() -> None:
    rows = [a_row(1, key="order.a.0"), a_row(2, key="order.b.0"), a_row(3, key="order.a.0")]
    packed = pack("order", rows, mandatory=False)
    assert {item.envelope.routing_key: item.ids for item in packed} == {"order.a.0": (1, 3), "order.b.0": (2,)}
    assert not any(item.envelope.mandatory for item in packed)


def test_the_fifty_first_row_begins_another_envelope() -> None:
    packed = pack("order", [a_row(number) for number in range(51)], mandatory=True)
    assert [len(item.ids) for item in packed] == [50, 1]
    assert packed[1].ids == (50,)


def test_an_envelope_is_exactly_full_at_its_limit_in_bytes() -> None:
    # Two brackets and one comma beside the bodies.
    fits = ENVELOPE_BYTES_MAX - 3 - 1_000
    (packed,) = pack("order", [a_row(1, body=b"x" * 1_000), a_row(2, body=b"x" * fits)], mandatory=True)
    assert len(packed.envelope.body) == ENVELOPE_BYTES_MAX
    assert len(pack("order", [a_row(1, body=b"x" * 1_000), a_row(2, body=b"x" * (fits + 1))], mandatory=True)) == 2


def test_a_row_larger_than_an_envelope_travels_alone() -> None:
    rows = [a_row(1), a_row(2, body=b"x" * (ENVELOPE_BYTES_MAX + 1)), a_row(3)]
    assert [item.ids for item in pack("order", rows, mandatory=True)] == [(1,), (2,), (3,)]


def test_nothing_to_send_makes_no_envelope() -> None:
    assert pack("order", [], mandatory=True) == []


@given(
    st.lists(
        st.tuples(st.sampled_from(["order.a.0", "order.b.0", "order.to.voucher"]), st.integers(2, 40_000)), max_size=200
    )
)
def test_every_row_travels_once_in_order_and_within_the_bounds(shapes: list[tuple[str, int]]) -> None:
    rows = [
        a_row(number, key=key, body=b'"' + b"x" * (size_bytes - 2) + b'"')
        for number, (key, size_bytes) in enumerate(shapes)
    ]
    sent: dict[str, list[int]] = defaultdict(list)
    for item in pack("order", rows, mandatory=False):
        sent[item.envelope.routing_key] += item.ids
        assert len(item.ids) <= ENVELOPE_EVENTS_MAX
        assert len(item.envelope.body) <= ENVELOPE_BYTES_MAX
        assert len(msgspec.json.decode(item.envelope.body)) == len(item.ids)
    expected: dict[str, list[int]] = defaultdict(list)
    for number, (key, _) in enumerate(shapes):
        expected[key].append(number)
    assert sent == expected
