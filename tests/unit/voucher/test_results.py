"""What an act answers with has the fields of what a read answers with: a client shows both by the same code."""

from dataclasses import fields

import pytest

from services.voucher.handlers.plans import IncreaseResult, PlanResult
from services.voucher.handlers.reviews import ReviewResult
from services.voucher.handlers.revocations import RevocationResult
from services.voucher.views.models import ApplicationView, IncreaseView, PlanView, RevocationView
from shared.contracts.http.resources import Resource


@pytest.mark.parametrize(
    ("result", "view"),
    [
        pytest.param(PlanResult, PlanView, id="plan"),
        pytest.param(IncreaseResult, IncreaseView, id="increase"),
        pytest.param(RevocationResult, RevocationView, id="revocation"),
        pytest.param(ReviewResult, ApplicationView, id="application"),
    ],
)
def test_an_act_answers_with_the_fields_of_a_read(result: type, view: type[Resource]) -> None:
    assert [(field.name, field.type) for field in fields(result)] == [
        (name, field.annotation) for name, field in view.model_fields.items()
    ]
