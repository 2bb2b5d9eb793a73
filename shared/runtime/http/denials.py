"""Every "no" to a caller (401, 403, 429) is counted, and told to the log as far as the log may grow by it.

An event names the account, the permission and the route: no name, no address, no id of what was asked for.
"""

from typing import Any, Final

import msgspec
import structlog
from starlette.types import Scope

from shared.runtime.http.callers import PRINCIPAL_KEY
from shared.runtime.http.rates import Bucket, RequestRate
from shared.runtime.observability.requests import route_of
from shared.runtime.service.runtime import Runtime

log = structlog.get_logger()

DENIED: Final = frozenset({401, 403, 429})
UNKNOWN_CODE: Final = "unknown"


class _DeniedProblem(msgspec.Struct):
    """What a denial needs of a problem."""

    code: str = UNKNOWN_CODE
    facts: dict[str, Any] = {}


_READ: Final = msgspec.json.Decoder(_DeniedProblem)


class SparingLog:
    """Lets so many events into the log and counts the rest, so that nobody fills a disk by asking."""

    def __init__(self, *, per_s: float = 5.0, burst: int = 50) -> None:
        self._bucket = Bucket(RequestRate(name="log", per_s=per_s, burst=burst))
        self._left_out = 0

    def left_out(self) -> int | None:
        """How many events were left out since the last one that went in; None when this one is left out, too."""
        if not self._bucket.take():
            self._left_out += 1
            return None
        left_out, self._left_out = self._left_out, 0
        return left_out


class Denials:
    """The denials of one process."""

    def __init__(self) -> None:
        self._log = SparingLog()

    def note(self, scope: Scope, status: int, body: bytes) -> None:
        """An answer that denies; `body` is its problem."""
        try:
            said = _READ.decode(body)
        except (msgspec.DecodeError, msgspec.ValidationError):
            said = _DeniedProblem()
        permission = str(said.facts.get("permission", ""))
        runtime: Runtime | None = scope.get("yunquan.runtime")
        if runtime is not None:
            runtime.denied[said.code, permission] += 1
        left_out = self._log.left_out()
        if left_out is None:
            return
        principal = scope.get(PRINCIPAL_KEY)
        log.warning(
            "request.denied",
            status=status,
            code=said.code,
            permission=permission,
            method=scope["method"],
            route=route_of(scope),
            account_id="" if principal is None else str(principal.account_id),
            request_id=scope["yunquan.request_id"],
            left_out=left_out,
        )
