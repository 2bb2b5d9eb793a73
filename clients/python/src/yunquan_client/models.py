"""What the platform answers, as values. Fields that are not named here are in `data`: new ones come without notice."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Order:
    """An order as it was read: amounts in fen, and the version that a command on it names."""

    id: str
    state: str
    version: int
    data: Mapping[str, Any] = field(repr=False)

    @classmethod
    def of(cls, data: Mapping[str, Any], version: int | None = None) -> "Order":
        """From an answer; `version` is that of the answer's ETag."""
        return cls(str(data["id"]), str(data["state"]), int(data["version"] if version is None else version), data)


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim as it was read; `results` are its orders with what becomes of each."""

    id: str
    state: str
    version: int
    data: Mapping[str, Any] = field(repr=False)

    @classmethod
    def of(cls, data: Mapping[str, Any], version: int | None = None) -> "Claim":
        """From an answer; `version` is that of the answer's ETag."""
        return cls(str(data["id"]), str(data["state"]), int(data["version"] if version is None else version), data)

    @property
    def results(self) -> Sequence[Mapping[str, Any]]:
        """The orders of the claim; none in the answer to a command, which tells the claim alone."""
        found: Sequence[Mapping[str, Any]] = self.data.get("results") or ()
        return found


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to an order. `sequence` counts the events of one order from 1 without gaps."""

    id: str
    type: str
    timestamp: datetime
    sequence: int
    data: Mapping[str, Any]
    cursor: str = ""
    """Where the feed goes on behind this event's page; empty for an event of a webhook."""

    @classmethod
    def of(cls, body: Mapping[str, Any], *, cursor: str = "") -> "Event":
        """From the feed or from the body of a webhook."""
        return cls(
            id=str(body["id"]),
            type=str(body["type"]),
            timestamp=datetime.fromisoformat(str(body["timestamp"])),
            sequence=int(body.get("sequence", 0)),
            data=body.get("data") or {},
            cursor=cursor,
        )

    @property
    def order_id(self) -> str:
        """The order that it is about; empty for a test."""
        return str(self.data.get("order_id", ""))


@dataclass(frozen=True, slots=True)
class Page:
    """A piece of a list, and where it goes on."""

    data: Sequence[Mapping[str, Any]]
    has_more: bool
    next_cursor: str | None

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> "Page":
        """From an answer."""
        return cls(body["data"], bool(body["has_more"]), body.get("next_cursor"))
