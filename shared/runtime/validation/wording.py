"""What is wrong with the form of a request, in Chinese: the validators' own sentences are English."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from shared.runtime.validation.fields import CONTROL
from shared.runtime.validation.refusals import BadRequest

ERRORS_MAX = 20

BY_TYPE: Mapping[str, str] = {
    "missing": "缺少必填项",
    "extra_forbidden": "不支持的字段",
    "json_invalid": "不是有效的 JSON",
    "int_type": "必须是整数",
    "int_parsing": "必须是整数",
    "int_from_float": "必须是整数",
    "string_type": "必须是文本",
    "string_too_short": "至少 {min_length} 个字符",
    "string_too_long": "至多 {max_length} 个字符",
    "string_pattern_mismatch": "格式不正确",
    "greater_than": "必须大于 {gt}",
    "greater_than_equal": "不得小于 {ge}",
    "less_than": "必须小于 {lt}",
    "less_than_equal": "不得大于 {le}",
    "enum": "必须是以下之一：{expected}",
    "literal_error": "必须是以下之一：{expected}",
    "bool_type": "必须是 true 或 false",
    "bool_parsing": "必须是 true 或 false",
    "list_type": "必须是列表",
    "too_short": "至少 {min_length} 项",
    "too_long": "至多 {max_length} 项",
    "repeated": "列表中有重复的项",
    "uuid_type": "不是有效的标识（UUID）",
    "uuid_parsing": "不是有效的标识（UUID）",
    "control_character": "文字中不得含有控制字符",
    "name_form": "名称不得含有尖括号或不可见的字符",
    "year_range": "年份须在 {first} 至 {last} 之间",
    "timezone_aware": "时间必须含时区",
    "model_attributes_type": "必须是 JSON 对象",
    "model_type": "必须是 JSON 对象",
    "dict_type": "必须是 JSON 对象",
}
_BY_PREFIX = (
    ("datetime_", "不是有效的时间（RFC 3339，须含时区）"),
    ("date_", "不是有效的日期（RFC 3339，例如 2026-01-05）"),
    ("int_", "必须是整数"),
)
_UNKNOWN = "格式不正确"
WAIT_NO_NUMBER = "Prefer: wait 的秒数必须是非负整数"
UNREADABLE = "不是可读取的 JSON（嵌套过深、数字过长或编码有误）"

_BETWEEN = re.compile(r", | or ")


def malformed(errors: Sequence[Mapping[str, Any]]) -> BadRequest:
    """FastAPI's validation errors as one refusal that points at each of them (RFC 6901)."""
    found = [
        {"pointer": "".join(f"/{part}" for part in _place_of(error)), "detail": word_of(error)}
        for error in errors[:ERRORS_MAX]
    ]
    return BadRequest(reason=found[0]["detail"], pointer=found[0]["pointer"], errors=found)


def _place_of(error: Mapping[str, Any]) -> Sequence[object]:
    """Where an error is, below the body or the query: nowhere in a text that is no JSON."""
    kind, place = error["type"], error["loc"][1:]
    if kind == "json_invalid":
        return ()
    return (*place, *_way_to_control_character(error.get("input"))) if kind == "control_character" else place


def _way_to_control_character(given: object) -> Sequence[object]:
    """The names and numbers that lead to the first text with one; a name that holds one is not repeated."""
    left: list[tuple[tuple[object, ...], object]] = [((), given)]
    while left:
        way, part = left.pop()
        if isinstance(part, str) and CONTROL.search(part) is not None:
            return way
        if isinstance(part, dict):
            if any(CONTROL.search(name) is not None for name in part):
                return way
            left += [((*way, name), value) for name, value in reversed(part.items())]
        if isinstance(part, list):
            left += [((*way, number), value) for number, value in reversed(list(enumerate(part)))]
    return ()


def word_of(error: Mapping[str, Any]) -> str:
    """One validation error of pydantic in Chinese."""
    kind = str(error["type"])
    # Of a secret text pydantic says `too_short`, as of a list; people count characters there.
    if kind in {"too_short", "too_long"} and isinstance(error.get("input"), str):
        kind = f"string_{kind}"
    sentence = BY_TYPE.get(kind) or next((text for prefix, text in _BY_PREFIX if kind.startswith(prefix)), _UNKNOWN)
    try:
        return sentence.format(**_facts(error.get("ctx", {})))
    except KeyError:
        return _UNKNOWN


def _facts(context: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a sentence names; pydantic lists values as "'a', 'b' or 'c'"."""
    expected = context.get("expected")
    if not isinstance(expected, str):
        return context
    return {**context, "expected": _BETWEEN.sub("、", expected).replace("'", "")}
