from tools.policy_matrix import matrix_lines, titles


def test_the_list_holds_the_requirements_one_to_eighty_three_in_order() -> None:
    assert list(titles()) == [f"R{number}" for number in range(1, 84)]


def test_a_requirement_without_a_test_is_named() -> None:
    assert matrix_lines({"R1": "first", "R2": "second"}, {"R2": ["tests/a.py::test_b"]}) == [
        "R1   first  -- NO TEST",
        "R2   second",
        "       tests/a.py::test_b",
        "1 of 2 requirements have a test",
        "without one: R1",
    ]
