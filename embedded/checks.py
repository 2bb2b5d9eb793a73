"""One check of the proof as people in front of the demonstration read it."""

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A rule that was checked: its title, how many things were examined, and each difference in words."""

    title: str
    examined: int
    differences: Sequence[str] = field(default=())
