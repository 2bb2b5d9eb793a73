"""In what two registrations may be one company: the grounds of a likeness, and what a reviewer found out."""

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
