"""The table of controls in docs/security/controls.md: every control has a test, and every test and file exists."""

import ast
import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[3]
WRITTEN = CHECKOUT / "docs" / "security" / "controls.md"
AREAS = (
    "Roles and routes",
    "Objects",
    "Properties",
    "Business flow",
    "Consumption",
    "Sign-in",
    "Tokens and sessions",
    "Between services",
    "Broker",
    "Databases",
    "Personal data",
    "Files",
    "Outgoing calls",
    "Upstream",
    "Errors and logs",
    "Supply",
    "Operator abuse",
)
"""What a platform like this is attacked by. Source: OWASP API Security Top 10 (2023), ASVS 5.0."""

GAP = "gap: "
CODE = re.compile(r"`([^`]+)`")
TEST = re.compile(r"(?P<file>tests/[\w/]+\.py)::(?P<name>test_\w+)")
# What can open a connection to an address of somebody's choice.
CLIENTS = {
    "httpx",
    "httpcore",
    "aiohttp",
    "requests",
    "urllib3",
    "urllib.request",
    "http.client",
    "smtplib",
    "ftplib",
    "socket",
}
MAY_CALL = {
    "services/order/webhooks/client.py": "calls approved hosts, at addresses that were checked (ADR 0035)",
    "services/order/webhooks/targets.py": "asks for the addresses of a name, to check them",
    "shared/runtime/bus/declare.py": "asks the broker's own management interface, at deployment",
    "shared/runtime/healthcheck.py": "asks its own process, on its own address",
    "shared/runtime/host/host.py": "listens",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One control."""

    area: str
    control: str
    tests: str

    @property
    def title(self) -> str:
        """How the tests name it."""
        return f"{self.area}: {self.control[:60]}"


def rows_of(text: str) -> Iterator[Row]:
    """The rows of the written table, without its head."""
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    for line in lines[1:]:
        area, control, tests = (cell.strip() for cell in line.strip("|").split("|"))
        yield Row(area, control, tests)


ROWS = list(rows_of(WRITTEN.read_text("utf-8")))


@functools.cache
def names_in(file: str) -> frozenset[str]:
    """The names of the tests that a file defines; nothing is imported."""
    path = CHECKOUT / file
    if not path.is_file():
        return frozenset()
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(node.name for node in ast.parse(path.read_text("utf-8")).body if isinstance(node, functions))


def faults_of(row: Row) -> list[str]:
    """What is wrong with a row."""
    named = CODE.findall(row.control)
    found = [f"no such file: {name}" for name in named if "/" in name and not (CHECKOUT / name).exists()]
    if not row.control.endswith("."):
        found.append("a control is a sentence")
    if row.tests.startswith(GAP):
        reason = row.tests.removeprefix(GAP)
        return found if reason.endswith(".") and len(reason.split()) > 5 else [*found, "a gap says why"]
    if not any("/" in name or "." in name for name in named):
        found.append("a control names its file")
    tests = row.tests.split(", ")
    for test in tests:
        match = TEST.fullmatch(test.strip("`"))
        if match is None:
            found.append(f"no test: {test!r}")
        elif match["name"] not in names_in(match["file"]):
            found.append(f"no such test: {match[0]}")
    return found if len(set(tests)) == len(tests) else [*found, "a test is named twice"]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.title)
def test_a_control_names_its_files_and_tests_that_exist(row: Row) -> None:
    assert faults_of(row) == []


def test_every_area_has_a_control_and_no_other_area_is_written() -> None:
    assert tuple(dict.fromkeys(row.area for row in ROWS)) == AREAS


def test_no_control_is_written_twice() -> None:
    assert len({row.control for row in ROWS}) == len(ROWS)


def test_every_file_of_security_tests_holds_a_control() -> None:
    named = {match["file"] for row in ROWS for match in TEST.finditer(row.tests)}
    there = {
        f"tests/integration/security/{file.name}" for file in (CHECKOUT / "tests/integration/security").glob("test_*")
    }
    assert there - named == set()


A_TEST = "`tests/unit/contracts/test_controls.py::test_no_control_is_written_twice`"
BROKEN = {
    "a file that is gone": Row("Files", "It is so (`shared/runtime/gone.py`).", A_TEST),
    "a test that is gone": Row("Files", "It is so (`shared/documents/blobs.py`).", A_TEST.replace("twice", "thrice")),
    "a test of a file that is gone": Row(
        "Files", "It is so (`shared/documents/blobs.py`).", "`tests/gone.py::test_it`"
    ),
    "a fixture for a test": Row("Files", "It is so (`shared/documents/blobs.py`).", A_TEST.replace("test_no_c", "c")),
    "no test": Row("Files", "It is so (`shared/documents/blobs.py`).", ""),
    "a gap without a reason": Row("Files", "It is so.", "gap: none."),
    "a test named twice": Row("Files", "It is so (`shared/documents/blobs.py`).", f"{A_TEST}, {A_TEST}"),
    "no file": Row("Files", "It is so.", A_TEST),
}


@pytest.mark.parametrize("broken", sorted(BROKEN))
def test_a_broken_row_is_found(broken: str) -> None:
    assert faults_of(BROKEN[broken])


def imported_by(file: Path) -> set[str]:
    """Every module that a file imports, anywhere in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}", *(f"{node.module}.{name.name}" for name in node.names)}
    return found


def test_no_service_can_call_out_over_http() -> None:
    callers = {
        str(file.relative_to(CHECKOUT))
        for folder in ("services", "shared")
        for file in sorted((CHECKOUT / folder).rglob("*.py"))
        if any(name in CLIENTS or name.partition(".")[0] in CLIENTS for name in imported_by(file))
    }
    # An address that somebody gives leads inside: server-side request forgery.
    assert callers - MAY_CALL.keys() == set()
    assert MAY_CALL.keys() - callers == set(), "no exception outlives its reason"
