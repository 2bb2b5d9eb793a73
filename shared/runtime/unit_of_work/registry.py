"""What a handler may use beside its transaction, found by type: the policy pack, blobs, signers."""

from typing import TypeVar, cast

from shared.kernel.refusals import Bug

T = TypeVar("T")


class Registry:
    """A registry of one service's outside parts, filled once at the start."""

    def __init__(self) -> None:
        self._parts: dict[type, object] = {}

    def add(self, kind: type[T], part: T) -> None:
        """Register the part that answers to `kind`."""
        self._parts[kind] = part

    def get(self, kind: type[T]) -> T:
        """The part registered for `kind`. Raises: Bug when nothing is."""
        if kind not in self._parts:
            raise Bug(f"no {kind.__name__} is registered in this process")
        return cast("T", self._parts[kind])
