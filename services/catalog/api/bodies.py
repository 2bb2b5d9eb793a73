"""The request bodies of the catalog: bounded texts, integer fen, nothing unknown."""

from typing import Annotated

from pydantic import AwareDatetime, Field, StringConstraints

from services.catalog.domain.product import COMPONENTS_MAX, Content
from shared.contracts.messages.catalog import Component
from shared.kernel.money import MAX_FEN
from shared.runtime.http import Body, PlainName

# PostgreSQL stores no NUL, and other control characters have no business in a name.
_LINE = r"^[^\x00-\x1f\x7f]+$"
_TEXT = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]+$"

Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100, pattern=_LINE)]
Unit = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=20, pattern=_LINE)]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=4_000, pattern=_TEXT)]
Code = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")]
# Strict: a price written as 12.0, "12" or true is a mistake of the sender, and money is never guessed.
PriceFen = Annotated[int, Field(strict=True, ge=1, le=MAX_FEN)]
Flag = Annotated[bool, Field(strict=True)]


class ComponentBody(Body):
    """One price component."""

    code: Code
    name: Annotated[Line, PlainName]
    unit: Annotated[Unit, PlainName]
    price_fen: PriceFen


class ContentBody(Body):
    """What a provider says of a product. Source: A11(4), R47."""

    name: Line
    class_code: Code
    description: Text
    service_standard: Text
    market_reference: Text
    voucher: Flag
    components: Annotated[list[ComponentBody], Field(min_length=1, max_length=COMPONENTS_MAX)]

    def content(self) -> Content:
        """The body as a value of the domain."""
        return Content(
            name=self.name,
            class_code=self.class_code,
            description=self.description,
            service_standard=self.service_standard,
            market_reference=self.market_reference,
            voucher=self.voucher,
            components=tuple(Component(**component.model_dump()) for component in self.components),
        )


class SubmitBody(Body):
    """The signed truth declaration and the ticked items of the class's service rules. Source: R10, R41."""

    declaration_version: Line
    checklist: Annotated[list[Code], Field(max_length=100)]
    correction: Annotated[str, StringConstraints(strip_whitespace=True, max_length=2_000)] = ""
    """What was corrected, when an edition that was sent back is handed in with the same content."""


class OpinionBody(Body):
    """The operator's opinion."""

    favourable: Flag
    text: Text


class SendBackBody(Body):
    """Why the edition is returned."""

    text: Text


class DecisionBody(Body):
    """A decision with its reason."""

    approve: Flag
    reason: Text


class WithdrawBody(Body):
    """Why the provider takes its product off, or a proposal is taken back."""

    reason: Text


class CorrectionBody(Body):
    """What is to be corrected, and until when."""

    text: Text
    due_at: AwareDatetime


class DelistingBody(Body):
    """The ground by its code in the pack, and the evidence."""

    ground: Code
    evidence: Text


class StatementBody(Body):
    """The provider's own words."""

    statement: Text
