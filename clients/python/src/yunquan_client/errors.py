"""What can go wrong, by what the caller can do about it.

A refusal of the platform is a problem detail (RFC 9457); its `code` is stable and has a page of its own at `type`.
"""

from collections.abc import Mapping, Sequence
from typing import Any


class YunquanError(Exception):
    """Anything that this package raises."""


class NotReached(YunquanError):
    """No answer came, or only answers that the platform is busy, however often it was tried.

    Whether the act was done is not known. The same call with the same `idempotency_key` is never a second act.
    """

    def __init__(self, text: str, *, idempotency_key: str | None) -> None:
        super().__init__(text)
        self.idempotency_key = idempotency_key


class WaitEnded(YunquanError):
    """What was waited for did not come in time; `last` is what was read last."""

    def __init__(self, text: str, *, last: object) -> None:
        super().__init__(text)
        self.last = last


class Refused(YunquanError):
    """The platform refused. `retryable` says whether the very same call may succeed later."""

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        self.status = status
        self.problem = problem
        self.code = str(problem.get("code", ""))
        self.title = str(problem.get("title", ""))
        self.detail = str(problem.get("detail", ""))
        self.request_id = str(problem.get("request_id", ""))
        self.retryable = bool(problem.get("retryable", False))
        self.errors: Sequence[Mapping[str, Any]] = problem.get("errors") or ()
        super().__init__(f"{status} {self.code}: {self.detail or self.title} (request {self.request_id})")


class BadRequest(Refused):
    """400: the call has another form than the documents say; `errors` points to the places."""


class NotSignedIn(Refused):
    """401: no token was given, or none is to be had for these keys."""


class NotAllowed(Refused):
    """403: the client's scopes or its organisation's rights do not reach so far."""


class NotFound(Refused):
    """404: there is nothing of that name, or nothing that the caller may know of."""


class WrongState(Refused):
    """409: what is asked for does not fit what it is now."""


class VersionChanged(Refused):
    """412: it was changed since it was read; read it again and decide again."""


class RuleRefused(Refused):
    """422: a rule of the scheme says no, or an idempotency key was used for another call."""


class TooManyRequests(Refused):
    """429, still after the retries."""


class Unavailable(Refused):
    """A fault of the platform, still after the retries."""


_KINDS: Mapping[int, type[Refused]] = {
    400: BadRequest,
    401: NotSignedIn,
    403: NotAllowed,
    404: NotFound,
    409: WrongState,
    412: VersionChanged,
    422: RuleRefused,
    428: BadRequest,
    429: TooManyRequests,
}


def refused(status: int, problem: Mapping[str, Any]) -> Refused:
    """The error for an answer that is no success."""
    kind = _KINDS.get(status, Unavailable if status >= 500 else Refused)
    return kind(status, problem)
