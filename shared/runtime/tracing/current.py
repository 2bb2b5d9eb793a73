"""Which request this task serves, and which trace it belongs to: for log lines and for what the request says.

It imports nothing of the runtime, so that every part of it may import this.
"""

import re
from collections.abc import MutableMapping
from contextvars import ContextVar
from typing import Any

REQUEST: ContextVar[MutableMapping[str, Any] | None] = ContextVar("yunquan_request", default=None)
"""The ASGI scope of the request that this task serves."""
TRACEPARENT_KEY = "yunquan.traceparent"
"""Under this key the scope holds the traceparent of whatever the request makes happen; empty when nobody traces."""

_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_LENGTH = 55
_SAMPLED = 1


def read_traceparent(given: str) -> str:
    """A caller's traceparent as it is passed on, or nothing when it is none. Source: W3C Trace Context, 3.2."""
    if len(given) < _LENGTH:
        return ""
    head = given[:_LENGTH]
    longer = len(given) > _LENGTH and (head.startswith("00") or given[_LENGTH] != "-")
    return "" if longer or _TRACEPARENT.fullmatch(head) is None else head


def trace_id_of(traceparent: str) -> str:
    """The trace id of a valid traceparent."""
    return traceparent[3:35]


def span_id_of(traceparent: str) -> str:
    """The span id of a valid traceparent."""
    return traceparent[36:52]


def is_sampled(traceparent: str) -> bool:
    """Whether a valid traceparent asks for spans."""
    return len(traceparent) == _LENGTH and bool(int(traceparent[53:55], 16) & _SAMPLED)


def current_traceparent() -> str:
    """The traceparent of the request that this task serves, or nothing."""
    request = REQUEST.get()
    return "" if request is None else request.get(TRACEPARENT_KEY, "")
