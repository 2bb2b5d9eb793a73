"""Tables of allowed moves between states; anything else is refused by the caller."""

from collections.abc import Set as AbstractSet
from enum import StrEnum
from typing import Generic, TypeVar

from shared.kernel.refusals import Bug

S = TypeVar("S", bound=StrEnum)


class Transitions(Generic[S]):
    """The allowed moves of one kind of state.

    >>> from enum import StrEnum
    >>> class Light(StrEnum):
    ...     RED = "red"
    ...     GREEN = "green"
    >>> Transitions({(Light.RED, Light.GREEN)}).allows(Light.GREEN, Light.RED)
    False
    """

    def __init__(self, moves: AbstractSet[tuple[S, S]]) -> None:
        self._moves = frozenset(moves)

    def allows(self, before: S, after: S) -> bool:
        """Whether the move is in the table."""
        return (before, after) in self._moves

    def check(self, before: S, after: S) -> None:
        """Raise when rules already decided on a move that the table does not hold. Raises: Bug."""
        if not self.allows(before, after):
            raise Bug(f"move {before} -> {after} is not in the table")

    def following(self, before: S) -> frozenset[S]:
        """The states that may follow `before`."""
        return frozenset(after for start, after in self._moves if start == before)

    def terminal(self, state: S) -> bool:
        """Whether nothing may follow `state`."""
        return not self.following(state)
