"""The table of what grows: a row for each way, a column for each size, and the ratio of the last to the first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.growth.meter import Reading

RATIO_MAX = 1.5
FLOOR = 20
"""Buffers below which a difference is an index that became a level deeper."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One way at each size: what it read, for each thousand purchases where all is read by right."""

    name: str
    linear: bool
    readings: Mapping[int, Reading]

    def buffers(self, size: int) -> float:
        """What is compared."""
        buffers = self.readings[size].buffers
        return buffers * 1_000 / size if self.linear else buffers

    @property
    def ratio(self) -> float:
        """How many times more is read at the largest size than at the smallest."""
        first, last = min(self.readings), max(self.readings)
        return max(self.buffers(last), FLOOR) / max(self.buffers(first), FLOOR)

    @property
    def grows(self) -> bool:
        """Whether it is more than an index that became deeper."""
        return self.ratio > RATIO_MAX


def rows_of(measured: Mapping[int, Mapping[str, tuple[bool, Reading]]]) -> list[Row]:
    """The ways that were measured at every size, those that grow most first."""
    names = set.intersection(*(set(found) for found in measured.values()))
    rows = [
        Row(
            name=name,
            linear=next(iter(measured.values()))[name][0],
            readings={size: found[name][1] for size, found in measured.items()},
        )
        for name in sorted(names)
    ]
    return sorted(rows, key=lambda row: (-row.ratio, row.name))


def text(rows: Sequence[Row], *, everything: bool) -> str:
    """The table in Markdown: what grows, or every row."""
    shown = [row for row in rows if everything or row.grows]
    if not rows:
        return "nothing was measured"
    sizes = sorted(rows[0].readings)
    heads = ["what reads", *(f"{size:,} purchases" for size in sizes), "ratio"]
    lines = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    for row in shown:
        cells = [f"{row.buffers(size):,.0f} buffers, {row.readings[size].seconds * 1_000:,.0f} ms" for size in sizes]
        name = f"{row.name} (buffers for each 1,000 purchases)" if row.linear else row.name
        lines.append(f"| {name.replace('|', '/')} | {' | '.join(cells)} | {row.ratio:,.1f} |")
    flat = len(rows) - sum(row.grows for row in rows)
    lines.append(
        f"\n{len(rows)} rows, {flat} of them flat (ratio at most {RATIO_MAX}) and {len(rows) - flat} that grow."
    )
    return "\n".join(lines)
