"""The lines that each serving component has in files that people write otherwise."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tools.compose.components import CHECKOUT, Component, FaultyDeclaration

BEGIN = "# Written by `python -m tools.compose` from deploy/components, one line a component:"
END = "# So far what is written."
OBSERVABILITY = CHECKOUT / "deploy" / "observability"

LINES: Mapping[Path, Callable[[str], str]] = {
    OBSERVABILITY / "prometheus.yml": lambda name: f"- {name}",
    OBSERVABILITY / "rules" / "availability.yaml": lambda name: (
        f'- {{record: "yunquan:expected_service", expr: vector(1), labels: {{service: {name}}}}}'
    ),
}


def texts_of(components: Sequence[Component]) -> Mapping[Path, str]:
    """What each of these files should hold. Raises: FaultyDeclaration when a file has lost its marks."""
    names = sorted(component.name for component in components)
    return {file: _filled(file, [line(name) for name in names]) for file, line in LINES.items()}


def _filled(file: Path, lines: Sequence[str]) -> str:
    """The file with these lines between its two marks, indented as the first mark is."""
    there = file.read_text(encoding="utf-8").splitlines()
    marks = [number for number, line in enumerate(there) if line.strip() in {BEGIN, END}]
    if [there[number].strip() for number in marks] != [BEGIN, END]:
        raise FaultyDeclaration(f"{file.name}: the lines of components stand between {BEGIN!r} and {END!r}")
    begin, end = marks
    indent = there[begin].removesuffix(BEGIN)
    return "\n".join([*there[: begin + 1], *(indent + line for line in lines), *there[end:]]) + "\n"
