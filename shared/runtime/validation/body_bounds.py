"""Bounds on a request's body, which belong to its route: bytes, and for JSON the depth and the number of elements.

A parser turns eight bytes into two hundred, so what it will make is counted on the bytes before it runs.
"""

import re
from dataclasses import dataclass
from typing import Final

from shared.kernel.refusals import Refusal, RefusalKind
from shared.runtime.validation.refusals import BadRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyBounds:
    """What a route takes. An element is a value in a list or an object, or a list or an object itself."""

    bytes_max: int = 256 * 1024
    depth_max: int = 32
    elements_max: int = 10_000


USUAL: Final = BodyBounds()
"""What a route takes that declares nothing else."""


class JsonTooDeep(Refusal):
    """Lists and objects of the body lie deeper in one another than the route takes."""

    code = "request.too_deep"
    kind = RefusalKind.MALFORMED
    zh = "请求内容的嵌套超过 {depth_max} 层。"


class JsonTooManyElements(Refusal):
    """The body holds more values than the route takes."""

    code = "request.too_many_elements"
    kind = RefusalKind.TOO_LARGE
    zh = "请求内容超过上限 {elements_max} 项。"


# A string that never ends is taken to its end, so that no part of it is looked at twice.
_STRINGS: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
_STRUCTURE: Final = frozenset(b"[]{},")
_REST: Final = bytes(byte for byte in range(256) if byte not in _STRUCTURE)
_OPENING: Final = frozenset(b"[{")
_CLOSING: Final = frozenset(b"]}")


def check_json(raw: bytes, bounds: BodyBounds) -> None:
    """Whether a body may be parsed. Raises: JsonTooDeep, JsonTooManyElements, BadRequest.

    Two counts let an ordinary body pass: what is deep or long has many brackets or commas, wherever they stand.
    """
    opened = raw.count(b"{") + raw.count(b"[")
    if opened <= bounds.depth_max and opened + raw.count(b",") <= bounds.elements_max:
        return
    if b"\x00" in raw:
        # JSON is UTF-8 (RFC 8259, 8.1); in UTF-16 the counts below would mean nothing.
        raise BadRequest(reason="不是有效的 JSON（须为 UTF-8）")
    structure = _STRINGS.sub(b"", raw).translate(None, _REST)
    closed = structure.count(b"}") + structure.count(b"]")
    if len(structure) - closed > bounds.elements_max:
        raise JsonTooManyElements(elements_max=bounds.elements_max)
    depth = 0
    for byte in structure:
        if byte in _OPENING:
            depth += 1
            if depth > bounds.depth_max:
                raise JsonTooDeep(depth_max=bounds.depth_max)
        elif byte in _CLOSING:
            depth -= 1
