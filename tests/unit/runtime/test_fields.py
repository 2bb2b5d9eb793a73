"""Dates, moments and numbers of a body have one form (RFC 3339)."""

from datetime import date

import pytest
from pydantic import AwareDatetime, TypeAdapter, ValidationError

from shared.runtime.http.commands import Body as StrictBody
from shared.runtime.validation.fields import Day, Moment


class Body(StrictBody):
    """A body with a field of each strict kind."""

    size: int = 0
    sure: bool = False
    due_on: date | None = None
    due_at: AwareDatetime | None = None


@pytest.mark.parametrize(
    "body",
    [
        {"size": 1, "sure": True},
        {"due_on": "2024-02-29"},
        {"due_at": "2026-01-05T09:00:00+08:00"},
        {"due_at": "2026-01-05t01:00:00.123456789z"},
    ],
    ids=str,
)
def test_the_one_form_is_taken(body: dict[str, object]) -> None:
    Body.model_validate(body)


@pytest.mark.parametrize(
    "body",
    [
        *({"size": given} for given in ("1", True, 1.0, "²")),
        *({"sure": given} for given in (1, "true", "yes")),
        *({"due_on": given} for given in (20_458, "20458", "2026-1-5", "20260105", "2026-02-30", "9999-12-31")),
        *({"due_at": given} for given in (1_767_574_800, "1767574800", "2026-01-05", "2026-01-05T09:00:00")),
        *({"due_at": given} for given in ("2026-01-05 09:00:00+08:00", "0001-01-01T00:00:00+23:59")),
    ],
    ids=str,
)
def test_every_other_form_is_refused(body: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Body.model_validate(body)


@pytest.mark.parametrize("text", ["1767574800", "2026-01-05T09:00:00", "2026-01-05", "1899-12-31T00:00:00Z"])
def test_a_moment_of_a_query_has_its_offset_and_a_year_that_arithmetic_bears(text: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Moment).validate_python(text)


@pytest.mark.parametrize("text", ["20458", "2026-1-5", "2026-01-05T00:00:00Z", "3000-01-01"])
def test_a_day_of_a_query_is_a_full_date(text: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Day).validate_python(text)
