"""Hot HTTP routes: the bodies of every route, plain Starlette, handlers that take and give sequences.

A hot route is declared by its service and served by shared.runtime.http.batching.batcher, which collects concurrent
calls into one transaction. The declaration also carries what OpenAPI needs.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import msgspec
from pydantic import BaseModel

from shared.contracts.permissions import Permission
from shared.kernel.refusals import Refusal
from shared.runtime.auth.tokens import Principal
from shared.runtime.unit_of_work.work import Work
from shared.runtime.validation.body_bounds import USUAL, BodyBounds
from shared.runtime.validation.refusals import BadRequest

GATHER_MAX = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class HotCall:
    """What a hot route knows of one request beside its body."""

    principal: Principal
    path: Mapping[str, str]
    expected_version: int | None
    """The version in If-Match, or None."""

    def id(self, name: str) -> UUID:
        """The id in a part of the path. Raises: BadRequest."""
        try:
            return UUID(self.path[name])
        except ValueError as error:
            raise BadRequest(reason="不是有效的标识（UUID）", pointer=f"/{name}") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class HotRoute:
    """One hot command over HTTP.

    `body` is a Body as on every other route, and refused in the same words. `command` turns it into what the handler
    takes.
    `location` gives the resource's path. With `awaits`, a request that says `Prefer: wait=N` is answered when the
    aggregate's next told state arrives, or after N seconds with the state as it is.
    """

    method: str
    path: str
    summary: str
    permission: Permission
    body: type[BaseModel]
    answer: type[msgspec.Struct]
    command: Callable[[Any, HotCall], Any]
    handler: Callable[[Work, Sequence[Any]], Awaitable[Sequence[Any | Refusal]]]
    status: int = 200
    location: Callable[[Any], str] | None = None
    awaits: Callable[[Any], UUID] | None = None
    if_match: str = "optional"
    """`required` answers 428 without If-Match; `optional` checks it when it is given; `ignored` never reads it."""
    gather_max: int = GATHER_MAX
    """How many concurrent calls one transaction takes in; more where the handler costs little for each."""
    bounds: BodyBounds = USUAL
    """How large a body may be, how deep, and of how many elements."""
    refusals: Sequence[type[Refusal]] = field(default=())
    """What the documents list as possible problem types."""
