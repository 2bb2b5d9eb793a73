"""Prints the figures of the code: how long it is, how it hangs together, and which files a call runs through.

    python -m tools.house            sizes and coupling, from the text of the code
    python -m tools.house --names    and every name that several modules define, with its places
    python -m tools.house --walks    and the files of a purchase, which runs on the bundled PostgreSQL; half a minute
    python -m tools.house --json     the same, and all lists, for programs

`tests/unit/test_house.py` and `tests/integration/test_house_walks.py` keep the figures within bounds.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from shared.runtime.observability.logging import configure
from tools.house.coupling import Coupling, coupling
from tools.house.purchase import measure_here
from tools.house.sizes import GROUPS, PRODUCTION, Sizes, sizes, sources, within
from tools.house.walks import Walked


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Everything that is printed; without walks when nobody asked for them."""

    sizes: Mapping[str, Sizes]
    coupling: Coupling
    walks: Sequence[Walked]


def figures(*, walks: bool) -> Figures:
    """Measure this checkout."""
    files = sources(*PRODUCTION)
    return Figures(
        sizes={name: sizes(within(files, folders)) for name, folders in GROUPS.items()},
        coupling=coupling(files),
        walks=measure_here() if walks else (),
    )


def size_lines(found: Mapping[str, Sizes]) -> Iterator[str]:
    """The table of sizes."""
    heads = f"{'file median/p90/max':<21}{'function median/p95/max':<25}{'documented':>10}"
    yield f"{'':<16}{'files':>6}{'lines':>8}  {heads}"
    for name, size in found.items():
        file = f"{size.file_median} / {size.file_p90} / {size.file_max}"
        function = f"{size.function_median} / {size.function_p95} / {size.function_max}"
        documented = f"{size.documented_percent:.1f} %"
        yield f"{name:<16}{size.files:>6}{size.lines:>8}  {file:<21}{function:<25}{documented:>10}"


def coupling_lines(found: Coupling) -> Iterator[str]:
    """The figures of coupling, one a line."""
    yield f"runtime modules that services import: {len(found.runtime_modules)}"
    yield from (f"    {name}" for name in found.runtime_modules)
    yield f"longest chain of imports: {found.depth}"
    yield f"    {' > '.join(found.longest_chain)}"
    for what, circles in (
        ("while modules load", found.circles),
        ("with imports for the type checker", found.circles_for_types),
        ("with imports inside functions", found.circles_in_functions),
    ):
        yield f"circles {what}: {len(circles)}"
        yield from (f"    {', '.join(circle)}" for circle in circles)
    yield f"types defined in several modules: {len(found.repeated_types)}"
    yield f"    of the runtime and of others: {', '.join(found.runtime_types_elsewhere) or 'none'}"
    yield f"functions defined in several modules: {len(found.repeated_functions)}"
    rules = ", ".join(f"{rule} {count}" for rule, count in found.noqa.items())
    yield f"noqa in services and shared: {found.noqa_lines} ({rules})"


def name_lines(found: Coupling) -> Iterator[str]:
    """Every name that several modules define, with these modules."""
    for kind, names in (("type", found.repeated_types), ("function", found.repeated_functions)):
        yield from (f"{kind} {name}: {', '.join(places)}" for name, places in names.items())


def walk_lines(found: Sequence[Walked]) -> Iterator[str]:
    """The table of walks, and below it the files of each one."""
    yield f"{'':<40}{'service files':>14}{'lines':>7}{'runtime files':>15}{'lines':>7}"
    for walk in found:
        ours, runtime = len(walk.service_files), len(walk.runtime_files)
        yield f"{walk.name:<40}{ours:>14}{walk.service_lines:>7}{runtime:>15}{walk.runtime_lines:>7}"
    for walk in found:
        yield f"{walk.name}:"
        yield f"    {', '.join(walk.service_files)}"


def report(found: Figures, *, names: bool) -> str:
    """The figures as text."""
    parts = [size_lines(found.sizes), coupling_lines(found.coupling)]
    if names:
        parts.append(name_lines(found.coupling))
    if found.walks:
        parts.append(walk_lines(found.walks))
    return "\n\n".join("\n".join(part) for part in parts)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.house", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--names", action="store_true", help="list the names that several modules define")
    parser.add_argument("--walks", action="store_true", help="run purchases and list the files of each call")
    parser.add_argument("--json", action="store_true", help="print JSON")
    given = parser.parse_args(arguments)
    configure(level="ERROR")
    found = figures(walks=given.walks)
    if given.json:
        print(msgspec.json.format(msgspec.json.encode(found)).decode())
    else:
        print(report(found, names=given.names))
    return 0


if __name__ == "__main__":
    sys.exit(main())
