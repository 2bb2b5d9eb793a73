"""Serves hot routes without a router: token, permission, key, body, then the gatherer."""

import re
from collections.abc import Sequence
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import compile_path
from starlette.types import ASGIApp, Receive, Scope, Send

from shared.runtime.edge import allow, fault_response, principal_of, wait_preference_s
from shared.runtime.gather import Gatherer, Outcome
from shared.runtime.hot import HotCall, HotRoute
from shared.runtime.idempotency import CallKey, call_key
from shared.runtime.problems import BadRequest, VersionRequired, plain_problem
from shared.runtime.runtime import Runtime
from shared.runtime.wording import malformed_struct

_ENCODER = msgspec.json.Encoder()
_JSON = "application/json"
_API = "/api/"


class HotEndpoint:
    """One hot route of one running service."""

    def __init__(self, runtime: Runtime, route: HotRoute, gatherer: Gatherer) -> None:
        self._runtime = runtime
        self._route = route
        self._gatherer = gatherer
        self._decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(route.body)

    async def __call__(self, request: Request) -> Response:
        """Answer one request."""
        try:
            return await self._answer(request)
        except Exception as error:  # noqa: BLE001 - every refusal and fault becomes a problem here
            return fault_response(error, instance=request.scope["path"], request_id=request.scope["yunquan.request_id"])

    async def _answer(self, request: Request) -> Response:
        principal = allow(principal_of(request), self._route.permission)
        body = self._read(await request.body())
        key = call_key(
            request.headers.get("idempotency-key"),
            account=str(principal.account_id),
            method=self._route.method,
            path=request.scope["path"],
            body=_ENCODER.encode(body),
        )
        call = HotCall(principal=principal, path=request.path_params, version=self._version(request))
        wait_s = wait_preference_s(request) if self._route.awaits else 0.0
        outcome = await self._submit(body, call, key, wait_s)
        news = None
        if outcome.news is not None and outcome.news_key is not None:
            news = await self._runtime.waiters.wait(outcome.news_key, outcome.news, timeout_s=wait_s)
        return self._respond(outcome, news)

    async def _submit(self, body: Any, call: HotCall, key: CallKey, wait_s: float) -> Outcome:  # noqa: ANN401 - any body
        command = self._route.command(body, call)
        return await self._gatherer.submit(self._route, command, key, wants_news=wait_s > 0)

    def _read(self, raw: bytes) -> Any:  # noqa: ANN401 - the route's body
        try:
            return self._decoder.decode(raw or b"{}")
        except (msgspec.ValidationError, msgspec.DecodeError, UnicodeDecodeError) as error:
            raise malformed_struct(str(error)) from error

    def _version(self, request: Request) -> int | None:
        if self._route.if_match == "ignored":
            return None
        header = request.headers.get("if-match")
        if header is None:
            if self._route.if_match == "required":
                raise VersionRequired
            return None
        return parse_etag(header)

    def _respond(self, outcome: Outcome, news: object | None) -> Response:
        answer = outcome.answer
        headers = {}
        if answer.resource:
            headers["Location"] = answer.resource
        if outcome.replayed:
            headers["Idempotent-Replayed"] = "true"
        if answer.body is None:
            return gone_body(answer.resource)
        body = answer.body
        result = outcome.result
        if isinstance(news, dict) and result is not None:
            result = msgspec.structs.replace(result, **news)
            body = _ENCODER.encode(result)
        if isinstance(result, msgspec.Struct) and hasattr(result, "version"):
            headers["ETag"] = f'"{result.version}"'
        media_type = _JSON if answer.status < 400 else "application/problem+json"
        return Response(body, status_code=answer.status, media_type=media_type, headers=headers)


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
        response = await endpoint(Request(scope, receive))
        await response(scope, receive, send)

    def _find(self, scope: Scope) -> tuple[dict[str, str], HotEndpoint, Runtime] | None:
        path: str = scope["path"]
        service = path[len(_API) :].partition("/")[0] if path.startswith(_API) else ""
        for pattern, endpoint, runtime in self._endpoints.get((service, scope["method"]), ()):
            match = pattern.match(path)
            if match is not None:
                return match.groupdict(), endpoint, runtime
        return None
