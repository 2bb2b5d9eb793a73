"""The page of all events, from the AsyncAPI document that `python -m tools.handbook` writes."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from shared.handbook.pages import Page

ASYNCAPI_FILE: Final = Path(__file__).with_name("asyncapi.json")
_ABOUT: Final = (
    "各服务之间以消息相互告知；下列消息的完整结构见 [AsyncAPI 文件](/asyncapi.json)。"
    "云服务商不直接读取消息总线，而是读取订单服务的事件流。"
)


def events_page() -> Page:
    """Every channel with its messages and what each of them says."""
    document: Mapping[str, Any] = msgspec.json.decode(ASYNCAPI_FILE.read_bytes())
    messages = document["components"]["messages"]
    parts = ["# 事件 Events", _ABOUT]
    for key, channel in document["channels"].items():
        parts.append(f"## `{key}`")
        rows = "\n".join(f"| `{name}` | {messages[name]['summary']} |" for name in channel["messages"])
        parts.append(f"| 消息 message | 含义 meaning |\n|---|---|\n{rows}")
    summary = "Every message between the services: facts, commands and replies, channel by channel."
    return Page("/guide/events", "事件 Events", "\n\n".join(parts) + "\n", summary=summary)
