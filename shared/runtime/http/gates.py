"""Who may send a body at all: the caller and the permission of a cold route are checked before its body is read.

FastAPI reads and parses a body before it asks any dependency. This layer stands before it, finds the route of a
request, runs what the route requires of its caller, and only then lets the body in, within the bounds that the route
declares.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, iter_route_contexts
from starlette.requests import Request
from starlette.routing import BaseRoute, compile_path
from starlette.types import Message, Receive, Scope, Send

from shared.contracts.http.lists import ASKED
from shared.kernel.refusals import invariant
from shared.runtime.http.admission import admit, takes_of
from shared.runtime.http.batching.dispatch import body_of
from shared.runtime.http.callers import Callers
from shared.runtime.http.edge import BOUND_KEY, TELL_WHO, fault_response
from shared.runtime.validation.body_bounds import USUAL, BodyBounds, check_json
from shared.runtime.validation.headers import refuse_repeated
from shared.runtime.validation.json_form import check_form
from shared.runtime.validation.media_types import check_json_type
from shared.runtime.validation.refusals import BadRequest

BOUNDS_ATTRIBUTE: Final = "body_bounds"
"""A dependency that takes a body in says with this attribute how large it may be."""


@dataclass(frozen=True, slots=True)
class _Gate:
    """One cold route: its path, what it requires of a caller, and what it takes."""

    route: BaseRoute
    pattern: re.Pattern[str]
    checks: Sequence[Callable[[Request], object]]
    bounds: BodyBounds
    takes_json: bool


class Gates:
    """Stands before the cold routes of one service."""

    def __init__(self, app: FastAPI, callers: Callers) -> None:
        self._app = app
        self._callers = callers
        self._gates: Mapping[str, Sequence[_Gate]] = _gates_of(app)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        asked = ASKED.set((scope["path"], scope["query_string"]))
        try:
            await self._serve(scope, receive, send)
        finally:
            ASKED.reset(asked)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            gate = self._find(scope)
            self._refuse_repeated(scope)
            if gate is None or not gate.checks:
                self._callers.stranger(scope)
            if gate is not None:
                receive = await _let_in(gate, scope, receive)
        except Exception as error:  # noqa: BLE001 - every refusal and fault becomes a problem here
            answer = fault_response(error, instance=scope["path"], request_id=scope["yunquan.request_id"])
            await answer(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _refuse_repeated(self, scope: Scope) -> None:
        """Of two tokens neither says who calls. Raises: BadRequest, RateExceeded."""
        try:
            refuse_repeated([name for name, _ in scope["headers"]])
        except BadRequest:
            self._callers.stranger(scope)
            raise

    def _find(self, scope: Scope) -> _Gate | None:
        path = scope["path"].removeprefix(scope["root_path"])
        for gate in self._gates.get(scope["method"], ()):
            found = gate.pattern.match(path)
            if found is not None:
                # So that the template of the route is known of what is refused here, too.
                scope["route"] = gate.route
                scope["path_params"] = {**scope.get("path_params", {}), **found.groupdict()}
                return gate
        return None


async def _let_in(gate: _Gate, scope: Scope, receive: Receive) -> Receive:
    """What the route receives from.

    Raises: what its checks and `admit` raise, BodyTooLarge, MediaTypeUnsupported, the refusals of check_json.
    """
    request = Request(scope)
    for check in gate.checks:
        check(request)
    if isinstance(gate.route, APIRoute):
        admit(request, takes_of(gate.route))
    scope[BOUND_KEY] = gate.bounds.bytes_max
    if not gate.takes_json:
        return receive
    raw = await body_of(receive)
    if raw:
        check_json_type(request.headers.get("content-type"))
    check_json(raw, gate.bounds)
    if raw:
        check_form(raw)
    return _again(raw, receive)


def _again(raw: bytes, receive: Receive) -> Receive:
    """A receive that gives the body that was read already, and afterwards what the server says."""
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": raw, "more_body": False}

    return again


def _gates_of(app: FastAPI) -> Mapping[str, Sequence[_Gate]]:
    gates: dict[str, list[_Gate]] = {}
    for route in iter_route_contexts(app.routes):
        dependant = getattr(route, "dependant", None)
        if dependant is None or route.path is None:
            continue
        pattern, _, _ = compile_path(route.path)
        bounds = next(_declared(dependant, BOUNDS_ATTRIBUTE), USUAL)
        gate = _Gate(
            route.original_route, pattern, list(_checks(dependant)), bounds, takes_json=route.body_field is not None
        )
        for method in route.methods or ():
            gates.setdefault(method, []).append(gate)
    return gates


def _checks(dependant: Dependant) -> Iterator[Callable[[Request], object]]:
    """The dependencies that say who may call: those with a permission, and the one that only wants to know who."""
    call: Any = dependant.call
    if call in TELL_WHO or hasattr(call, "permission") or hasattr(call, "permissions"):
        alone = not dependant.dependencies and dependant.request_param_name is not None
        asked = [*dependant.path_params, *dependant.query_params, *dependant.header_params, *dependant.body_params]
        invariant(alone and not asked, f"{call} asks for more than the request, so it cannot be asked before the body")
        yield call
        return
    for inner in dependant.dependencies:
        yield from _checks(inner)


def _declared(dependant: Dependant, attribute: str) -> Iterator[Any]:
    found = getattr(dependant.call, attribute, None)
    if found is not None:
        yield found
    for inner in dependant.dependencies:
        yield from _declared(inner, attribute)
