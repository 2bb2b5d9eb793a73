"""What is read at once after a write, and what follows: operation by operation, as the services declare it."""

from itertools import groupby
from pathlib import Path
from typing import Final

import msgspec

from shared.handbook.pages import Page

FILE: Final = Path(__file__).with_name("operations.json")
_ABOUT: Final = """\
每项操作的应答中，什么立即可见、什么稍后跟进。Each OpenAPI document says the same as `x-consistency`.

- **写入 write**：应答成功即已提交，此后对本服务的任何读取都能看到（读己之写）；其他服务凭事件稍后跟进。
  Committed when it answers, and read at once in its own service; other services follow.
- **等待 waits**：后续步骤由其他服务稍后办完。请求头 `Prefer: wait=N`（0 至 30 秒）可等待下一步结果，
  否则再次读取该资源。
  Later steps are done by other services; wait for the next one with `Prefer: wait=N`, or read again.
- **读取 read**：立即反映本服务已提交的全部内容。“跟进”所列服务的内容在此是副本，稍后到达。What it shows of the services
  that are named follows them.
- 带同一 `Idempotency-Key` 的重复请求不再执行。A repeat with the same key runs nothing.
"""


class OperationEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One operation; `waits` says that it takes `Prefer: wait`, `follows` whose facts it shows as they arrive."""

    service: str
    operation: str
    summary: str
    writes: bool
    waits: bool
    follows: tuple[str, ...]


def consistency_page() -> Page:
    """Every operation of every service."""
    entries = msgspec.json.decode(FILE.read_bytes(), type=list[OperationEntry])
    parts = ["# 读写一致性 Consistency", _ABOUT]
    for service, operations in groupby(entries, key=lambda entry: entry.service):
        rows = "\n".join(
            f"| `{one.operation}` | {one.summary} | {_kind(one)} | {', '.join(one.follows) or '—'} |"
            for one in operations
        )
        parts.append(f"## {service}\n\n| 操作 operation | 说明 | 种类 kind | 跟进 follows |\n|---|---|---|---|\n{rows}")
    summary = "Operation by operation: what is read at once after a write, and what follows later."
    return Page("/guide/consistency", "读写一致性 Consistency", "\n\n".join(parts) + "\n", summary=summary)


def _kind(entry: OperationEntry) -> str:
    if not entry.writes:
        return "读取 read"
    return "写入，等待 write, waits" if entry.waits else "写入 write"
