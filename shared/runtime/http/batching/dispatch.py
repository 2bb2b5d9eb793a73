"""Serves hot routes without a router: token, permission, key, body, then the batcher."""

import re
from collections.abc import Sequence

import msgspec
from starlette.requests import ClientDisconnect
from starlette.routing import compile_path
from starlette.types import ASGIApp, Receive, Scope, Send

from shared.runtime.http.batching.batcher import CallOutcome, CommandBatcher
from shared.runtime.http.batching.bodies import read_body
from shared.runtime.http.callers import Callers, tenant_of
from shared.runtime.http.edge import BOUND_KEY, allow, fault_response, refuse_query, wait_preference_s
from shared.runtime.http.idempotency import StoredAnswer, call_key, respond
from shared.runtime.service.hot_routes import HotCall, HotRoute
from shared.runtime.service.runtime import Runtime
from shared.runtime.validation.headers import headers_of
from shared.runtime.validation.problems import problem_response
from shared.runtime.validation.refusals import BadRequest, VersionRequired

_ENCODER = msgspec.json.Encoder()
_JSON = (b"content-type", b"application/json")
_API = "/api/"


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

    def __init__(self, runtime: Runtime, route: HotRoute, batcher: CommandBatcher) -> None:
        self._runtime = runtime
        self._route = route
        self._batcher = batcher
        self._callers = runtime.ports.get(Callers)
        self._address = f"{_API}{runtime.service.name}/v1{route.path}"

    async def __call__(self, scope: Scope, receive: Receive) -> ASGIApp:
        """The answer to one request."""
        try:
            return await self._answer(scope, receive)
        except Exception as error:  # noqa: BLE001 - every refusal and fault becomes a problem here
            return fault_response(error, instance=scope["path"], request_id=scope["yunquan.request_id"])

    async def _answer(self, scope: Scope, receive: Receive) -> ASGIApp:
        try:
            headers = headers_of(scope)
        except BadRequest:
            self._callers.stranger(scope)
            raise
        principal = allow(self._callers.known(scope, headers.get(b"authorization", "")), self._route.permission)
        refuse_query(scope["query_string"], known=frozenset())
        wait_s = wait_preference_s(headers.get(b"prefer", "")) if self._route.awaits else 0.0
        scope[BOUND_KEY] = self._route.bounds.bytes_max
        body = read_body(self._route, await body_of(receive), headers.get(b"content-type"))
        version = self._version(headers.get(b"if-match"))
        key = call_key(
            headers.get(b"idempotency-key"),
            account=str(principal.account_id),
            method=self._route.method,
            route=self._address,
            path=scope["path"],
            body=body.model_dump_json().encode(),
        )
        call = HotCall(principal=principal, path=scope["path_params"], expected_version=version)
        command = self._route.command(body, call)
        outcome = await self._batcher.submit(self._route, command, key, wants_news=wait_s > 0)
        if outcome.result is None:
            return await self._again(outcome, scope, wait_s)
        news = None
        if outcome.news is not None and outcome.news_key is not None:
            news = await self._runtime.waiters.wait(outcome.news_key, outcome.news, timeout_s=wait_s)
        return self._first(outcome, news)

    async def _again(self, outcome: CallOutcome, scope: Scope, wait_s: float) -> ASGIApp:
        """A refusal, or the answer of a call that came before.

        Where callers wait for news, the first answer may have told more than what was stored with the key, and another
        caller may have moved the resource since: a replay tells how it stands now.
        """
        about: dict[str, str] = {"instance": scope["path"], "request_id": scope["yunquan.request_id"]}
        if outcome.refusal is not None:
            return problem_response(outcome.refusal, **about)
        answer, awaits, read = outcome.answer, self._route.awaits, self._runtime.service.present
        if answer.body is not None and answer.status < 400 and awaits is not None and read is not None:
            result = msgspec.json.decode(answer.body, type=self._route.answer)
            key = awaits(result)
            waiters = self._runtime.waiters
            # Where nobody looks for news, a caller that comes after it would wait in vain.
            news = waiters.register(key) if wait_s > 0 and self._runtime.service.news is not None else None
            if news is not None:
                await waiters.wait(key, news, timeout_s=wait_s)
            async with self._runtime.reading(tenant=tenant_of(scope)) as connection:
                present = await read(connection, [key])
            if key in present:
                result = msgspec.structs.replace(result, **present[key])
                answer = StoredAnswer(answer.status, _ENCODER.encode(result), answer.resource)
        return respond(answer, replay=True, **about)

    def _version(self, if_match: str | None) -> int | None:
        if self._route.if_match == "ignored":
            return None
        if if_match is None:
            if self._route.if_match == "required":
                raise VersionRequired
            return None
        return parse_etag(if_match)

    def _first(self, outcome: CallOutcome, news: object | None) -> ASGIApp:
        answer, result = outcome.answer, outcome.result
        body = answer.body or b""
        if isinstance(news, dict):
            result = msgspec.structs.replace(result, **news)
            body = _ENCODER.encode(result)
        headers = [(b"content-length", b"%d" % len(body)), _JSON]
        if answer.resource:
            headers.append((b"location", answer.resource.encode("latin-1")))
        if hasattr(result, "version"):
            headers.append((b"etag", b'"%d"' % result.version))
        return Ready(answer.status, headers, body)


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


def parse_etag(header: str) -> int:
    """The version in an If-Match header. Raises: BadRequest."""
    text = header.strip().removeprefix("W/").strip('"')
    # str.isdigit takes a superscript two, and int() does not.
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
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
            batcher = CommandBatcher(runtime)
            for route in runtime.service.hot_routes:
                pattern, _, _ = compile_path(f"{_API}{runtime.service.name}/v1{route.path}")
                found = self._endpoints.setdefault((runtime.service.name, route.method), [])
                found.append((pattern, HotEndpoint(runtime, route, batcher), runtime))

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
