"""The seeded bugs still fit the code they are planted in; whether their tests turn red is seen by `make mutants`."""

from tests.mutants.catalogue import check_fit, load


def test_every_seeded_bug_fits_the_code_and_names_tests_that_exist() -> None:
    assert check_fit(load()) == []


def test_no_two_seeded_bugs_are_the_same_change() -> None:
    changes = [(bug.file, bug.old, bug.new) for bug in load()]
    assert len(set(changes)) == len(changes)
