"""Bounds of figures: a goal that holds, or today's value of one that does not hold yet and may only fall."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class NotYet:
    """A figure above its goal."""

    today: int
    """What it is; whoever makes it smaller writes it down here."""
    goal: int


def complaints(found: Mapping[str, int], *, goals: Mapping[str, int], not_yet: Mapping[str, NotYet]) -> list[str]:
    """What is wrong with some figures or with their bounds, in one line each."""
    return [
        *(f"{name}: {found[name]}, at most {goal}" for name, goal in goals.items() if found[name] > goal),
        *(line for name, bound in not_yet.items() for line in _of_record(name, found[name], bound)),
        *(f"{name}: {value}, and no bound" for name, value in found.items() if name not in {*goals, *not_yet}),
        *(f"{name}: two bounds" for name in goals if name in not_yet),
    ]


def _of_record(name: str, value: int, bound: NotYet) -> Iterator[str]:
    if value <= bound.goal:
        yield f"{name}: {value}, which is the goal; make {bound.goal} its bound and take it out of NOT_YET"
    elif value > bound.today:
        yield f"{name}: {value}, was {bound.today} and may only fall to {bound.goal}"
    elif value < bound.today:
        yield f"{name}: {value}; lower the bound, which is {bound.today}"
