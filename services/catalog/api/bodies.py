"""The bounded texts and amounts of the catalog's request bodies, and bodies that several route files take."""

from typing import Annotated

from pydantic import Field, StringConstraints

from shared.kernel.money import MAX_FEN
from shared.runtime.http import Body

# PostgreSQL stores no NUL, and other control characters have no business in a name.
_LINE = r"^[^\x00-\x1f\x7f]+$"
_TEXT = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]+$"

NameText = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100, pattern=_LINE)]
UnitText = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=20, pattern=_LINE)]
ProseText = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=4_000, pattern=_TEXT)]
CodeText = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")]
# Strict: a price written as 12.0, "12" or true is a mistake of the sender, and money is never guessed.
PriceFen = Annotated[int, Field(strict=True, ge=1, le=MAX_FEN)]
Flag = Annotated[bool, Field(strict=True)]


class DecisionBody(Body):
    """A decision with its reason."""

    approve: Flag
    reason: ProseText


class WithdrawBody(Body):
    """Why the provider takes its product off, or a proposal is taken back."""

    reason: ProseText
