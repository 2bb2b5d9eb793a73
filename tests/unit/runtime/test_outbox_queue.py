"""What a commit hands to the relay: whole transactions, in order, bounded; the rest is left to the table."""

from hypothesis import given
from hypothesis import strategies as st

from shared.runtime.unit_of_work.outbox_queue import HANDED_ROWS_MAX, CommittedBatch, OutboxQueue, unit_of


def _unit(first: int, rows: int) -> CommittedBatch:
    return CommittedBatch(tuple(range(first, first + rows)), tuple(("toy.a", b"{}") for _ in range(rows)))


def test_a_new_handover_asks_once_to_look_into_the_table() -> None:
    queue = OutboxQueue()
    assert queue.must_look()
    assert not queue.must_look()


@given(st.lists(st.integers(1, 40), max_size=30), st.integers(1, 60))
def test_units_come_out_whole_and_in_the_order_of_their_commits(sizes: list[int], rows_max: int) -> None:
    queue, first = OutboxQueue(), 0
    for size in sizes:
        queue.give(_unit(first, size))
        first += size
    taken: list[int] = []
    while units := queue.take(rows_max):
        assert len(units) == 1 or sum(len(unit.rows) for unit in units) <= rows_max
        taken.extend(row_id for unit in units for row_id in unit.ids)
    assert taken == list(range(first))


def test_what_is_above_the_bound_is_left_to_the_table_and_the_relay_is_told_to_look() -> None:
    queue = OutboxQueue()
    queue.must_look()
    queue.give(_unit(0, HANDED_ROWS_MAX))
    assert not queue.must_look()
    queue.give(_unit(HANDED_ROWS_MAX, 1))
    assert queue.must_look()
    assert [len(unit.rows) for unit in queue.take(HANDED_ROWS_MAX * 2)] == [HANDED_ROWS_MAX]
    assert queue.take(1) == []


def test_what_is_forgotten_is_looked_for_in_the_table() -> None:
    queue = OutboxQueue()
    queue.must_look()
    queue.give(_unit(0, 3))
    queue.forget()
    assert queue.take(10) == []
    assert queue.must_look()


def test_a_unit_holds_the_rows_of_its_partition_alone() -> None:
    rows = [(0, "toy.to.other", b"1"), (1, "toy.a.0", b"2"), (0, "toy.to.toy", b"3")]
    assert unit_of([7, 9], rows, partition=0) == CommittedBatch((7, 9), (("toy.to.other", b"1"), ("toy.to.toy", b"3")))
