"""Serves hot routes without a router: token, permission, key, body, then the gatherer."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.routing import compile_path
from starlette.types import ASGIApp, Receive, Scope, Send

from shared.runtime.body_bounds import check_json
from shared.runtime.callers import Callers
from shared.runtime.edge import BOUND_KEY, allow, fault_response, wait_preference_s
from shared.runtime.gather import Gatherer, Outcome
from shared.runtime.hot import HotCall, HotRoute
from shared.runtime.idempotency import CallKey, call_key
from shared.runtime.problems import BadRequest, VersionRequired, plain_problem
from shared.runtime.runtime import Runtime
from shared.runtime.wording import malformed_struct

_ENCODER = msgspec.json.Encoder()
_JSON = b"application/json"
_PROBLEM = b"application/problem+json"
_API = "/api/"
_READ = frozenset({b"authorization", b"idempotency-key", b"if-match", b"prefer"})


class Ready:
    """A response whose bytes are at hand; Starlette's own encodes and looks through its headers again."""

    __slots__ = ("_body", "_headers", "_status")

    def __init__(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        self._status = status
        self._headers = headers
        self._body = body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        del scope, receive
        await send({"type": "http.response.start", "status": self._status, "headers": self._headers})
        await send({"type": "http.response.body", "body": self._body})


class HotEndpoint:
    """One hot route of one running service."""

    def __init__(self, runtime: Runtime, route: HotRoute, gatherer: Gatherer) -> None:
        self._runtime = runtime
        self._route = route
        self._gatherer = gatherer
        self._callers = runtime.ports.get(Callers)
        self._decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(route.body)

    async def __call__(self, scope: Scope, receive: Receive) -> ASGIApp:
        """The answer to one request."""
        try:
            return await self._answer(scope, receive)
        except Exception as error:  # noqa: BLE001 - every refusal and fault becomes a problem here
            return fault_response(error, instance=scope["path"], request_id=scope["yunquan.request_id"])

    async def _answer(self, scope: Scope, receive: Receive) -> ASGIApp:
        headers = headers_of(scope)
        principal = allow(self._callers.known(scope, headers.get(b"authorization", "")), self._route.permission)
        scope[BOUND_KEY] = self._route.bounds.bytes_max
        body = self._read(await body_of(receive))
        key = call_key(
            headers.get(b"idempotency-key"),
            account=str(principal.account_id),
            method=self._route.method,
            path=scope["path"],
            body=_ENCODER.encode(body),
        )
        call = HotCall(principal=principal, path=scope["path_params"], version=self._version(headers.get(b"if-match")))
        wait_s = wait_preference_s(headers.get(b"prefer", "")) if self._route.awaits else 0.0
        outcome = await self._submit(body, call, key, wait_s)
        news = None
        if outcome.news is not None and outcome.news_key is not None:
            news = await self._runtime.waiters.wait(outcome.news_key, outcome.news, timeout_s=wait_s)
        return self._respond(outcome, news)

    async def _submit(self, body: Any, call: HotCall, key: CallKey, wait_s: float) -> Outcome:  # noqa: ANN401 - any body
        command = self._route.command(body, call)
        return await self._gatherer.submit(self._route, command, key, wants_news=wait_s > 0)

    def _read(self, raw: bytes) -> Any:  # noqa: ANN401 - the route's body
        check_json(raw, self._route.bounds)
        try:
            return self._decoder.decode(raw or b"{}")
        except (msgspec.ValidationError, msgspec.DecodeError, UnicodeDecodeError) as error:
            raise malformed_struct(str(error)) from error

    def _version(self, if_match: str | None) -> int | None:
        if self._route.if_match == "ignored":
            return None
        if if_match is None:
            if self._route.if_match == "required":
                raise VersionRequired
            return None
        return parse_etag(if_match)

    def _respond(self, outcome: Outcome, news: object | None) -> ASGIApp:
        answer, result = outcome.answer, outcome.result
        body = answer.body
        if body is None:
            return gone_body(answer.resource)
        if isinstance(news, dict) and result is not None:
            result = msgspec.structs.replace(result, **news)
            body = _ENCODER.encode(result)
        headers = [
            (b"content-length", b"%d" % len(body)),
            (b"content-type", _JSON if answer.status < 400 else _PROBLEM),
        ]
        if answer.resource:
            headers.append((b"location", answer.resource.encode("latin-1")))
        if outcome.replayed:
            headers.append((b"idempotent-replayed", b"true"))
        if isinstance(result, msgspec.Struct) and hasattr(result, "version"):
            headers.append((b"etag", b'"%d"' % result.version))
        return Ready(answer.status, headers, body)


def headers_of(scope: Scope) -> Mapping[bytes, str]:
    """What a hot route reads of a request's headers, the first of each name."""
    return {name: value.decode("latin-1") for name, value in reversed(scope["headers"]) if name in _READ}


async def body_of(receive: Receive) -> bytes:
    """The whole body of a request. Raises: ClientDisconnect, BodyTooLarge (by the edge)."""
    parts: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


def gone_body(resource: str) -> Response:
    """The answer of a key whose stored body is past its 30 days: 409 that names the resource."""
    return plain_problem(409, code="idempotency.body_expired", detail=f"该请求早已完成，请读取 {resource}")


def parse_etag(header: str) -> int:
    """The version in an If-Match header. Raises: BadRequest."""
    text = header.strip().removeprefix("W/").strip('"')
    if not text.isdigit() or len(text) > 9:
        raise BadRequest(reason="If-Match 必须是读取资源时得到的 ETag")
    return int(text)


class HotFirst:
    """Answers hot routes before any router is asked; everything else goes on to the application behind it.

    Two nested applications with their own middleware cost a hot request more than its own work does.
    """

    def __init__(self, app: ASGIApp, runtimes: Sequence[Runtime]) -> None:
        self._app = app
        self._endpoints: dict[tuple[str, str], list[tuple[re.Pattern[str], HotEndpoint, Runtime]]] = {}
        for runtime in runtimes:
            gatherer = Gatherer(runtime)
            for route in runtime.service.hot_routes:
                pattern, _, _ = compile_path(f"{_API}{runtime.service.name}/v1{route.path}")
                found = self._endpoints.setdefault((runtime.service.name, route.method), [])
                found.append((pattern, HotEndpoint(runtime, route, gatherer), runtime))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        found = self._find(scope) if scope["type"] == "http" else None
        if found is None:
            await self._app(scope, receive, send)
            return
        scope["path_params"], endpoint, scope["yunquan.runtime"] = found
        answer = await endpoint(scope, receive)
        await answer(scope, receive, send)

    def _find(self, scope: Scope) -> tuple[dict[str, str], HotEndpoint, Runtime] | None:
        path: str = scope["path"]
        service = path[len(_API) :].partition("/")[0] if path.startswith(_API) else ""
        for pattern, endpoint, runtime in self._endpoints.get((service, scope["method"]), ()):
            match = pattern.match(path)
            if match is not None:
                return match.groupdict(), endpoint, runtime
        return None
