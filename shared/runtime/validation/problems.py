"""Refusals and faults as problem details (RFC 9457): stable code, Chinese detail, article, never a stack trace."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from starlette.responses import Response

from shared.kernel.refusals import Refusal, RefusalKind
from shared.runtime.validation.refusals import IdempotencyKeyReused

STATUS: Mapping[RefusalKind, int] = {
    RefusalKind.MALFORMED: 400,
    RefusalKind.UNAUTHENTICATED: 401,
    RefusalKind.FORBIDDEN: 403,
    RefusalKind.NOT_FOUND: 404,
    RefusalKind.STATE: 409,
    RefusalKind.PRECONDITION: 412,
    RefusalKind.TOO_LARGE: 413,
    RefusalKind.UNSUPPORTED: 415,
    RefusalKind.RULE: 422,
    RefusalKind.PRECONDITION_REQUIRED: 428,
    RefusalKind.RATE: 429,
    RefusalKind.UNAVAILABLE: 503,
}
TITLES: Mapping[int, str] = {
    400: "请求格式错误",
    401: "未登录或登录已失效",
    403: "没有权限",
    404: "未找到",
    405: "不支持的请求方法",
    409: "当前状态不允许",
    412: "数据已被更新",
    413: "内容过大",
    415: "不支持的内容类型",
    422: "不符合规则",
    428: "缺少前置条件",
    429: "请求过于频繁",
    500: "系统内部错误",
    503: "服务暂时不可用",
}
RETRYABLE = frozenset({RefusalKind.NOT_FOUND, RefusalKind.PRECONDITION, RefusalKind.RATE, RefusalKind.UNAVAILABLE})
"""Kinds of refusal that depend on the moment by themselves; a class of another kind says it is `momentary`."""
KEPT = frozenset({RefusalKind.STATE, RefusalKind.RULE})
"""Kinds of refusal that are decided after the request was understood, and stored with its key."""
RETRY_AFTER_S = 1
TYPE_BASE = "/problems/"
_TIME_HELPS = frozenset({409, 422, 429, 503})


class Problem(msgspec.Struct, omit_defaults=True):
    """The body of application/problem+json."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    instance: str = ""
    article: str = ""
    request_id: str = ""
    retryable: bool = False
    facts: dict[str, Any] = {}
    errors: Sequence[dict[str, str]] = ()


def depends_on_moment(refusal: Refusal) -> bool:
    """Whether the same request may be answered otherwise a moment later; the problem then says `retryable`."""
    return refusal.momentary or refusal.kind in RETRYABLE


def is_kept(refusal: Refusal) -> bool:
    """Whether a refusal is stored with the key of its request; hot and cold routes have this one rule."""
    return refusal.kind in KEPT and not refusal.momentary and not isinstance(refusal, IdempotencyKeyReused)


def problem_of(refusal: Refusal) -> Problem:
    """The problem of a refusal, without the request it answers."""
    status = STATUS[refusal.kind]
    facts = dict(refusal.facts)
    pointer = str(facts.pop("pointer", ""))
    listed = facts.pop("errors", ())
    errors: Sequence[dict[str, str]] = (listed if isinstance(listed, list) else []) or (
        [{"pointer": pointer, "detail": refusal.detail}] if pointer else []
    )
    return Problem(
        type=TYPE_BASE + refusal.code,
        title=TITLES[status],
        status=status,
        detail=refusal.detail,
        code=refusal.code,
        article=refusal.article,
        retryable=depends_on_moment(refusal),
        facts=facts,
        errors=errors,
    )


def encode_problem(refusal: Refusal, *, instance: str = "", request_id: str = "") -> tuple[int, bytes]:
    """Status and body of a refusal; as it is stored, without the request it answers."""
    problem = problem_of(refusal)
    problem.instance, problem.request_id = instance, request_id
    return problem.status, msgspec.json.encode(problem)


def problem_response(refusal: Refusal, *, instance: str, request_id: str) -> Response:
    """A refusal as the answer to one request."""
    return _respond(problem_of(refusal), instance=instance, request_id=request_id)


def stored_problem(body: bytes, *, instance: str, request_id: str) -> Response:
    """A stored refusal as the answer to the present request."""
    return _respond(msgspec.json.decode(body, type=Problem), instance=instance, request_id=request_id)


def plain_problem(  # noqa: PLR0913 - the parts of a problem
    status: int, *, code: str, detail: str, instance: str, request_id: str, facts: Mapping[str, object] | None = None
) -> Response:
    """A problem that is no refusal: an unknown path, an unexpected fault."""
    problem = Problem(
        type=TYPE_BASE + code,
        title=TITLES.get(status, "请求失败"),
        status=status,
        detail=detail,
        code=code,
        facts=dict(facts or {}),
    )
    return _respond(problem, instance=instance, request_id=request_id)


def _respond(problem: Problem, *, instance: str, request_id: str) -> Response:
    problem.instance, problem.request_id = instance, request_id
    headers = {}
    if problem.retryable and problem.status in _TIME_HELPS:
        headers["Retry-After"] = str(problem.facts.get("retry_after_s", RETRY_AFTER_S))
    if problem.status == STATUS[RefusalKind.UNAUTHENTICATED]:
        headers["WWW-Authenticate"] = "Bearer"
    return Response(
        msgspec.json.encode(problem), status_code=problem.status, media_type="application/problem+json", headers=headers
    )
