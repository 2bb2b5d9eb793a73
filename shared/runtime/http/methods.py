"""Which methods an address takes: what RFC 9110 wants said where one is refused (15.5.6)."""

from starlette.requests import Request
from starlette.routing import Match, Mount, compile_path

from shared.runtime.service.runtime import Runtime

_METHODS = ("DELETE", "GET", "PATCH", "POST", "PUT")


def allowed_methods(request: Request) -> list[str]:
    """The methods of every route with this path, hot and cold, in order; empty where there is no such path."""
    scope = request.scope
    # What is mounted takes every path below it, and answers for its methods itself.
    routes = [route for route in request.app.routes if not isinstance(route, Mount)]
    found = {
        method
        for method in _METHODS
        if any(route.matches({**scope, "method": method})[0] is Match.FULL for route in routes)
    }
    runtime: Runtime | None = scope.get("yunquan.runtime")
    if runtime is not None:
        path = scope["path"].removeprefix(scope["root_path"])
        found |= {route.method for route in runtime.service.hot_routes if compile_path(route.path)[0].match(path)}
    if "GET" in found:
        found.add("HEAD")
    return sorted(found)
