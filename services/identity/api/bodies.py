"""The bounded texts of identity's request bodies, and the body that several route files take."""

from typing import Annotated

from pydantic import Field, Secret, StringConstraints

from services.identity.auth.passwords import LENGTH_MAX
from shared.runtime.http import Body, PlainName

LineText = Annotated[str, Field(min_length=1, max_length=200)]
Titled = Annotated[LineText, PlainName]
"""The name of a firm or an office."""
Reason = Annotated[str, Field(min_length=1, max_length=2_000)]
OptionalReason = Annotated[str, Field(max_length=2_000)]
Name = Annotated[str, Field(min_length=1, max_length=64)]
Password = Annotated[
    Secret[Annotated[str, StringConstraints(min_length=1, max_length=LENGTH_MAX * 2, strip_whitespace=False)]],
    Field(json_schema_extra={"format": "password", "writeOnly": True}),
]
"""Blanks at its ends belong to a password; they are stripped from every other text."""
PackCode = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
RegionCode = Annotated[str, Field(pattern=r"^[0-9]{6}$")]


class ReasonBody(Body):
    """The reason of an act."""

    reason: Reason
