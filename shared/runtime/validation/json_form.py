"""The one form of JSON that bodies have on hot and cold routes: UTF-8, numbers that are numbers, each name once.

Python's own parser also takes UTF-16, a byte order mark, NaN and Infinity; pydantic's takes the last two. Both take the
last of two values of one name, where another reader of the same request takes the first. Source: RFC 8259, 4, 6, 8.1;
RFC 7493, 2.3.
"""

import json
import re
from typing import Any, Final, NoReturn

from shared.runtime.validation.refusals import BadRequest

NO_JSON: Final = "不是有效的 JSON（须为 UTF-8，无字节顺序标记）"
# What stands in quotes before a colon. Without a backslash in the body these are all names that a body can have.
_NAMES: Final = re.compile(rb'"(\w+)"\s*:')


def check_form(raw: bytes) -> None:
    """Whether a body has the one form; other mistakes are left to whoever parses it. Raises: BadRequest."""
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise BadRequest(reason=NO_JSON) from error
    # No NUL stands in JSON; in ASCII that is written as UTF-16 every other byte is one, which is UTF-8 all the same.
    if text.startswith("\ufeff") or "\x00" in text:
        raise BadRequest(reason=NO_JSON)
    try:
        _DECODER.decode(text)
    except (ValueError, RecursionError):
        return


def check_form_of_taken(raw: bytes) -> None:
    """Whether a body that pydantic has taken has the one form. Raises: BadRequest.

    A body in which no name comes twice at all, which most are, costs a search; another one is parsed once more.
    """
    names = _NAMES.findall(raw)
    if len(set(names)) != len(names) or b"\\" in raw or b"NaN" in raw or b"Infinity" in raw:
        check_form(raw)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise BadRequest(reason=f"字段重复：{twice[:64]}", pointer=f"/{twice[:64]}")
    return found


def _refuse_constant(text: str) -> NoReturn:
    raise BadRequest(reason=f"JSON 中没有 {text} 这样的数")


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_refuse_constant)
