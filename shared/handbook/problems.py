"""What each problem code means and what one does about it; `python -m tools.handbook` collects them from the code."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Final

import msgspec

FILE: Final = Path(__file__).with_name("problems.json")


class ProblemEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One problem code: where it comes from, its sentence in Chinese and its meaning in English.

    `sentence` has its facts in braces, `facts` are their names. `kept` says that the refusal is stored with its
    Idempotency-Key, so that the same key is answered the same for ever.
    """

    code: str
    status: int
    title: str
    sentence: str
    meaning: str
    article: str = ""
    services: tuple[str, ...] = ()
    facts: tuple[str, ...] = ()
    retryable: bool = False
    kept: bool = False


@lru_cache(maxsize=1)
def problem_entries() -> Mapping[str, ProblemEntry]:
    """All problem codes in the order of their names."""
    entries: Sequence[ProblemEntry] = msgspec.json.decode(FILE.read_bytes(), type=list[ProblemEntry])
    return {entry.code: entry for entry in entries}


_AGAIN: Final = (
    "稍后用同一个 Idempotency-Key 原样重试；响应带 Retry-After 的，先等待所示秒数。",
    "Send the same request again later, with the same Idempotency-Key; wait for `Retry-After` if there is one.",
)
_BY_STATUS: Final[Mapping[int, tuple[str, str]]] = {
    400: (
        "按 errors 中的 pointer 更正请求后，可用同一个 Idempotency-Key 重新发送。",
        "Correct what `errors` points to and send it again; the Idempotency-Key is still free.",
    ),
    401: (
        "重新登录，或换取新的访问令牌后重试。",
        "Sign in again, or get a new access token, and send the request again.",
    ),
    403: (
        "改由有此权限的人员办理，或由本单位管理员授予相应权限。",
        "Let somebody act who has the right, or ask your organisation's administrator for the scope.",
    ),
    404: (
        "核对标识是否正确；刚刚提交的内容可能稍后才能读到。",
        "Check the id. What was written a moment ago by another service may be readable a moment later.",
    ),
    405: ("查看响应的 Allow 字段，改用其中的方法。", "Use one of the methods in the `Allow` field."),
    409: (
        "先读取该业务的当前状态，再决定下一步；原请求不会再次执行。",
        "Read the resource as it is now and decide what to do; the request is not carried out later.",
    ),
    412: (
        "重新读取数据，取得新的 ETag，确认后再提交。",
        "Read the resource again, look at what changed, and send the new ETag in `If-Match`.",
    ),
    413: ("缩小内容后重新发送。", "Send less."),
    415: ("按接口说明设置 Content-Type。", "Set the `Content-Type` that the operation names."),
    422: (
        "该请求不符合规则，原样重试不会成功；按说明更正后换用新的 Idempotency-Key。",
        "A rule forbids it, and the same request will not succeed; change it and use a new Idempotency-Key.",
    ),
    428: (
        "先读取数据，把响应的 ETag 放入 If-Match 后重试。",
        "Read the resource first and send its ETag in `If-Match`.",
    ),
}


def what_to_do(entry: ProblemEntry) -> tuple[str, str]:
    """What a caller does about it, in Chinese and in English."""
    if entry.retryable and entry.status not in _BY_STATUS:
        return _AGAIN
    if entry.retryable and entry.status in {409, 422}:
        return _AGAIN
    return _BY_STATUS.get(entry.status, _AGAIN)
