"""The figures of a bench: medians over runs with their spread, targets met or missed, and the machine they hold for."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from statistics import median

from bench.machine import description


class Bound(StrEnum):
    """Which side of a target is good."""

    AT_LEAST = ">="
    AT_MOST = "<="


@dataclass(frozen=True, slots=True)
class Target:
    """A figure to be reached."""

    bound: Bound
    value: float

    def met(self, value: float) -> bool:
        """Whether a figure reaches it."""
        return value >= self.value if self.bound is Bound.AT_LEAST else value <= self.value


def at_least(value: float) -> Target:
    """More is better."""
    return Target(Bound.AT_LEAST, value)


def at_most(value: float) -> Target:
    """Less is better."""
    return Target(Bound.AT_MOST, value)


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value of one run."""

    name: str
    unit: str
    value: float
    target: Target | None = None


@dataclass(slots=True)
class Line:
    """One figure over all runs. The median is judged, not the best."""

    name: str
    unit: str
    target: Target | None
    values: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        """The middle of the runs."""
        return median(self.values)

    def verdict(self) -> str:
        """What is said of the target."""
        if self.target is None:
            return ""
        word = "met" if self.target.met(self.median) else "MISSED"
        return f"{word} ({self.target.bound} {_number(self.target.value)})"


class Report:
    """Collects figures and prints them."""

    def __init__(self) -> None:
        self._machine = description()
        self._lines: dict[str, Line] = {}
        self._notes: list[str] = []

    def add(self, figure: Figure) -> None:
        """Add one run's value of a figure."""
        line = self._lines.setdefault(figure.name, Line(figure.name, figure.unit, figure.target))
        line.values.append(figure.value)

    def add_all(self, figures: Sequence[Figure]) -> None:
        """Add one run's values."""
        for figure in figures:
            self.add(figure)

    def note(self, text: str) -> None:
        """Something a reader must know beside the figures."""
        if text not in self._notes:
            self._notes.append(text)

    def value(self, name: str) -> float | None:
        """The median of a figure, or None when it was not measured."""
        line = self._lines.get(name)
        return None if line is None else line.median

    def ratio(self, name: str, *, over: str) -> None:
        """Add one figure as a share of another, when both were measured."""
        upper, lower = self.value(name), self.value(over)
        if upper is not None and lower:
            self.add(Figure(f"{name} / {over}", "ratio", upper / lower))

    def missed(self) -> list[str]:
        """The names of the figures whose median misses its target."""
        return [line.name for line in self._lines.values() if line.target and not line.target.met(line.median)]

    def text(self) -> str:
        """The whole report for a terminal."""
        rows = [("figure", "unit", "median", "min..max", "runs", "target")]
        for line in self._lines.values():
            spread = f"{_number(min(line.values))}..{_number(max(line.values))}" if len(line.values) > 1 else ""
            median_text = _number(line.median)
            rows.append((line.name, line.unit, median_text, spread, str(len(line.values)), line.verdict()))
        widths = [max(len(row[column]) for row in rows) for column in range(6)]
        table = [
            f"{row[0]:<{widths[0]}}  {row[1]:<{widths[1]}}  {row[2]:>{widths[2]}}  {row[3]:>{widths[3]}}"
            f"  {row[4]:>{widths[4]}}  {row[5]}".rstrip()
            for row in rows
        ]
        head = [f"{name}: {value}" for name, value in self._machine.items()]
        notes = [f"note: {text}" for text in self._notes]
        missed = self.missed()
        end = [f"{len(missed)} target(s) missed: {'; '.join(missed)}" if missed else "no target missed"]
        if not self._lines:
            return "\n".join([*head, "", *notes, "nothing was measured"])
        return "\n".join([*head, "", *table, "", *notes, *end])

    def write(self, file: Path) -> None:
        """Write everything as JSON."""
        content: Mapping[str, object] = {
            "machine": self._machine,
            "figures": [asdict(line) | {"median": line.median} for line in self._lines.values()],
            "notes": self._notes,
            "missed": self.missed(),
        }
        file.write_text(json.dumps(content, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def _number(value: float) -> str:
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
