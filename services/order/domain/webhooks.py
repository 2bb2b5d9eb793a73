"""The rules of webhooks: when an attempt is repeated, when an endpoint is flagged and when it is disabled.

All times are machine time. An endpoint that fails is flagged an hour after the first failure since its last success,
and disabled 76 hours after it, when the retries of that first delivery are over.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

RETRIES_S: Final[Sequence[int]] = (0, 5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
"""Seconds before each attempt, counted from the one before; the first is made at once."""
JITTER: Final = 0.1
"""A pause is up to so much of itself longer, so that receivers that recover are not met by all at once."""
RETRY_AFTER_S_MAX: Final = 86_400
FLAG_AFTER: Final = timedelta(hours=1)
DISABLE_AFTER: Final = timedelta(hours=76)
SECRET_OVERLAP: Final = timedelta(hours=24)
"""So long a secret signs on beside the one that took its place."""
PAUSE_S: Final = 5.0
PAUSE_S_MAX: Final = 300.0
URL_CHARACTERS_MAX: Final = 500
ENDPOINTS_MAX: Final = 10
"""Endpoints of one provider that are not deleted."""
RESEND_MAX: Final = 1_000
"""Deliveries that one call may ask for again."""
_SLOW_DOWN: Final = frozenset({429, 502, 503, 504})
_GONE: Final = 410


class Ordering(StrEnum):
    """Whether an endpoint is given its events one after the other, each after the one before has arrived."""

    STRICT = "strict"
    NONE = "none"


class EndpointState(StrEnum):
    """Whether an endpoint is delivered to."""

    ACTIVE = "active"
    DISABLED = "disabled"
    DELETED = "deleted"


class DisabledReason(StrEnum):
    """Why an endpoint is not active."""

    OWNER = "owner"
    GONE = "gone"
    FAILING = "failing"


class HostState(StrEnum):
    """Whether the operator lets us call a host."""

    REQUESTED = "requested"
    APPROVED = "approved"
    REFUSED = "refused"


class Cause(StrEnum):
    """Why a delivery is made."""

    EVENT = "event"
    RESEND = "resend"
    TEST = "test"


class DeliveryState(StrEnum):
    """What became of a delivery; `failed` after the last attempt, `cancelled` when its endpoint was deleted."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came of one attempt: a status, or an error in the place of one. `text` is the beginning of the body."""

    status: int | None
    error: str = ""
    text: str = ""
    retry_after_s: float | None = None
    duration_ms: int = 0

    @property
    def delivered(self) -> bool:
        """Whether the receiver took it."""
        return self.status is not None and 200 <= self.status < 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What an attempt means for its delivery, and for the lane of its endpoint."""

    state: DeliveryState
    due_at: datetime | None = None
    pause_until: datetime | None = None
    gone: bool = False


def judge(answer: Answer, *, attempts: int, now: datetime, spread: float) -> Outcome:
    """What becomes of a delivery after so many attempts, this one among them; `spread` is random in 0..1."""
    if answer.delivered:
        return Outcome(state=DeliveryState.DELIVERED)
    if answer.status == _GONE:
        return Outcome(state=DeliveryState.FAILED, gone=True)
    asked_s = min(answer.retry_after_s or 0.0, RETRY_AFTER_S_MAX)
    pause_until = now + timedelta(seconds=max(asked_s, PAUSE_S)) if answer.status in _SLOW_DOWN else None
    if attempts >= len(RETRIES_S):
        return Outcome(state=DeliveryState.FAILED, pause_until=pause_until)
    pause_s = RETRIES_S[attempts] * (1 + JITTER * spread)
    return Outcome(
        state=DeliveryState.PENDING, due_at=now + timedelta(seconds=max(pause_s, asked_s)), pause_until=pause_until
    )


def lane_pause_s(failures: int) -> float:
    """How long a lane rests after so many batches in a row of which nothing arrived."""
    return float(min(PAUSE_S * 2 ** min(max(failures - 1, 0), 10), PAUSE_S_MAX)) if failures else 0.0


def disable_due_at(failing_since: datetime | None) -> datetime | None:
    """When an endpoint that goes on failing is disabled; None for one that does not fail."""
    return None if failing_since is None else failing_since + DISABLE_AFTER


def is_to_be_flagged(failing_since: datetime, *, now: datetime) -> bool:
    """Whether an endpoint has failed for long enough that its owner is told."""
    return now >= failing_since + FLAG_AFTER


def is_to_be_disabled(failing_since: datetime, *, now: datetime) -> bool:
    """Whether an endpoint has failed for longer than any delivery is repeated."""
    return now >= failing_since + DISABLE_AFTER
