"""What each operation's answer shows at once and what follows, as `x-consistency` of its OpenAPI description."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from shared.contracts.messages.base import Fact
from shared.runtime.service.service import Service

EXTENSION: Final = "x-consistency"
_READS: Final = "立即反映本服务已提交的内容"
_WRITES: Final = "应答成功即已提交，本服务随即可读；其他服务稍后跟进"
_WAITS: Final = "。后续步骤稍后完成，可用 Prefer: wait 等待"


def follows_of(service: Service) -> Sequence[str]:
    """The services whose facts a service copies."""
    streams = {kind.stream for kind in service.subscriptions if issubclass(kind, Fact)}
    return sorted({stream.partition(".")[0] for stream in streams} - {service.name})


def consistency_of(method: str, *, follows: Sequence[str], waits: bool = False) -> Mapping[str, Any]:
    """Whether an operation writes, has steps that come later, and whose facts it shows as far as they came."""
    writes = method.upper() != "GET"
    said = _WRITES + _WAITS * waits if writes else _READS
    if follows and not writes:
        said += f"；{'、'.join(follows)} 的内容为副本，稍后跟进"
    return {"writes": writes, "waits": waits, "follows": [] if writes else list(follows), "says": f"{said}。"}
