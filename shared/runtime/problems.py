"""Refusals and faults as problem details (RFC 9457): stable code, Chinese detail, article, never a stack trace."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from starlette.responses import Response

from shared.kernel.refusals import Refusal, RefusalKind

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
RETRYABLE = frozenset({429, 503})
TYPE_BASE = "/problems/"


class BadRequest(Refusal):
    """The request cannot be read: its form is wrong."""

    code = "request.malformed"
    kind = RefusalKind.MALFORMED
    zh = "请求内容不符合要求：{reason}"

    def __init__(self, *, reason: str, pointer: str = "", errors: Sequence[dict[str, str]] = ()) -> None:
        super().__init__(reason=reason, pointer=pointer, errors=errors)


class BodyTooLarge(Refusal):
    """The body is over the route's bound."""

    code = "request.too_large"
    kind = RefusalKind.TOO_LARGE
    zh = "请求内容超过上限 {limit_bytes} 字节。"


class IdempotencyKeyMissing(Refusal):
    """A command without an Idempotency-Key could run twice when it is retried."""

    code = "idempotency.key_missing"
    kind = RefusalKind.MALFORMED
    zh = "缺少 Idempotency-Key 请求头（1 至 255 个可见 ASCII 字符）。"


class IdempotencyKeyReused(Refusal):
    """The key was used for another request; nothing ran."""

    code = "idempotency.key_reused"
    kind = RefusalKind.RULE
    zh = "该 Idempotency-Key 已用于内容不同的请求，新的请求请使用新的值。"


class VersionMismatch(Refusal):
    """The resource has moved on since the client read it."""

    code = "request.version_mismatch"
    kind = RefusalKind.PRECONDITION
    zh = "数据已被更新，当前版本为 {version}，请重新读取后再提交。"


class VersionRequired(Refusal):
    """The route demands If-Match."""

    code = "request.version_required"
    kind = RefusalKind.PRECONDITION_REQUIRED
    zh = "缺少 If-Match 请求头，请带上所读取资源的 ETag。"


class NotFound(Refusal):
    """There is no such thing, or it is somebody else's: the two look the same."""

    code = "resource.not_found"
    kind = RefusalKind.NOT_FOUND
    zh = "未找到所请求的内容。"


class Unavailable(Refusal):
    """A part this service needs does not answer now; nothing was done."""

    code = "service.unavailable"
    kind = RefusalKind.UNAVAILABLE
    zh = "服务暂时不可用，请稍后用同一个 Idempotency-Key 重试。"


class Overloaded(Refusal):
    """More calls wait than can be served in time; nothing was done."""

    code = "service.overloaded"
    kind = RefusalKind.RATE
    zh = "当前请求过多，请稍后重试。"


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


def encode_problem(refusal: Refusal, *, instance: str = "", request_id: str = "") -> tuple[int, bytes]:
    """Status and body of a refusal."""
    status = STATUS[refusal.kind]
    facts = dict(refusal.facts)
    pointer = str(facts.pop("pointer", ""))
    listed = facts.pop("errors", ())
    errors: Sequence[dict[str, str]] = (listed if isinstance(listed, list) else []) or (
        [{"pointer": pointer, "detail": refusal.detail}] if pointer else []
    )
    problem = Problem(
        type=TYPE_BASE + refusal.code,
        title=TITLES[status],
        status=status,
        detail=refusal.detail,
        code=refusal.code,
        instance=instance,
        article=refusal.article,
        request_id=request_id,
        retryable=status in RETRYABLE,
        facts=facts,
        errors=errors,
    )
    return status, msgspec.json.encode(problem)


def problem_response(refusal: Refusal, *, instance: str = "", request_id: str = "") -> Response:
    """A refusal as an HTTP response."""
    status, body = encode_problem(refusal, instance=instance, request_id=request_id)
    headers = {"Retry-After": "1"} if status in RETRYABLE else {}
    retry_after = refusal.facts.get("retry_after_s")
    if retry_after is not None:
        headers["Retry-After"] = str(retry_after)
    if status == STATUS[RefusalKind.UNAUTHENTICATED]:
        headers["WWW-Authenticate"] = "Bearer"
    return Response(body, status_code=status, media_type="application/problem+json", headers=headers)


def plain_problem(status: int, *, code: str, detail: str, instance: str = "", request_id: str = "") -> Response:
    """A problem that is no refusal: an unknown path, an unexpected fault."""
    problem = Problem(
        type=TYPE_BASE + code,
        title=TITLES.get(status, "请求失败"),
        status=status,
        detail=detail,
        code=code,
        instance=instance,
        request_id=request_id,
        retryable=status in RETRYABLE,
    )
    return Response(msgspec.json.encode(problem), status_code=status, media_type="application/problem+json")
