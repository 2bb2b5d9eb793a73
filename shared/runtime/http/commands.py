"""Cold HTTP: commands with idempotency in one transaction, views on a reading connection, FastAPI around both."""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from contextlib import AbstractAsyncContextManager
from typing import Annotated, Any, ClassVar, TypeVar

import asyncpg
import msgspec
from fastapi import Depends, Request
from fastapi.routing import APIRoute
from pydantic import BaseModel, GetCoreSchemaHandler, model_validator
from pydantic_core import CoreSchema, PydanticCustomError
from starlette.responses import Response

from shared.kernel.refusals import Refusal
from shared.runtime.auth.tokens import Principal
from shared.runtime.database.sql import Connection, DriverConnection, is_transient
from shared.runtime.http.batching.dispatch import parse_etag
from shared.runtime.http.callers import tenant_of
from shared.runtime.http.edge import principal_of, runtime_of
from shared.runtime.http.idempotency import (
    SHOWN_ONCE,
    CallKey,
    StoredAnswer,
    call_key,
    canonical,
    claim_key,
    keep_answer,
    replayed,
    respond,
)
from shared.runtime.service.runtime import Runtime
from shared.runtime.tracing.current import current_traceparent
from shared.runtime.unit_of_work.work import Actor, Work
from shared.runtime.validation.fields import CONTROL, strict
from shared.runtime.validation.problems import encode_problem, is_kept
from shared.runtime.validation.refusals import Unavailable, VersionRequired

TRIES_MAX = 4
C = TypeVar("C")
R = TypeVar("R")


def holds_control_characters(value: object) -> bool:
    """Whether a text anywhere in a JSON value holds one: PostgreSQL stores no NUL, and a terminal obeys the others."""
    # A list, not a recursion: JSON may be nested deeper than Python may call.
    left = [value]
    while left:
        part = left.pop()
        if isinstance(part, str):
            if CONTROL.search(part) is not None:
                return True
        elif isinstance(part, dict):
            left += part.keys()
            left += part.values()
        elif isinstance(part, list):
            left += part
    return False


class Body(BaseModel):
    """A request body in which nothing is guessed: no unknown fields, no control characters but tab and line ends.

    A number is a number, a boolean a boolean, and a date or moment is written as RFC 3339 has it.
    """

    model_config = {"extra": "forbid", "frozen": True, "str_strip_whitespace": True}

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:  # noqa: ANN401 - pydantic's own hook
        """Pydantic's schema of the model, made strict."""
        return strict(handler(source))

    @model_validator(mode="before")
    @classmethod
    def _refuse_control_characters(cls, given: Any) -> Any:  # noqa: ANN401 - JSON of any form
        if holds_control_characters(given):
            raise PydanticCustomError("control_character", "文字中不得含有控制字符")
        return given


def to_json(result: Any) -> bytes:  # noqa: ANN401 - pydantic, msgspec or plain values
    """The JSON of a response body."""
    if isinstance(result, BaseModel):
        return result.model_dump_json().encode()
    return msgspec.json.encode(result)


def actor_of(principal: Principal) -> Actor:
    """The principal as the actor of a Work; its first role by name stands for it, of a client as `provider_client`."""
    role = min(role.value for role in principal.roles) if principal.roles else ""
    return Actor(
        account_id=principal.account_id,
        organisation_id=principal.organisation_id,
        role=role if principal.client_id is None else f"{role}_client",
    )


class Commands:
    """Runs one cold command of one request: key replay, handler, stored answer, commit.

    That the key has its form is checked with everything else that is refused before the body (`admission`).
    """

    def __init__(self, request: Request) -> None:
        self._request = request
        self._runtime: Runtime = runtime_of(request)

    def fingerprint(self, body: bytes) -> bytes:
        """What stands for a body in the hash that is stored with the key."""
        return body

    async def run(  # noqa: PLR0913 - how one command is answered
        self,
        handler: Callable[[Work, C], Awaitable[R]],
        command: C,
        *,
        status: int = 200,
        location: Callable[[R], str] | None = None,
        account: str | None = None,
        shown_once: Collection[str] = (),
    ) -> Response:
        """Run `handler` once for this Idempotency-Key and answer with what it returned.

        `account` scopes the key where nobody is signed in (registration). `shown_once` names fields that hold a secret:
        they are never stored, and a replay masks them. Refusals that would be the same whenever they are asked are
        stored with the key; those of the moment and those before execution are not. Raises: Refusal.
        """
        key = await self._key(account)
        for attempt in range(1, TRIES_MAX + 1):
            try:
                return await self._once(handler, command, key, _Answering(status, location, frozenset(shown_once)))
            except Exception as error:
                again = is_transient(error) or (
                    isinstance(error, asyncpg.UniqueViolationError) and error.table_name == "idempotency"
                )
                if not again or attempt == TRIES_MAX:
                    raise
                await asyncio.sleep(0.02 * 4**attempt)
        raise Unavailable

    async def _key(self, account: str | None) -> CallKey:
        request, route = self._request, self._request.scope["route"]
        template = route.path if isinstance(route, APIRoute) else request.url.path
        return call_key(
            request.headers.get("idempotency-key"),
            account=account or str(principal_of(request).account_id),
            method=request.method,
            route=f"{request.scope['root_path']}{template}",
            path=request.url.path,
            query=request.url.query,
            body=self.fingerprint(canonical(await request.body())),
            anonymous=account is not None,
        )

    async def _once(
        self, handler: Callable[[Work, C], Awaitable[R]], command: C, key: CallKey, answering: "_Answering"
    ) -> Response:
        try:
            async with self._runtime.work(traceparent=current_traceparent()) as work:
                first = await claim_key(work.connection, key)
                if first is not None:
                    return self._respond(replayed(key, first), replay=True)
                result = await handler(work, command)
                answer, kept = answering.answers(result)
                keep_answer(work, key, kept)
        except Refusal as refusal:
            if not is_kept(refusal):
                raise
            return await self._refused(refusal, key)
        return self._respond(answer, replay=False)

    async def _refused(self, refusal: Refusal, key: CallKey) -> Response:
        """Store a decided "no" with its key, after the effects of the attempt were rolled back."""
        answer = StoredAnswer(*encode_problem(refusal), "")
        async with self._runtime.work() as work:
            first = await claim_key(work.connection, key)
            if first is not None:
                # The same call came twice at once, and the other one has decided meanwhile: this "no" is its echo.
                return self._respond(replayed(key, first), replay=True)
            keep_answer(work, key, answer)
        return self._respond(answer, replay=False)

    def _respond(self, answer: StoredAnswer, *, replay: bool) -> Response:
        path, request_id = self._request.url.path, self._request.scope["yunquan.request_id"]
        return respond(answer, replay=replay, instance=path, request_id=request_id)


class _Answering:
    """How what a handler returned becomes the answer, and what of it is kept."""

    def __init__(self, status: int, location: Callable[[Any], str] | None, shown_once: frozenset[str]) -> None:
        self._status = status
        self._location = location
        self._shown_once = shown_once

    def answers(self, result: Any) -> tuple[StoredAnswer, StoredAnswer]:  # noqa: ANN401 - any result
        """The answer and the one that is kept, in which what is shown once is masked."""
        body = to_json(result) if self._status != 204 else b""
        resource = self._location(result) if self._location else ""
        answer = StoredAnswer(self._status, body, resource)
        if not self._shown_once:
            return answer, answer
        masked = {
            name: SHOWN_ONCE if name in self._shown_once else value for name, value in msgspec.json.decode(body).items()
        }
        return answer, StoredAnswer(self._status, msgspec.json.encode(masked), resource)


class VersionedCommands(Commands):
    """Commands on a resource that the caller has read: If-Match says in which version."""

    version_required: ClassVar[bool] = False

    @property
    def expected_version(self) -> int | None:
        """The version in If-Match, or None. Raises: BadRequest."""
        header = self._request.headers.get("if-match")
        return None if header is None else parse_etag(header)


class VersionRequiredCommands(VersionedCommands):
    """The same where nobody may write without having read: 428 without If-Match."""

    version_required = True

    @property
    def expected_version(self) -> int:
        """The version in If-Match. Raises: BadRequest, VersionRequired."""
        version = super().expected_version
        if version is None:
            raise VersionRequired
        return version


def reading_for_caller(request: Request) -> AbstractAsyncContextManager[Connection]:
    """A connection for views; a party's shows only what its organisation may see (ADR 0024)."""
    return runtime_of(request).viewing(tenant=tenant_of(request.scope))


async def reading(request: Request) -> Any:  # noqa: ANN401 - FastAPI turns the generator into a dependency
    """A connection for the length of one request."""
    async with reading_for_caller(request) as connection:
        yield connection


async def reporting(request: Request) -> Any:  # noqa: ANN401 - as above
    """A connection in one snapshot until the answer is sent. Raises: ReportsBusy."""
    async with runtime_of(request).reads.report() as connection:
        yield connection


Run = Annotated[Commands, Depends(Commands)]
"""A dependency: runs the request's command."""
VersionedRun = Annotated[VersionedCommands, Depends(VersionedCommands)]
"""A dependency: runs the request's command; If-Match is checked when it is given."""
VersionRequiredRun = Annotated[VersionRequiredCommands, Depends(VersionRequiredCommands)]
"""A dependency: runs the request's command; If-Match is required."""
# Given back before the answer is sent: a caller who reads slowly, or not at all, holds no connection.
Reading = Annotated[Connection, Depends(reading, scope="function")]
"""A dependency: a connection for views."""
Reporting = Annotated[DriverConnection, Depends(reporting, scope="request")]
"""A dependency: one of the few connections for reports, in one snapshot, until the last byte is sent. For staff: it
shows the rows of all parties."""
