"""What every operation checks before its body is looked at, and what its document therefore says.

The order is the same on hot and cold routes: who calls and whether they may (`gates`, `hot_http`), then the query, then
the headers, then the body.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from pydantic import BaseModel

from shared.contracts.http.lists import CURSOR, decode_place
from shared.runtime.http.batching.dispatch import parse_etag
from shared.runtime.http.commands import Commands, VersionedCommands
from shared.runtime.http.edge import TELL_WHO, refuse_query, wait_preference, wait_preference_s
from shared.runtime.http.idempotency import key_of
from shared.runtime.service.hot_routes import HotRoute
from shared.runtime.validation.fields import check_whole

_TAKES = "yunquan_takes"
HEADERS: Mapping[str, Mapping[str, Any]] = {
    "Idempotency-Key": {
        "description": "同一请求重试时使用同一个键，只会执行一次（1 至 255 个可见 ASCII 字符，可加引号）",
        "schema": {"type": "string", "pattern": r'^"?[\x21-\x7e]{1,255}"?$'},
    },
    "If-Match": {
        "description": "读取资源时得到的 ETag；资源已被更新时拒绝",
        "schema": {"type": "string", "pattern": r'^(W/)?"?[0-9]{1,9}"?$'},
        "example": '"3"',
    },
    "Prefer": {
        "description": "至多等待几秒，直到后续状态到来（RFC 7240）",
        "schema": {"type": "string"},
        "example": "wait=10",
    },
}
"""The request headers of the conventions, as the documents describe them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Takes:
    """What an operation takes beside its path and body: the names of its query, and headers by whether required."""

    query: frozenset[str]
    headers: Mapping[str, bool]
    lists: frozenset[str] = frozenset()
    """Names of the query that may come more than once."""
    whole: frozenset[str] = frozenset()
    """Names of the query and the path that are whole numbers."""
    open_to_all: bool = False
    """Whether nobody is asked who calls."""


def takes_of_hot(route: HotRoute) -> Takes:
    """What a hot route takes."""
    headers = {"Idempotency-Key": True}
    if route.if_match != "ignored":
        headers["If-Match"] = route.if_match == "required"
    if route.awaits is not None:
        headers["Prefer"] = False
    return Takes(query=frozenset(), headers=headers)


def takes_of(route: APIRoute) -> Takes:
    """What a cold route takes, as its dependencies say; read once for each route."""
    found: Takes | None = vars(route).get(_TAKES)
    if found is None:
        found = vars(route)[_TAKES] = _takes(route)
    return found


def _takes(route: APIRoute) -> Takes:
    calls = [part.call for part in _parts(route.dependant)]
    headers: dict[str, bool] = {}
    for run in (call for call in calls if isinstance(call, type) and issubclass(call, Commands)):
        headers["Idempotency-Key"] = True
        if issubclass(run, VersionedCommands):
            headers["If-Match"] = run.version_required
    if wait_preference in calls:
        headers["Prefer"] = False
    parts = (route.dependant, *_parts(route.dependant))
    query = [named for part in parts for field in part.query_params for named in _names(field)]
    path = [named for part in parts for field in part.path_params for named in _names(field)]
    return Takes(
        query=frozenset(name for name, _ in query),
        headers=headers,
        lists=frozenset(name for name, kind in query if _holds(kind, list)),
        whole=frozenset(name for name, kind in (*query, *path) if _holds(kind, int)),
        open_to_all=not any(_tells_who(call) for call in calls),
    )


def _parts(dependant: Dependant) -> Iterator[Dependant]:
    for part in dependant.dependencies:
        yield part
        yield from _parts(part)


def _holds(kind: object, wanted: type) -> bool:
    """Whether a type is the wanted one, or a choice that has it, such as `int | None`."""
    return kind is wanted or get_origin(kind) is wanted or any(_holds(part, wanted) for part in _choices(kind))


def _choices(kind: object) -> Sequence[object]:
    if get_origin(kind) is Annotated:
        return get_args(kind)[:1]
    return get_args(kind) if get_origin(kind) in {Union, UnionType} else ()


def _names(field: Any) -> Iterator[tuple[str, object]]:  # noqa: ANN401 - FastAPI's own kind of field
    """The names and types of one parameter, or of all that a model of the query has."""
    kind = field.field_info.annotation
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        yield from ((described.alias or name, described.annotation) for name, described in kind.model_fields.items())
    else:
        yield field.alias, kind


def _tells_who(call: object) -> bool:
    return call in TELL_WHO or hasattr(call, "permission") or hasattr(call, "permissions")


def admit(request: Request, takes: Takes) -> None:
    """Refuse what is wrong in a request of a known caller before its body is looked at. Raises: Refusal.

    That If-Match is missing where it is required is said after the body, as everything that asks for another state.
    """
    refuse_query(request.scope["query_string"], known=takes.query, lists=takes.lists, whole=takes.whole)
    if CURSOR in takes.query and CURSOR in request.query_params:
        decode_place(request.query_params[CURSOR])
    for name in takes.whole & request.path_params.keys():
        check_whole(name, request.path_params[name])
    for name in takes.headers:
        given = request.headers.getlist(name)
        header = ",".join(given) if given else None
        match name:
            case "Idempotency-Key":
                key_of(header)
            case "If-Match" if header is not None:
                parse_etag(header)
            case "Prefer":
                wait_preference_s(header or "")
