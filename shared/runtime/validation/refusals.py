"""The refusals that every service shares. They know no HTTP; `problems` maps them to it."""

from collections.abc import Sequence

from shared.kernel.refusals import Refusal, RefusalKind


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
    """The key was used for another request of the same client; nothing ran.

    `resource` is the first request's, and empty for callers who are not known: others may share their network.
    """

    code = "idempotency.key_reused"
    kind = RefusalKind.RULE
    zh = "该 Idempotency-Key 已用于内容不同的请求，本次未执行；请换用新的键。"

    @property
    def detail(self) -> str:
        """The Chinese sentence, with the first resource where there is one to name."""
        resource = self.facts.get("resource")
        return f"{self.zh}首个资源为 {resource}。" if resource else self.zh


class IdempotencyKeyInUse(Refusal):
    """The first request with this key is still running; nothing ran, and nothing is kept."""

    code = "idempotency.key_in_use"
    kind = RefusalKind.STATE
    momentary = True
    zh = "使用同一 Idempotency-Key 的请求正在处理，请稍后用同一个键重试。"


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


class PersonRequired(Refusal):
    """A machine client asks for what only the person behind an account does, such as setting its password."""

    code = "auth.person_required"
    kind = RefusalKind.FORBIDDEN
    zh = "该操作只能由人员登录后办理，应用客户端不能办理。"


class PermissionMissing(Refusal):
    """The caller's roles do not hold the route's permission."""

    code = "auth.permission_missing"
    kind = RefusalKind.FORBIDDEN
    zh = "您的角色没有此项权限。"
