"""How long files and functions are, and how much of what is public has a docstring."""

import ast
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
PRODUCTION = ("services", "shared", "operations", "embedded")
RUNTIME = "shared/runtime"
GROUPS: dict[str, Sequence[str]] = {
    "all": PRODUCTION,
    "services": ("services",),
    RUNTIME: (RUNTIME,),
}
"""What is measured together, by the folders it lies in."""
SKIPPED = frozenset({"migrations", "tests"})
"""Folders that do not count: migrations are written by a tool."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Source:
    """One Python file, read and parsed."""

    path: str
    """From the root of the checkout, with slashes."""
    lines: Sequence[str]
    tree: ast.Module

    @property
    def module(self) -> str:
        """The name that an import gives it."""
        return self.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """The sizes of one group of files, in lines; a docstring belongs to its function."""

    files: int
    lines: int
    file_median: int
    file_p90: int
    file_max: int
    function_median: int
    function_p95: int
    function_max: int
    documented_percent: float


def sources(*folders: str, checkout: Path = CHECKOUT) -> list[Source]:
    """Every Python file in some folders, in the order of their paths."""
    found = []
    for folder in folders:
        for file in sorted((checkout / folder).rglob("*.py")):
            path = file.relative_to(checkout)
            if SKIPPED.isdisjoint(path.parts):
                text = file.read_text(encoding="utf-8")
                found.append(Source(path.as_posix(), text.splitlines(), ast.parse(text, filename=str(file))))
    return found


def within(files: Sequence[Source], folders: Sequence[str]) -> list[Source]:
    """Those of some files that lie in some folders."""
    return [file for file in files if file.path.startswith(tuple(f"{folder}/" for folder in folders))]


def sizes(files: Sequence[Source]) -> Sizes:
    """The sizes of some files."""
    lengths = [len(file.lines) for file in files]
    functions = [length for file in files for length in function_lengths(file.tree)]
    public = [node for file in files for node in public_names(file.tree)]
    documented = sum(ast.get_docstring(node) is not None for node in public)
    return Sizes(
        files=len(files),
        lines=sum(lengths),
        file_median=percentile(lengths, 50),
        file_p90=percentile(lengths, 90),
        file_max=max(lengths, default=0),
        function_median=percentile(functions, 50),
        function_p95=percentile(functions, 95),
        function_max=max(functions, default=0),
        documented_percent=round(100 * documented / max(1, len(public)), 1),
    )


def function_lengths(tree: ast.Module) -> Iterator[int]:
    """The lines of every function and method, nested ones too, from `def` to the end."""
    for node in ast.walk(tree):
        if isinstance(node, Function):
            yield (node.end_lineno or node.lineno) - node.lineno + 1


def public_names(tree: ast.Module) -> Iterator[ast.ClassDef | Function]:
    """Classes, functions and methods whose own name has no leading underscore, wherever they are defined."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef | Function) and not node.name.startswith("_"):
            yield node


def percentile(values: Sequence[int], percent: int) -> int:
    """The smallest value that at least so many per cent of all do not exceed; 0 of nothing."""
    if not values:
        return 0
    return sorted(values)[max(0, math.ceil(len(values) * percent / 100) - 1)]
