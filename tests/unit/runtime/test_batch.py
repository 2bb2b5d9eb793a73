"""The rows of a batch as parameters of one statement."""

from shared.runtime.unit_of_work.packing import Source, pack

TYPES = {"id": "int", "state": "text", "at": "text"}


def test_a_column_that_all_rows_agree_on_is_one_value_when_it_may_be() -> None:
    packed = pack(tuple(TYPES), [(1, 2), ("held", "held"), ("x", "x")], common=frozenset({"state"}))
    assert packed.shape == (("id", False), ("state", True), ("at", False))
    assert packed.values == [(1, 2), "held", ("x", "x")]


def test_rows_that_differ_keep_their_arrays_though_they_might_agree() -> None:
    packed = pack(("id", "state"), [(1, 2), ("held", None)], common=frozenset({"state"}))
    assert packed.values == [(1, 2), ("held", None)]


def test_the_expressions_of_a_statement_follow_the_shape() -> None:
    source = Source((("id", False), ("state", True), ("at", False)), TYPES, first=4)
    assert source.rows == "unnest($4::int[], $6::text[]) AS n(id, at)"
    assert source.of == {"id": "n.id", "state": "$5::text", "at": "n.at"}
