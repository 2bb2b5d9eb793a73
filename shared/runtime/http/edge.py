"""The edge of HTTP: who calls, what is asked, bounds on bodies, and one place where refusals become responses.

Pure ASGI and plain functions; hot and cold routes share them.
"""

import itertools
import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final
from urllib.parse import parse_qsl

import asyncpg
import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.contracts.permissions import Permission
from shared.kernel.refusals import Refusal
from shared.runtime.auth.tokens import Principal
from shared.runtime.database.sql import is_transient
from shared.runtime.http.callers import PRINCIPAL_KEY, Callers
from shared.runtime.http.denials import DENIED, Denials, SparingLog
from shared.runtime.http.rates import RATE_KEY, Bucket
from shared.runtime.service.runtime import Runtime
from shared.runtime.validation.body_bounds import USUAL
from shared.runtime.validation.fields import CONTROL, check_whole
from shared.runtime.validation.problems import plain_problem, problem_response
from shared.runtime.validation.refusals import (
    BadRequest,
    BodyTooLarge,
    Overloaded,
    PermissionMissing,
    PersonRequired,
    Unavailable,
)
from shared.runtime.validation.wording import WAIT_NO_NUMBER

log = structlog.get_logger()

BODY_BYTES_MAX: Final = USUAL.bytes_max
"""How large a body may be where its route declares nothing else."""
BODIES_BYTES_MAX: Final = 32 * 1024 * 1024
"""How much of bodies that are read into memory may be held at the same time, over all requests of a process."""
REFUSALS_PER_S: Final = 50.0
REFUSALS_AT_ONCE: Final = 1_000
"""How many refused requests are told to the log: all, unless somebody floods."""
PATH_SHOWN_MAX: Final = 200
BOUND_KEY: Final = "yunquan.body_bytes_max"
"""In a request's scope: how large its body may be, as its route declares it."""
WAIT_S_MAX = 30.0
BAD_REQUEST: Final = 400


def runtime_of(request: Request) -> Runtime:
    """The running service that serves this request."""
    found: Runtime = request.scope["yunquan.runtime"]
    return found


def principal_of(request: Request) -> Principal:
    """The caller, from the bearer token. Raises: TokenInvalid, TokenExpired, RateExceeded."""
    known: Principal | None = request.scope.get(PRINCIPAL_KEY)
    if known is not None:
        return known
    authorization = request.headers.get("authorization", "")
    return runtime_of(request).ports.get(Callers).known(request.scope, authorization)


def person_of(request: Request) -> Principal:
    """The caller, who must be a person and no machine client. Raises: PersonRequired, and as `principal_of`."""
    principal = principal_of(request)
    if principal.client_id is not None:
        raise PersonRequired
    return principal


TELL_WHO: Final = frozenset({principal_of, person_of})
"""The dependencies that ask who calls and for no right."""


def require(permission: Permission) -> Callable[[Request], Principal]:
    """A dependency: the caller, who must hold `permission`. Raises: PermissionMissing."""

    def checked(request: Request) -> Principal:
        return allow(principal_of(request), permission)

    checked.permission = permission  # type: ignore[attr-defined] # read by the test of role x route
    return checked


def require_any(*permissions: Permission) -> Callable[[Request], Principal]:
    """A dependency: the caller, who must hold one of the permissions. Raises: PermissionMissing."""

    def checked(request: Request) -> Principal:
        principal = principal_of(request)
        if principal.permissions.isdisjoint(permissions):
            raise PermissionMissing(permission=permissions[0].value)
        return principal

    checked.permissions = permissions  # type: ignore[attr-defined] # read by the test of role x route
    return checked


def allow(principal: Principal, permission: Permission) -> Principal:
    """The same principal. Raises: PermissionMissing."""
    if permission not in principal.permissions:
        raise PermissionMissing(permission=permission.value)
    return principal


def wait_preference_s(prefer: str) -> float:
    """Seconds in a header `Prefer: wait=N` (RFC 7240), 0..30; 0 when absent. Raises: BadRequest."""
    for part in prefer.split(","):
        name, _, value = part.strip().partition("=")
        if name.strip().lower() == "wait":
            seconds = value.partition(";")[0].strip()
            # str.isdigit takes a superscript two, and float() does not.
            if not (seconds.isascii() and seconds.isdigit()):
                raise BadRequest(reason=WAIT_NO_NUMBER)
            return min(float(seconds), WAIT_S_MAX)
    return 0.0


def wait_preference(request: Request) -> float:
    """A dependency: how many seconds the caller lets its answer wait. Raises: BadRequest."""
    return wait_preference_s(",".join(request.headers.getlist("prefer")))


def refuse_query(
    query: bytes, *, known: frozenset[str], lists: frozenset[str] = frozenset(), whole: frozenset[str] = frozenset()
) -> None:
    """Refuse a query in which something had to be guessed.

    That is an unknown name, one that comes twice and is not of `lists`, a text that is not UTF-8 or holds control
    characters, and of the `whole` numbers one in another form than 0, 12 or -3. Raises: BadRequest that names it.
    """
    if not query:
        return
    try:
        given = parse_qsl(query.decode("latin-1"), keep_blank_values=True, errors="strict")
    except UnicodeDecodeError as error:
        raise BadRequest(reason="查询参数须为 UTF-8") from error
    met: set[str] = set()
    for name, value in given:
        pointer = f"/{name[:64]}"
        if name not in known:
            raise BadRequest(reason=f"不支持的查询参数：{name[:64]}", pointer=pointer)
        if name in met and name not in lists:
            raise BadRequest(reason=f"查询参数只能出现一次：{name}", pointer=pointer)
        if CONTROL.search(value) is not None:
            raise BadRequest(reason="文字中不得含有控制字符", pointer=pointer)
        if name in whole:
            check_whole(name, value)
        met.add(name)


_OUT_OF_RANGE = SparingLog()


def fault_response(error: Exception, *, instance: str, request_id: str = "") -> Response:
    """Any exception as a problem: refusals speak, faults of the moment are 503, the rest is a silent 500.

    A value that the database cannot take is the caller's: 400.
    """
    if isinstance(error, Refusal):
        return problem_response(error, instance=instance, request_id=request_id)
    if isinstance(error, ClientDisconnect):
        # Nobody is left to read it; a caller who goes away half-way is no fault of ours.
        return plain_problem(
            400, code="request.aborted", detail="请求未发送完整。", instance=instance, request_id=request_id
        )
    if is_transient(error):
        log.warning("request.unavailable", path=instance, error=type(error).__name__)
        return problem_response(Unavailable(), instance=instance, request_id=request_id)
    if isinstance(error, asyncpg.DataError):
        # No column holds such a value: a NUL in a text, a number or a moment out of range. The caller sent it.
        if (left_out := _OUT_OF_RANGE.left_out()) is not None:
            log.warning("request.out_of_range", path=instance, request_id=request_id, left_out=left_out, exc_info=error)
        out_of_range = BadRequest(reason="文字、数值或时间超出可用范围")
        return problem_response(out_of_range, instance=instance, request_id=request_id)
    log.error("request.failed", path=instance, request_id=request_id, exc_info=error)
    return plain_problem(
        500, code="service.fault", detail="系统内部错误，已记录，请稍后重试。", instance=instance, request_id=request_id
    )


# A name, not a secret: random for the process, counted within it.
_PROCESS = secrets.token_hex(4)
_REQUEST_IDS = (f"{_PROCESS}{number:08x}" for number in itertools.count(1))


class Edge:
    """Bounds the body, names the request, and answers for faults; wraps all routes of a host.

    HEAD goes to the routes as GET; the server leaves the body out.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._held_bytes = 0
        self.denials = Denials()
        self.refusals = SparingLog(per_s=REFUSALS_PER_S, burst=REFUSALS_AT_ONCE)

    def hold(self, size_bytes: int) -> None:
        """A part of a body was read into memory. Raises: Overloaded when all bodies together are too large."""
        self._held_bytes += size_bytes
        if self._held_bytes > BODIES_BYTES_MAX:
            raise Overloaded

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = next(_REQUEST_IDS)
        scope["yunquan.request_id"] = request_id
        guard = _Guard(self, scope, receive, send, request_id)
        if scope["method"] == "HEAD":
            scope["method"] = "GET"
        try:
            await self._app(scope, guard.receive, guard.send)
        except Exception as error:
            if guard.finished:
                # The application answered the fault itself and raised it again for the server's log.
                return
            if guard.started:
                raise
            response = fault_response(error, instance=scope["path"], request_id=request_id)
            await response(scope, receive, guard.send)
        finally:
            self._held_bytes -= guard.held_bytes


class _Guard:
    """Counts what is received and marks what is sent."""

    def __init__(self, edge: Edge, scope: Scope, receive: Receive, send: Send, request_id: str) -> None:
        self._edge = edge
        self._receive = receive
        self._send = send
        self._request_id = request_id.encode()
        self._scope = scope
        self._method = scope["method"]
        self._received_bytes = 0
        self.held_bytes = 0
        self._denied = 0
        self.started = False
        self.finished = False

    async def receive(self) -> Message:
        """Pass on a part of the body. Raises: BodyTooLarge, Overloaded."""
        message = await self._receive()
        size_bytes = len(message.get("body", b""))
        self._received_bytes += size_bytes
        limit_bytes = self._scope.get(BOUND_KEY, BODY_BYTES_MAX)
        if self._received_bytes > limit_bytes:
            raise BodyTooLarge(limit_bytes=limit_bytes)
        # What may be larger is a file, whose parts go to disk as they come.
        if limit_bytes <= BODY_BYTES_MAX:
            self.held_bytes += size_bytes
            self._edge.hold(size_bytes)
        return message

    def _note(self, status: int) -> None:
        """Whoever was refused may quote the id of the request, so it is logged; denials have lines of their own."""
        if status in DENIED:
            return
        left_out = self._edge.refusals.left_out()
        if left_out is None:
            return
        log.info(
            "request.refused",
            status=status,
            method=self._method,
            path=self._scope["path"][:PATH_SHOWN_MAX],
            request_id=self._request_id.decode(),
            left_out=left_out,
        )

    async def send(self, message: MutableMapping[str, Any]) -> None:
        """Pass on a part of the response with the headers every response has."""
        if message["type"] == "http.response.start":
            self.started = True
            if message["status"] >= BAD_REQUEST:
                self._note(message["status"])
            # The server looks again at what was asked.
            self._scope["method"] = self._method
            message["headers"] = [
                *message.get("headers", []),
                (b"request-id", self._request_id),
                (b"x-content-type-options", b"nosniff"),
                (b"cache-control", b"no-store"),
            ]
            bucket: Bucket | None = self._scope.get(RATE_KEY)
            if bucket is not None:
                message["headers"] += bucket.fields()
            if message["status"] in DENIED:
                self._denied = message["status"]
        elif message["type"] == "http.response.body":
            self.finished = not message.get("more_body", False)
            if self._denied:
                self._edge.denials.note(self._scope, self._denied, message.get("body", b""))
                self._denied = 0
        await self._send(message)


Endpoint = Callable[[Request], Awaitable[Response]]
