"""Who imports whom, which names are taken twice, and what the linter is told to overlook."""

import ast
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeGuard

from tools.house.sizes import Function, Source, within

SERVICES = "services"
RUNTIME_MODULES = "shared.runtime"
_TYPE = re.compile(r"_?[A-Z]+[a-z]\w*$")
_NOQA = re.compile(r"#\s*noqa(?::\s*(?P<rules>[A-Z]+[0-9]+(?:[,\s]+[A-Z]+[0-9]+)*))?", re.IGNORECASE)
BARE = "bare"
"""A `noqa` that names no rule."""

Graph = Mapping[str, frozenset[str]]
"""Module to the modules of the project that it imports."""


class Moment(StrEnum):
    """When an import statement is carried out."""

    LOADING = "loading"
    """While its module is imported."""
    TYPING = "typing"
    """Never: it is for the type checker alone."""
    RUNNING = "running"
    """When the function that holds it is called."""


@dataclass(frozen=True, slots=True)
class Import:
    """One module that another one names in an import statement."""

    importer: str
    imported: str
    moment: Moment


@dataclass(frozen=True, slots=True, kw_only=True)
class Coupling:
    """How the modules hang together."""

    runtime_modules: Sequence[str]
    """Modules of the runtime that services import, whenever that is."""
    depth: int
    """How many modules the longest chain of imports has; a circle counts as one."""
    longest_chain: Sequence[str]
    circles: Sequence[Sequence[str]]
    """Modules that import each other while they load."""
    circles_for_types: Sequence[Sequence[str]]
    """Further ones that are closed by imports for the type checker."""
    circles_in_functions: Sequence[Sequence[str]]
    """Further ones that are closed by imports inside functions."""
    repeated_types: Mapping[str, Sequence[str]]
    """Classes and type aliases of one name, and the modules of services and shared that define them."""
    repeated_functions: Mapping[str, Sequence[str]]
    """Public functions of one name, in the same way."""
    runtime_types_elsewhere: Sequence[str]
    """Repeated types of which one is the runtime's and another one is not."""
    noqa_lines: int
    """Lines of services and shared where the linter is told to overlook something."""
    noqa: Mapping[str, int]
    """How often each rule is overlooked there."""


def coupling(files: Sequence[Source]) -> Coupling:
    """The coupling of all production files."""
    found = list(imports(files))
    chain = longest_chain(graph(files, found, {Moment.LOADING}))
    circles = circles_of(graph(files, found, {Moment.LOADING}))
    for_types = circles_of(graph(files, found, {Moment.LOADING, Moment.TYPING}))
    in_functions = circles_of(graph(files, found, {Moment.LOADING, Moment.RUNNING}))
    looked_at = within(files, ("services", "shared"))
    types = repeated(looked_at, type_names)
    return Coupling(
        runtime_modules=runtime_modules(found),
        depth=len(chain),
        longest_chain=chain,
        circles=circles,
        circles_for_types=[circle for circle in for_types if circle not in circles],
        circles_in_functions=[circle for circle in in_functions if circle not in circles],
        repeated_types=types,
        repeated_functions=repeated(looked_at, function_names),
        runtime_types_elsewhere=[name for name, places in types.items() if _mixed(places)],
        noqa_lines=sum(len(_noqa_of(file)) for file in looked_at),
        noqa=noqa_counts(looked_at),
    )


def runtime_modules(found: Iterable[Import]) -> list[str]:
    """The modules of the runtime that services import."""
    return sorted(
        {one.imported for one in found if _within(one.importer, SERVICES) and _within(one.imported, RUNTIME_MODULES)}
    )


def imports(files: Sequence[Source]) -> Iterator[Import]:
    """Every import of one of these files by another one; a name imported from a package may be a module of it."""
    modules = {file.module for file in files}
    for file in files:
        for statement, moment in _statements(file.tree, Moment.LOADING):
            for name in _named(statement, modules):
                if name in modules and name != file.module:
                    yield Import(file.module, name, moment)


def _statements(node: ast.AST, moment: Moment) -> Iterator[tuple[ast.Import | ast.ImportFrom, Moment]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield child, moment
        elif isinstance(child, Function | ast.Lambda):
            yield from _statements(child, Moment.RUNNING if moment is Moment.LOADING else moment)
        elif isinstance(child, ast.If) and _for_types(child.test):
            for statement in child.body:
                yield from _statements(ast.Module([statement], []), Moment.TYPING)
            for statement in child.orelse:
                yield from _statements(ast.Module([statement], []), moment)
        else:
            yield from _statements(child, moment)


def _for_types(test: ast.expr) -> bool:
    name = test.attr if isinstance(test, ast.Attribute) else test.id if isinstance(test, ast.Name) else ""
    return name == "TYPE_CHECKING"


def _named(statement: ast.Import | ast.ImportFrom, modules: set[str]) -> Iterator[str]:
    if isinstance(statement, ast.Import):
        yield from (alias.name for alias in statement.names)
        return
    for alias in statement.names:
        inner = f"{statement.module}.{alias.name}"
        yield inner if inner in modules else str(statement.module)


def graph(files: Sequence[Source], found: Sequence[Import], moments: set[Moment]) -> Graph:
    """Module to what it imports at some moments."""
    edges: dict[str, set[str]] = {file.module: set() for file in files}
    for one in found:
        if one.moment in moments:
            edges[one.importer].add(one.imported)
    return {module: frozenset(imported) for module, imported in edges.items()}


def components(edges: Graph) -> list[list[str]]:
    """Modules that reach each other, together (Tarjan); whatever a component imports comes before it."""
    numbers: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(module: str) -> None:
        numbers[module] = lowest[module] = len(numbers)
        stack.append(module)
        for imported in sorted(edges[module]):
            if imported not in numbers:
                visit(imported)
                lowest[module] = min(lowest[module], lowest[imported])
            elif imported in stack:
                lowest[module] = min(lowest[module], numbers[imported])
        if lowest[module] == numbers[module]:
            place = stack.index(module)
            found.append(sorted(stack[place:]))
            del stack[place:]

    for module in sorted(edges):
        if module not in numbers:
            visit(module)
    return found


def circles_of(edges: Graph) -> list[list[str]]:
    """Modules that import each other, by whatever way round."""
    return sorted(component for component in components(edges) if len(component) > 1)


def longest_chain(edges: Graph) -> list[str]:
    """A longest chain of imports, the importer first; a circle counts as one."""
    below: dict[str, list[str]] = {}
    best: list[str] = []
    for component in components(edges):
        imported = {name for module in component for name in edges[module]} - set(component)
        longest = max((below[name] for name in sorted(imported)), key=len, default=[])
        chain = [" + ".join(component), *longest]
        below.update(dict.fromkeys(component, chain))
        best = max(best, chain, key=len)
    return best


def repeated(files: Sequence[Source], names: Callable[[ast.Module], Iterable[str]]) -> dict[str, list[str]]:
    """The names that more than one module defines at its top level, with these modules."""
    places: dict[str, list[str]] = defaultdict(list)
    for file in files:
        for name in set(names(file.tree)):
            places[name].append(file.module)
    return {name: sorted(found) for name, found in sorted(places.items()) if len(found) > 1}


def type_names(tree: ast.Module) -> Iterator[str]:
    """Classes and type aliases, without a leading underscore: whoever reads of a Batch meets every `_Batch`, too."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            yield node.name.lstrip("_")
            continue
        targets = node.targets if isinstance(node, ast.Assign) else [node.target] if _is_alias(node) else []
        yield from (
            target.id.lstrip("_") for target in targets if isinstance(target, ast.Name) and _TYPE.match(target.id)
        )


def _is_alias(node: ast.stmt) -> TypeGuard[ast.AnnAssign]:
    return isinstance(node, ast.AnnAssign) and ast.unparse(node.annotation).endswith("TypeAlias")


def function_names(tree: ast.Module) -> Iterator[str]:
    """Public functions."""
    for node in tree.body:
        if isinstance(node, Function) and not node.name.startswith("_"):
            yield node.name


def noqa_counts(files: Sequence[Source]) -> dict[str, int]:
    """How often each rule is overlooked, the most frequent first."""
    counts: Counter[str] = Counter()
    for file in files:
        for rules in _noqa_of(file):
            counts.update(rules)
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _noqa_of(file: Source) -> list[list[str]]:
    """The rules that each line with a `noqa` names."""
    found = [match for line in file.lines for match in _NOQA.finditer(line)]
    return [re.findall(r"[A-Z]+[0-9]+", match["rules"] or "") or [BARE] for match in found]


def _within(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


def _mixed(places: Sequence[str]) -> bool:
    ours = [_within(place, RUNTIME_MODULES) for place in places]
    return any(ours) and not all(ours)
