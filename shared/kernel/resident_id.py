"""The resident identity number, GB 11643-1999: checked, masked, never judged by its area."""

import re
from datetime import date
from typing import ClassVar, NewType

from shared.kernel.refusals import Refusal, RefusalKind

ResidentId = NewType("ResidentId", str)

_SHAPE = re.compile(r"[0-9]{17}[0-9X]")
_WEIGHTS = tuple(2 ** (17 - place) % 11 for place in range(17))
_CHECK_OF_REMAINDER = "10X98765432"
_FULL_WIDTH = str.maketrans("０１２３４５６７８９Ｘｘ", "0123456789XX")

_BORN_FROM = date(1800, 1, 1)
_SHOWN_FIRST = 3
_SHOWN_LAST = 4
_LENGTH = 18


class ResidentIdMalformed(Refusal):
    """The text lacks the shape of a resident ID number or holds no date of birth. It is never echoed."""

    code: ClassVar[str] = "resident_id.malformed"
    kind: ClassVar[RefusalKind] = RefusalKind.MALFORMED
    article: ClassVar[str] = "A14(2)"
    zh: ClassVar[str] = "身份证号码格式不正确：应为18位，含有效出生日期，末位为数字或 X。"


class ResidentIdCheckDigit(Refusal):
    """The last place does not fit the others."""

    code: ClassVar[str] = "resident_id.check_digit"
    kind: ClassVar[RefusalKind] = RefusalKind.MALFORMED
    article: ClassVar[str] = "A14(2)"
    zh: ClassVar[str] = "身份证号码校验位不符，请核对后重新填写。"


def accept(text: str) -> ResidentId:
    """The normalised number when shape, date of birth and check place hold.

    The area of places 1-6 is not looked up: published tables lack dissolved divisions, and their people still
    carry those numbers. Raises: ResidentIdMalformed, ResidentIdCheckDigit. Source: R65, GB 11643-1999.
    """
    number = text.strip().translate(_FULL_WIDTH).upper()
    if not _SHAPE.fullmatch(number):
        raise ResidentIdMalformed
    try:
        date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError as error:
        raise ResidentIdMalformed from error
    if not _check_place_fits(number):
        raise ResidentIdCheckDigit
    return ResidentId(number)


def has_shape(number: str) -> bool:
    """Whether a normalised text has the places of an ID number: an area, a day of birth since 1800, an order."""
    if not _SHAPE.fullmatch(number) or number[0] not in "12345678":
        return False
    try:
        return date(int(number[6:10]), int(number[10:12]), int(number[12:14])) >= _BORN_FROM
    except ValueError:
        return False


def is_right(number: str) -> bool:
    """Whether a normalised text is an ID number with a day of birth and a right check place."""
    return has_shape(number) and _check_place_fits(number)


def _check_place_fits(number: str) -> bool:
    total = sum(int(digit) * weight for digit, weight in zip(number[:17], _WEIGHTS, strict=True))
    return _CHECK_OF_REMAINDER[total % 11] == number[17]


def mask(number: str) -> str:
    """The number as screens and logs may show it: three first and four last places, no date of birth.

    A text of another length is hidden whole, for nobody knows which of its places are harmless.
    """
    if len(number) != _LENGTH:
        return "*" * len(number)
    return number[:_SHOWN_FIRST] + "*" * (_LENGTH - _SHOWN_FIRST - _SHOWN_LAST) + number[-_SHOWN_LAST:]
