"""Rate, errors and duration of every route, and the span of every request: one thin layer around all routes."""

import time
from collections.abc import Mapping, MutableMapping, Sequence
from typing import Any, Protocol

from starlette.routing import Mount
from starlette.types import ASGIApp, Receive, Scope, Send

from shared.runtime.service.runtime import Runtime
from shared.runtime.tracing.current import REQUEST, TRACEPARENT_KEY, read_traceparent

METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})
NO_ROUTE = "none"
ABORTED = 499
"""The caller went away before it was answered; the number is the one that nginx uses."""

_API = "/api/"
_UNWATCHED = frozenset({"/health/live", "/health/ready", "/metrics"})


class RequestCounts(Protocol):
    """Who keeps count of requests."""

    def answered(self, service: str, route: str, method: str, *, status: int, duration_s: float) -> None:
        """One request was answered."""
        ...


class Requests:
    """Counts and traces every request; the application behind it answers."""

    def __init__(self, app: ASGIApp, runtimes: Sequence[Runtime], *, counts: RequestCounts) -> None:
        self._app = app
        self._counts = counts
        self._runtimes: Mapping[str, Runtime] = {runtime.service.name: runtime for runtime in runtimes}
        self._home = runtimes[0].service.name if len(runtimes) == 1 else "platform"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http" or scope["path"] in _UNWATCHED:
            await self._app(scope, receive, send)
            return
        status = ABORTED

        async def sending(message: MutableMapping[str, Any]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        given = next((value for name, value in scope["headers"] if name == b"traceparent"), b"")
        scope[TRACEPARENT_KEY] = read_traceparent(given.decode("latin-1")) if given else ""
        span = self._begin_span(scope)
        token = REQUEST.set(scope)
        began_s = time.perf_counter()
        try:
            await self._app(scope, receive, sending)
        except Exception:
            status = 500
            raise
        finally:
            duration_s = time.perf_counter() - began_s
            REQUEST.reset(token)
            runtime = scope.get("yunquan.runtime")
            service = self._home if runtime is None else runtime.service.name
            method = scope["method"] if scope["method"] in METHODS else "other"
            route = route_of(scope)
            self._counts.answered(service, route, method, status=status, duration_s=duration_s)
            if span is not None:
                span.end(route=route, method=method, status=status)

    def _begin_span(self, scope: Scope) -> Any:  # noqa: ANN401 - a span of the tracer, where there is one
        path: str = scope["path"]
        runtime = self._runtimes.get(path[len(_API) :].partition("/")[0]) if path.startswith(_API) else None
        if runtime is None or runtime.tracing is None:
            return None
        span = runtime.tracing.begin_request(scope["method"], parent=scope[TRACEPARENT_KEY])
        scope[TRACEPARENT_KEY] = span.traceparent
        return span


def route_of(scope: Mapping[str, Any]) -> str:
    """The template of the route that answered, never the path itself: an id in a label would make a series each."""
    # A mounted application stays the route where none of its own routes answered.
    if "yunquan.runtime" not in scope or isinstance(scope.get("route"), Mount):
        return NO_ROUTE
    path: str = scope["path"]
    for name, value in scope.get("path_params", {}).items():
        before, found, after = path.rpartition(f"/{value}")
        path = f"{before}/{{{name}}}{after}" if found else path
    return path
