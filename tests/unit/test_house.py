"""The figures of the code keep within their bounds; `python -m tools.house` prints them with all names."""

import ast
from collections.abc import Mapping

from tools.house.bounds import NotYet, complaints
from tools.house.coupling import coupling
from tools.house.sizes import PRODUCTION, sizes, sources

RUNTIME_MODULES = "runtime modules that services import"
CIRCLES = "circles while modules load"
CIRCLES_FOR_TYPES = "circles with imports for the type checker"
CIRCLES_IN_FUNCTIONS = "circles with imports inside functions"
TYPES_ELSEWHERE = "types of the runtime that others define as well"
LONGEST_FILE = "lines of the longest file"

GOALS: Mapping[str, int] = {
    # A service knows a few doors of the runtime and the shared documents, not its rooms.
    RUNTIME_MODULES: 8,
    # Whoever reads one module does not have to read another one that needs the first.
    CIRCLES: 0,
    CIRCLES_IN_FUNCTIONS: 0,
    CIRCLES_FOR_TYPES: 0,
    # A word of the runtime means the same thing wherever it is read.
    TYPES_ELSEWHERE: 0,
    # A file that outgrows this is split by subject.
    LONGEST_FILE: 400,
}
"""What holds, and stays so."""

NOT_YET: Mapping[str, NotYet] = {}
"""What does not hold yet: a figure may only fall, and what it has fallen to is written down."""


def test_the_figures_of_the_code_keep_within_their_bounds() -> None:
    files = sources(*PRODUCTION)
    assert len(files) > 400
    found = coupling(files)
    figures = {
        RUNTIME_MODULES: len(found.runtime_modules),
        CIRCLES: len(found.circles),
        CIRCLES_FOR_TYPES: len(found.circles_for_types),
        CIRCLES_IN_FUNCTIONS: len(found.circles_in_functions),
        TYPES_ELSEWHERE: len(found.runtime_types_elsewhere),
        LONGEST_FILE: sizes(files).file_max,
    }
    assert complaints(figures, goals=GOALS, not_yet=NOT_YET) == [], found


FIRST_ARGUMENTS: Mapping[str, frozenset[str]] = {
    "store": frozenset({"connection", "work"}),
    "handlers": frozenset({"connection", "work"}),
    "views": frozenset({"connection"}),
}
"""What a public coroutine of a service takes first, by its folder: who reads a connection, who writes the work."""


REACHING = frozenset({"connection", "work", "runtime", "request", "pool"})
"""Arguments by which a function reaches the database."""


def test_what_reads_takes_a_connection_first_and_what_writes_takes_the_work() -> None:
    seen = 0
    wrong = []
    for file in sources("services"):
        folder = next((part for part in file.module.split(".") if part in FIRST_ARGUMENTS), None)
        for node in file.tree.body if folder else []:
            if isinstance(node, ast.AsyncFunctionDef) and not node.name.startswith("_"):
                seen += 1
                taken = [one.arg for one in node.args.args]
                # What only turns rows into text takes neither.
                reaches = REACHING.intersection(taken)
                if reaches and taken[0] not in FIRST_ARGUMENTS[folder]:
                    wrong.append(f"{file.path} {node.name} takes {taken}")
    assert seen > 400
    assert wrong == []
