"""The unified social credit code (统一社会信用代码), GB 32100-2015 with amendment 1 of 2016."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, NewType

from shared.kernel import resident_id
from shared.kernel.refusals import Refusal, RefusalKind

CreditCode = NewType("CreditCode", str)

_SYMBOLS = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_VALUES = {symbol: value for value, symbol in enumerate(_SYMBOLS)}
_WEIGHTS = tuple(3**place % 31 for place in range(17))
# Authority, type, six digits of the division, nine places of the organisation code, the check character.
_SHAPE = re.compile(rf"[{_SYMBOLS}]{{2}}[0-9]{{6}}[{_SYMBOLS}]{{10}}")
_LENGTH = 18
_TYPED_BETWEEN = re.compile(r"[\s\-‐‑–—.]+")

_ORGANISATION = slice(8, 17)
_ORGANISATION_WEIGHTS = (3, 7, 9, 10, 5, 8, 4, 2)

# Input methods type the full-width forms of the same ASCII characters.
_FULL_WIDTH = {code + 0xFEE0: code for code in range(0x21, 0x7F)}


class EntityKind(StrEnum):
    """What places 1-2 of a credit code say about its holder."""

    STATE_ORGAN = "state_organ"
    FOREIGN_MISSION = "foreign_mission"
    LEGAL_SERVICE = "legal_service"
    CULTURE_CENTRE = "culture_centre"
    CIVIL_ORGANISATION = "civil_organisation"
    TRAVEL_OFFICE = "travel_office"
    RELIGIOUS_BODY = "religious_body"
    TRADE_UNION = "trade_union"
    ENTERPRISE = "enterprise"
    INDIVIDUAL_BUSINESS = "individual_business"
    COOPERATIVE = "cooperative"
    MILITARY_UNIT = "military_unit"
    RURAL_COLLECTIVE = "rural_collective"
    OTHER = "other"


# 54 and 55, residents' and villagers' committees, were added by civil affairs after the standard was printed.
_TYPES_OF_AUTHORITY: dict[str, tuple[str, EntityKind]] = {
    "1": ("1239", EntityKind.STATE_ORGAN),
    "2": ("19", EntityKind.FOREIGN_MISSION),
    "3": ("123459", EntityKind.LEGAL_SERVICE),
    "4": ("19", EntityKind.CULTURE_CENTRE),
    "5": ("123459", EntityKind.CIVIL_ORGANISATION),
    "6": ("129", EntityKind.TRAVEL_OFFICE),
    "7": ("129", EntityKind.RELIGIOUS_BODY),
    "8": ("19", EntityKind.TRADE_UNION),
    "A": ("19", EntityKind.MILITARY_UNIT),
    "N": ("1239", EntityKind.RURAL_COLLECTIVE),
    "Y": ("1", EntityKind.OTHER),
}
_KINDS = {
    authority + type_of_body: kind
    for authority, (types_of_body, kind) in _TYPES_OF_AUTHORITY.items()
    for type_of_body in types_of_body
} | {
    "91": EntityKind.ENTERPRISE,
    "92": EntityKind.INDIVIDUAL_BUSINESS,
    "93": EntityKind.COOPERATIVE,
}


class CreditCodeMalformed(Refusal):
    """The text lacks the shape of a credit code. It is not echoed: people paste ID numbers here."""

    code: ClassVar[str] = "credit_code.malformed"
    kind: ClassVar[RefusalKind] = RefusalKind.MALFORMED
    article: ClassVar[str] = "A11(1), A14(1)"
    zh: ClassVar[str] = "统一社会信用代码格式不正确：应为18位数字或大写字母（不含 I、O、S、V、Z），第3至8位为数字。"


class CreditCodeUnknownKind(Refusal):
    """Places 1-2 name no registration authority and type. They are not echoed: they may be an ID number's."""

    code: ClassVar[str] = "credit_code.unknown_kind"
    kind: ClassVar[RefusalKind] = RefusalKind.MALFORMED
    article: ClassVar[str] = "A11(1), A14(1)"
    zh: ClassVar[str] = "统一社会信用代码前两位不是有效的登记管理部门和机构类别，请按营业执照填写。"


class CreditCodeIsResidentId(Refusal):
    """A resident's ID number was given in a credit code's place. Nothing of it is echoed, stored or logged."""

    code: ClassVar[str] = "credit_code.is_resident_id"
    kind: ClassVar[RefusalKind] = RefusalKind.MALFORMED
    article: ClassVar[str] = "A11(1), A14(1)"
    zh: ClassVar[str] = (
        "所填的似乎是居民身份证号码，未予保存；请填写营业执照上的统一社会信用代码，请勿在此填写身份证号码。"
    )


class CreditCodeCheckDigit(Refusal):
    """The check character fails and no evidence came along. Some issued codes fail: evidence overrides it."""

    code: ClassVar[str] = "credit_code.check_digit"
    kind: ClassVar[RefusalKind] = RefusalKind.RULE
    article: ClassVar[str] = "A11(1), A14(1)"
    zh: ClassVar[str] = "统一社会信用代码校验位不符，请核对；如与营业执照一致，请上传执照作为佐证后提交人工核实。"


@dataclass(frozen=True, slots=True)
class CreditCodeCheck:
    """What an examined code says of itself. Only the licence proves who holds it (Q27)."""

    code: CreditCode
    kind: EntityKind
    check_digit_fails: bool
    organisation_check_warns: bool

    @property
    def valid(self) -> bool:
        """Whether the check character holds; the check of the organisation part only warns."""
        return not self.check_digit_fails

    @property
    def may_be_legal_person(self) -> bool:
        """False for an individual business, which is no independent legal person. Source: R61, A13(2)."""
        return self.kind is not EntityKind.INDIVIDUAL_BUSINESS

    @property
    def province_hint(self) -> str:
        """Two digits of the registering authority's province ("52" Guizhou); a hint only. Source: Q27."""
        return self.code[2:4]


def normalise(text: str) -> str:
    """The text without outer blanks, in upper case and half width."""
    return text.strip().translate(_FULL_WIDTH).upper()


def body_of(code: str) -> str:
    """The first 17 places, which name one body; the last is computed from them, so one code of a body is valid."""
    return normalise(code)[:17]


def same_body(one: str, other: str) -> bool:
    """Whether two credit codes name one body, whatever their check places say. Source: A13(4), R63."""
    return body_of(one) == body_of(other)


def check_character(first_places: str) -> str:
    """The check character of 17 places. Source: GB 32100-2015 (ISO/IEC 7064 style, modulus 31)."""
    total = sum(_VALUES[symbol] * weight for symbol, weight in zip(first_places, _WEIGHTS, strict=True))
    # The outer modulus matters: a sum divisible by 31 gives 0, not 31.
    return _SYMBOLS[(31 - total % 31) % 31]


def examine(text: str) -> CreditCodeCheck:
    """Normalise a code and say what holds; a failing check character is reported, not refused.

    Raises: CreditCodeIsResidentId, CreditCodeMalformed, CreditCodeUnknownKind.
    """
    normal = normalise(text)
    if _seems_a_resident_id(normal):
        raise CreditCodeIsResidentId
    if not _SHAPE.fullmatch(normal):
        raise CreditCodeMalformed(length=len(normal), expected_length=_LENGTH)
    kind = _KINDS.get(normal[:2])
    if kind is None:
        raise CreditCodeUnknownKind
    return CreditCodeCheck(
        code=CreditCode(normal),
        kind=kind,
        check_digit_fails=check_character(normal[:17]) != normal[17],
        organisation_check_warns=_organisation_check_character(normal[_ORGANISATION]) != normal[16],
    )


def accept(text: str) -> CreditCodeCheck:
    """Examine a code that comes without evidence, hence must pass its check character.

    Raises: CreditCodeIsResidentId, CreditCodeMalformed, CreditCodeUnknownKind, CreditCodeCheckDigit. Source: R44, R64.
    """
    check = examine(text)
    if check.check_digit_fails:
        raise CreditCodeCheckDigit
    return check


def _seems_a_resident_id(normal: str) -> bool:
    """Whether a text is a resident's ID number rather than a code; people also type blanks and hyphens into it.

    A day of birth with a right check place is enough, though one in 31 of these numbers has the check character of a
    code as well: a code that reads so belongs to one organisation in very many. With a wrong check place a day of birth
    is enough where no code with a right check character stands: a mistyped number is as personal.
    """
    number = _TYPED_BETWEEN.sub("", normal)
    if not resident_id.has_shape(number):
        return False
    if resident_id.is_right(number):
        return True
    is_code = number[:2] in _KINDS and _SHAPE.fullmatch(number) and check_character(number[:17]) == number[17]
    return not is_code


def _organisation_check_character(organisation: str) -> str:
    # GB 11714 counts A-Z as 10-35, which is what int() in base 36 does.
    weighted = zip(organisation[:8], _ORGANISATION_WEIGHTS, strict=True)
    total = sum(int(symbol, 36) * weight for symbol, weight in weighted)
    return "0123456789X0"[11 - total % 11]
