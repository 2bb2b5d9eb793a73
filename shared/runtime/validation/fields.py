"""Fields of a request in one form: RFC 3339 dates and moments in a range that arithmetic bears, and strict numbers."""

import re
from collections.abc import Callable, Hashable, Mapping, Sequence
from datetime import date
from typing import Annotated, Any, Final, TypeVar

from pydantic import AfterValidator, AwareDatetime, BeforeValidator
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from shared.kernel.names import is_plain
from shared.runtime.validation.refusals import BadRequest

YEAR_MIN: Final = 1900
YEAR_MAX: Final = 2999
"""A year or a few working days added to a date of this range are still a date, in every time zone."""
# RFC 3339, 5.6. Pydantic itself also takes seconds since 1970, as a number or as digits.
_DATE = re.compile(r"([0-9]{4})-[0-9]{2}-[0-9]{2}")
_MOMENT = re.compile(
    r"([0-9]{4})-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
"""PostgreSQL stores no NUL, and a terminal obeys the others."""
_BREAKS: Final = re.compile(r"[\x00-\x1f\x7f]")
_WHOLE: Final = re.compile(r"0|-?[1-9][0-9]*")
_ItemT = TypeVar("_ItemT", bound=Hashable)
_STRICT: Final = frozenset({"int", "bool", "float"})
_PLAIN: Final = frozenset({"metadata", "serialization", "default", "expected", "ref"})


def _checked(pattern: re.Pattern[str], kind: str) -> Callable[[object], object]:
    def check(given: object) -> object:
        match = pattern.fullmatch(given) if isinstance(given, str) else None
        if match is None:
            raise PydanticCustomError(f"{kind}_form", "not RFC 3339")
        if not YEAR_MIN <= int(match[1]) <= YEAR_MAX:
            raise PydanticCustomError("year_range", "year out of range", {"first": YEAR_MIN, "last": YEAR_MAX})
        return given

    return check


def check_whole(name: str, text: str) -> None:
    """Whether a part of an address is a number in its one form; pydantic also takes 2026.0, 02026 and 2_026.

    Raises: BadRequest.
    """
    if _WHOLE.fullmatch(text) is None:
        raise BadRequest(reason="必须是整数", pointer=f"/{name}")


_CHECKS: Mapping[str, Callable[[object], object]] = {
    "date": _checked(_DATE, "date"),
    "datetime": _checked(_MOMENT, "datetime"),
}

Day = Annotated[date, BeforeValidator(_CHECKS["date"])]
"""A date of a query: an RFC 3339 full-date."""
Moment = Annotated[AwareDatetime, BeforeValidator(_CHECKS["datetime"])]
"""A moment of a query: an RFC 3339 date-time with its offset."""


def _distinct(given: Sequence[_ItemT]) -> Sequence[_ItemT]:
    if len(set(given)) != len(given):
        raise PydanticCustomError("repeated", "items are repeated")
    return given


def _plain(given: str) -> str:
    if not is_plain(given):
        raise PydanticCustomError("name_form", "not a plain name")
    return given


def _one_line(given: object) -> object:
    # Asked before white space at the ends is taken away: a line break is no slip of the hand in a field of one line.
    if isinstance(given, str) and _BREAKS.search(given) is not None:
        raise PydanticCustomError("control_character", "control character")
    return given


OneLine = BeforeValidator(_one_line)
"""A text of one line: no line breaks and tabs, which other texts may have, not even at its end."""
PlainName = AfterValidator(_plain)
"""A name that people type and read: no markup, and nothing that cannot be seen. Texts that tell a story keep both."""
Distinct = AfterValidator(_distinct)
"""A list of a body in which nothing stands twice: what is named twice is a slip, and its meaning is not guessed."""


def strict(schema: CoreSchema) -> CoreSchema:
    """The same schema with nothing guessed: no text or boolean for a number, RFC 3339 alone for dates and moments.

    Pydantic's own strict mode would refuse the texts in which JSON writes identifiers and dates.
    """
    found: CoreSchema = _strict(schema)
    return found


def _strict(part: Any) -> Any:  # noqa: ANN401 - a schema is nested dicts and lists
    if isinstance(part, list):
        return [_strict(each) for each in part]
    if isinstance(part, tuple):
        return tuple(_strict(each) for each in part)
    if not isinstance(part, dict):
        return part
    kind = str(part.get("type"))
    if kind in _STRICT:
        return {**part, "strict": True}
    if kind in _CHECKS:
        return core_schema.no_info_before_validator_function(_CHECKS[kind], part)
    return {name: value if name in _PLAIN else _strict(value) for name, value in part.items()}
