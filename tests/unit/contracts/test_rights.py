"""The table of rights, cell by cell, against the written one in docs/security/rights.md."""

from pathlib import Path

import pytest

from shared.contracts.permissions import GRANTS, Permission, Role

WRITTEN = Path(__file__).parents[3] / "docs" / "security" / "rights.md"


def written_rows() -> list[list[str]]:
    """The cells of the written table, its head first."""
    lines = [line for line in WRITTEN.read_text("utf-8").splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


HEAD, *ROWS = written_rows()
CELLS = {
    (row[0].strip("`"), role.replace(" ", "_")): cell
    for row in ROWS
    for role, cell in zip(HEAD[1:-1], row[1:-1], strict=True)
}


def test_the_written_table_has_a_cell_for_every_act_and_every_role() -> None:
    assert set(CELLS) == {(permission.value, role.value) for permission in Permission for role in Role}


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("permission", list(Permission))
def test_a_role_holds_a_right_exactly_where_the_written_table_says_so(permission: Permission, role: Role) -> None:
    assert CELLS[permission.value, role.value] in {"yes", ""}
    assert (permission in GRANTS[role]) == (CELLS[permission.value, role.value] == "yes")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0].strip("`"))
def test_every_right_says_why_these_roles_hold_it(row: list[str]) -> None:
    assert row[-1].endswith(".")
    assert len(row[-1]) > len("yes")
