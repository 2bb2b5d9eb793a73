"""Request bodies that several files of routes use."""

from typing import Annotated
from uuid import UUID

from pydantic import ConfigDict, Field
from pydantic.config import JsonDict

from services.order.domain.terms import LINES_MAX, QUANTITY_MAX
from shared.kernel.money import MAX_FEN
from shared.runtime.http import Body, OneLine

NAME_MAX = 50
_NAME = r"^[^\x00-\x1f\x7f]{1,50}$"
_PHONE = r"^[0-9+() -]{5,30}$"
_EMAIL = r"^([^\x00-\x20\x7f@]{1,64}@[^\x00-\x20\x7f@]{1,100})?$"


LINE_EXAMPLE: JsonDict = {
    "product_id": "01890000-0000-7000-8000-000000000001",
    "edition": 1,
    "component": "month",
    "quantity": 2,
}


def example(body: JsonDict) -> ConfigDict:
    """The configuration of a body whose documents show this example; a test sends each of them."""
    return {"json_schema_extra": {"examples": [body]}}


class ContactBody(Body):
    """Whom the provider may ring about an order; the parties of the order alone see it."""

    name: Annotated[str, OneLine] = Field(min_length=1, max_length=NAME_MAX, pattern=_NAME)
    phone: Annotated[str, OneLine] = Field(pattern=_PHONE)
    email: Annotated[str, OneLine] = Field(default="", pattern=_EMAIL)


class LineBody(Body):
    """One line: the edition is the one the buyer saw, so that a changed price is noticed."""

    product_id: UUID
    edition: int = Field(ge=1, le=1_000_000)
    component: str = Field(min_length=1, max_length=64)
    quantity: int = Field(ge=1, le=QUANTITY_MAX)


Lines = Annotated[list[LineBody], Field(min_length=1, max_length=LINES_MAX)]
VoucherFen = Annotated[int, Field(ge=0, le=MAX_FEN)]
