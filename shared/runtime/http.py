"""Cold HTTP: commands with idempotency in one transaction, views on a reading connection, FastAPI around both."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, TypeVar

import asyncpg
import msgspec
from fastapi import Depends, Header, Request
from pydantic import BaseModel, model_validator
from pydantic_core import PydanticCustomError
from starlette.responses import Response

from shared.kernel.refusals import Refusal
from shared.runtime.auth.tokens import Principal
from shared.runtime.db import Connection, is_transient
from shared.runtime.edge import principal_of, runtime_of
from shared.runtime.hot_http import gone_body, parse_etag
from shared.runtime.idempotency import Answer, CallKey, call_key, find_answers, keep_answer, replayed
from shared.runtime.problems import Unavailable, encode_problem
from shared.runtime.runtime import Runtime
from shared.runtime.watching.current import current_traceparent
from shared.runtime.work import Actor, Work

TRIES_MAX = 4
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
C = TypeVar("C")
R = TypeVar("R")


def holds_control_characters(value: object) -> bool:
    """Whether a text anywhere in a JSON value holds one: PostgreSQL stores no NUL, and a terminal obeys the others."""
    if isinstance(value, str):
        return _CONTROL.search(value) is not None
    if isinstance(value, dict):
        return any(holds_control_characters(part) for pair in value.items() for part in pair)
    return isinstance(value, list) and any(holds_control_characters(part) for part in value)


class Body(BaseModel):
    """A request body: unknown fields are refused, and control characters but tab and line ends."""

    model_config = {"extra": "forbid", "frozen": True, "str_strip_whitespace": True}

    @model_validator(mode="before")
    @classmethod
    def _refuse_control_characters(cls, given: Any) -> Any:  # noqa: ANN401 - JSON of any form
        if holds_control_characters(given):
            raise PydanticCustomError("control_character", "文字中不得含有控制字符")
        return given


class Resource(BaseModel):
    """A response body."""

    model_config = {"frozen": True, "from_attributes": True}


def to_json(result: Any) -> bytes:  # noqa: ANN401 - pydantic, msgspec or plain values
    """The JSON of a response body."""
    if isinstance(result, BaseModel):
        return result.model_dump_json().encode()
    return msgspec.json.encode(result)


def actor_of(principal: Principal) -> Actor:
    """The principal as the actor of a Work; its first role by name stands for it."""
    return Actor(
        account_id=principal.account_id,
        organisation_id=principal.organisation_id,
        role=min(role.value for role in principal.roles) if principal.roles else "",
    )


class Commands:
    """Runs one cold command of one request: key replay, handler, stored answer, commit."""

    def __init__(
        self,
        request: Request,
        idempotency_key: Annotated[str | None, Header(description="同一请求重试时使用同一个键，只会执行一次")] = None,
    ) -> None:
        # Declared so that the documents show it; its form is checked where the request's fingerprint is made.
        del idempotency_key
        self._request = request
        self._runtime: Runtime = runtime_of(request)

    @property
    def expected_version(self) -> int | None:
        """The version in If-Match, or None. Raises: BadRequest."""
        header = self._request.headers.get("if-match")
        return None if header is None else parse_etag(header)

    async def run(
        self,
        handler: Callable[[Work, C], Awaitable[R]],
        command: C,
        *,
        status: int = 200,
        location: Callable[[R], str] | None = None,
        account: str | None = None,
    ) -> Response:
        """Run `handler` once for this Idempotency-Key and answer with what it returned.

        `account` scopes the key where nobody is signed in (registration). Rule and state refusals are stored with the
        key; those before execution are not. Raises: Refusal.
        """
        raw = await self._request.body()
        scope = account or str(principal_of(self._request).account_id)
        path = self._request.url.path
        header = self._request.headers.get("idempotency-key")
        key = call_key(
            header, account=scope, method=self._request.method, path=path, query=self._request.url.query, body=raw
        )
        for attempt in range(1, TRIES_MAX + 1):
            try:
                return await self._once(handler, command, key, status, location)
            except Exception as error:
                again = is_transient(error) or (
                    isinstance(error, asyncpg.UniqueViolationError) and error.table_name == "idempotency"
                )
                if not again or attempt == TRIES_MAX:
                    raise
                await asyncio.sleep(0.02 * 4**attempt)
        raise Unavailable

    async def _once(
        self,
        handler: Callable[[Work, C], Awaitable[R]],
        command: C,
        key: CallKey,
        status: int,
        location: Callable[[R], str] | None,
    ) -> Response:
        refusal: Refusal | None = None
        try:
            async with self._runtime.work(traceparent=current_traceparent()) as work:
                found = await find_answers(work.connection, [key])
                if found:
                    answer = replayed(key, found[key.scope, key.key])
                    return respond(answer, replay=True)
                result = await handler(work, command)
                body = to_json(result) if status != 204 else b""
                answer = Answer(status, body, location(result) if location else "")
                keep_answer(work, key, answer)
        except Refusal as error:
            refusal = error
        if refusal is not None:
            return await self._refused(refusal, key)
        return respond(answer, etag=getattr(result, "version", None))

    async def _refused(self, refusal: Refusal, key: CallKey) -> Response:
        """Store a decided "no" with its key, after the effects of the attempt were rolled back."""
        status, body = encode_problem(refusal, instance=self._request.url.path)
        if status not in {409, 422} or refusal.code.startswith("idempotency."):
            raise refusal
        async with self._runtime.work() as work:
            found = await find_answers(work.connection, [key])
            if found:
                # The same call came twice at once, and the other one has decided meanwhile: this "no" is its echo.
                return respond(replayed(key, found[key.scope, key.key]), replay=True)
            keep_answer(work, key, Answer(status, body, ""))
        return Response(body, status_code=status, media_type="application/problem+json")


def respond(answer: Answer, *, replay: bool = False, etag: object | None = None) -> Response:
    """A stored answer as a response."""
    headers = {"Idempotent-Replayed": "true"} if replay else {}
    if answer.resource:
        headers["Location"] = answer.resource
    if etag is not None:
        headers["ETag"] = f'"{etag}"'
    if answer.body is None:
        return gone_body(answer.resource)
    media_type = "application/json" if answer.status < 400 else "application/problem+json"
    return Response(answer.body, status_code=answer.status, media_type=media_type, headers=headers)


async def reading(request: Request) -> Any:  # noqa: ANN401 - FastAPI turns the generator into a dependency
    """A connection for the length of one request."""
    async with runtime_of(request).reading() as connection:
        yield connection


Run = Annotated[Commands, Depends(Commands)]
"""A dependency: runs the request's command."""
# Given back before the answer is sent: a caller who reads slowly, or not at all, holds no connection.
Reading = Annotated[Connection, Depends(reading, scope="function")]
"""A dependency: a connection for views."""
