"""In what two registrations may be one company: spellings that people read as one, and the grounds of a likeness."""

import unicodedata
from enum import StrEnum


class Ground(StrEnum):
    """In what two organisations agree."""

    SAME_CODE = "same_code"
    SAME_NAME = "same_name"
    SAME_ID_NUMBER = "same_id_number"
    SAME_PHONE = "same_phone"


class ResemblanceOutcome(StrEnum):
    """What a reviewer found out about a pair."""

    DIFFERENT = "different"
    SAME = "same"


GROUND_ZH = {
    Ground.SAME_CODE: "统一社会信用代码前17位相同",
    Ground.SAME_NAME: "单位名称相同",
    Ground.SAME_ID_NUMBER: "联系人身份证号码相同",
    Ground.SAME_PHONE: "联系电话相同",
}
_COUNTRY = "86"
_MOBILE_DIGITS = 11


def fold_name(name: str) -> str:
    """A name without what the eye passes over: width, case, blanks, brackets, marks. May be empty."""
    compatible = unicodedata.normalize("NFKC", name).casefold()
    return "".join(symbol for symbol in compatible if symbol.isalnum())


def fold_phone(phone: str) -> str:
    """The digits of a telephone number, without the country's."""
    digits = "".join(symbol for symbol in unicodedata.normalize("NFKC", phone) if symbol.isdecimal())
    without = digits.removeprefix("00").removeprefix(_COUNTRY)
    return without if len(without) >= _MOBILE_DIGITS else digits
