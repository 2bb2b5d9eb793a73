"""No Python file of the project is longer than 400 lines: one that outgrows them is split by subject."""

from pathlib import Path

from tests.unit.test_no_secrets import tracked

LINES_MAX = 400
GENERATED = "/migrations/versions/"
"""What `tools.new_migration` writes is as long as the tables it makes."""


def lines_of(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def test_no_python_file_is_longer_than_400_lines() -> None:
    files = [path for path in tracked() if path.suffix == ".py" and GENERATED not in path.as_posix() and path.is_file()]
    assert len(files) > 500
    assert {path.name: lines_of(path) for path in files if lines_of(path) > LINES_MAX} == {}
