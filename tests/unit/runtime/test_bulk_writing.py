"""Large transactions: ids that follow one another, and outbox rows that carry several events."""

from datetime import UTC, datetime
from itertools import pairwise
from typing import cast

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from shared.runtime.database.sql import Connection
from shared.runtime.messaging.relay import pack
from shared.runtime.unit_of_work.registry import Registry
from shared.runtime.unit_of_work.statement import OUTBOX_BYTES_MAX, joined
from shared.runtime.unit_of_work.work import Work

NOW = datetime(2018, 7, 1, 4, 0, tzinfo=UTC)
NOW_MS = 1_530_417_600_000


def _work() -> Work:
    # No statement is run here.
    return Work(cast("Connection", None), service="toy", now=NOW, ports=Registry())


def test_the_ids_of_one_transaction_are_uuids_of_version_7_in_rising_order() -> None:
    work = _work()
    ids = [work.new_id() for _ in range(5_000)]
    assert all(earlier < later for earlier, later in pairwise(ids))
    assert {key.version for key in ids} == {7}
    assert {key.int >> 80 for key in ids} == {NOW_MS}
    assert {key.bytes[8] >> 6 for key in ids} == {0b10}


def test_two_transactions_of_the_same_moment_share_no_id() -> None:
    first, second = _work(), _work()
    assert not {first.new_id() for _ in range(1_000)} & {second.new_id() for _ in range(1_000)}


@given(st.lists(st.tuples(st.sampled_from(["toy.a", "toy.b"]), st.integers(2, 9_000)), max_size=60))
def test_joined_rows_carry_every_event_in_the_order_of_its_key(said: list[tuple[str, int]]) -> None:
    rows = [(1, key, b'"%d%s"' % (number, b"x" * size)) for number, (key, size) in enumerate(said)]
    found = joined(rows)
    for key in ("toy.a", "toy.b"):
        events = [event for _, row_key, body in found if row_key == key for event in _events(body)]
        assert events == [msgspec.json.decode(body) for _, row_key, body in rows if row_key == key]
    assert all(len(body) <= OUTBOX_BYTES_MAX or len(_events(body)) == 1 for _, _, body in found)


def test_the_relay_makes_one_json_array_of_joined_rows() -> None:
    rows = [(1, "toy.a", b'{"n":%d}' % number) for number in range(300)]
    found = joined(rows)
    assert len(found) < 5
    stored = [{"id": place, "routing_key": key, "body": body} for place, (_, key, body) in enumerate(found)]
    (packed,) = pack("toy", stored, mandatory=False)
    assert msgspec.json.decode(packed.envelope.body) == [{"n": number} for number in range(300)]


def _events(body: bytes) -> list[object]:
    return msgspec.json.decode(b"[" + body + b"]", type=list[object])
