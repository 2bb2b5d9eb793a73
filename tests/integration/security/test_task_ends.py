"""Each kind of task names the acts that end it, and whoever is shown the task is let in to one of them."""

import re
from collections.abc import Mapping
from pathlib import Path
from uuid import UUID

import pytest

from shared.contracts.permissions import GRANTS, Permission, Role
from tests.integration.security.platform_fixture import Estate, Operation
from tests.integration.security.schemas import NOBODY, body_schema, sample

pytestmark = pytest.mark.asyncio(loop_scope="session")

ROOT = Path(__file__).parents[3]
P = Permission
ENDS: Mapping[str, tuple[Permission, tuple[str, ...]]] = {
    "authentication.review": (
        P.IDENTITY_AUTHENTICATION_REVIEW,
        ("identity POST /organisations/{organisation_id}/authentication/approve",),
    ),
    "resemblance.decide": (
        P.IDENTITY_AUTHENTICATION_REVIEW,
        ("identity POST /resemblances/{resemblance_id}/decide",),
    ),
    "recognition.decide": (
        P.IDENTITY_RECOGNITION_DECIDE,
        ("identity POST /organisations/{organisation_id}/recognition",),
    ),
    "blacklist.approve": (P.IDENTITY_BLACKLIST_APPROVE, ("identity POST /blacklist/{entry_id}/approve",)),
    "blacklist.approve_lifting": (
        P.IDENTITY_BLACKLIST_APPROVE,
        ("identity POST /blacklist/liftings/{lifting_id}/approve",),
    ),
    "affiliation.judge": (
        P.IDENTITY_AFFILIATION_RECORD,
        (
            "identity POST /affiliations/{affiliation_id}/confirm",
            "identity POST /affiliations/{affiliation_id}/dismiss",
        ),
    ),
    "organisation.reinstate": (
        P.IDENTITY_ORGANISATION_REINSTATE,
        (
            "identity POST /organisations/{organisation_id}/reinstatement",
            "identity POST /organisations/{organisation_id}/reinstatement/refuse",
        ),
    ),
    "authentication.submit": (
        P.IDENTITY_AUTHENTICATION_SUBMIT,
        ("identity POST /organisations/{organisation_id}/authentication",),
    ),
    "staff.approve": (P.IDENTITY_STAFF_APPROVE, ("identity POST /staff-proposals/{proposal_id}/approve",)),
    "staff.separate_roles": (P.IDENTITY_STAFF_MANAGE, ("identity PUT /staff/{account_id}/roles",)),
    "staff.open": (P.IDENTITY_STAFF_MANAGE, ("identity POST /staff",)),
    "operator.designate": (P.IDENTITY_OPERATOR_DESIGNATE, ("identity POST /designations",)),
    "revise": (P.CATALOG_PRODUCT_DRAFT, ("catalog PUT /products/{product_id}",)),
    "resubmit": (P.CATALOG_PRODUCT_DRAFT, ("catalog POST /products/{product_id}/submit",)),
    "review": (P.CATALOG_PRODUCT_OPERATOR_REVIEW, ("catalog POST /products/{product_id}/opinion",)),
    "decide": (P.CATALOG_PRODUCT_BUREAU_REVIEW, ("catalog POST /products/{product_id}/decision",)),
    "approve_delisting": (P.CATALOG_PRODUCT_DELIST, ("catalog POST /delistings/{delisting_id}/decision",)),
    "answer_delisting": (P.CATALOG_PRODUCT_DRAFT, ("catalog POST /delistings/{delisting_id}/statement",)),
    "application.review": (P.VOUCHER_APPLICATION_REVIEW, ("voucher POST /applications/{application_id}/grant",)),
    "application.review_late": (P.VOUCHER_PLAN_APPROVE, ("voucher POST /applications/{application_id}/urge",)),
    "application.resubmit": (P.VOUCHER_APPLICATION_SUBMIT, ("voucher POST /applications",)),
    "plan.draft": (P.VOUCHER_PLAN_DRAFT, ("voucher POST /plans",)),
    "plan.approve": (P.VOUCHER_PLAN_APPROVE, ("voucher POST /plans/{plan_id}/approve",)),
    "plan.publish": (P.VOUCHER_PLAN_PUBLISH, ("voucher POST /plans/{plan_id}/publish",)),
    "increase.approve": (P.VOUCHER_PLAN_APPROVE, ("voucher POST /increases/{increase_id}/approve",)),
    "revocation.approve": (P.VOUCHER_REVOCATION_APPROVE, ("voucher POST /revocations/{revocation_id}/approve",)),
    "order.confirm": (P.ORDER_ORDER_CONFIRM, ("order POST /orders/{order_id}/confirm",)),
    "order.awaiting": (P.ORDER_ORDER_PLACE, ("order POST /orders/{order_id}/cancel",)),
    "refund.answer": (P.ORDER_ORDER_CONFIRM, ("order POST /orders/{order_id}/refund/consent",)),
    "delivery.accept": (P.ORDER_ORDER_PLACE, ("order POST /orders/{order_id}/acceptance",)),
    "refund.decide": (P.ORDER_ESCALATION_DECIDE, ("order POST /orders/{order_id}/refund/decide",)),
    "complaint.answer": (P.ORDER_COMPLAINT_HANDLE, ("order POST /complaints/{complaint_id}/answer",)),
    "submit_claim": (P.SETTLEMENT_CLAIM_FILE, ("settlement POST /claims/{claim_id}/submit",)),
    "refile_claim": (P.SETTLEMENT_CLAIM_FILE, ("settlement POST /claims",)),
    "request_appropriation": (P.SETTLEMENT_APPROPRIATION_REQUEST, ("settlement POST /appropriations",)),
    "first_review": (
        P.SETTLEMENT_CLAIM_FIRST_REVIEW,
        ("settlement POST /claims/{claim_id}/items/{order_id}/first-review",),
    ),
    "bureau_review": (
        P.SETTLEMENT_CLAIM_BUREAU_REVIEW,
        ("settlement POST /claims/{claim_id}/items/{order_id}/bureau-review",),
    ),
    "answer_question": (P.SETTLEMENT_CLAIM_ANSWER, ("settlement POST /questions/{question_id}/answer",)),
    "late_answer": (P.SETTLEMENT_APPROPRIATION_APPROVE, ("settlement POST /questions/{question_id}/urge",)),
    "approve_override": (P.SETTLEMENT_OVERRIDE_APPROVE, ("settlement POST /overrides/{override_id}/approve",)),
    "approve_appropriation": (
        P.SETTLEMENT_APPROPRIATION_APPROVE,
        ("settlement POST /appropriations/{appropriation_id}/approve",),
    ),
    "return_approved": (
        P.SETTLEMENT_APPROPRIATION_APPROVE,
        ("settlement POST /appropriations/{appropriation_id}/return",),
    ),
    "record_payment": (
        P.SETTLEMENT_PAYMENT_RECORD,
        ("settlement POST /appropriations/{appropriation_id}/payments",),
    ),
}
"""Each kind: the permission that shows it, and the acts that end it."""
# How the queries name a kind: with a title in Chinese behind it, or as a key of the table of titles.
_NAMED = re.compile(
    r"'([a-z_]+\.[a-z_]+)'(?: AS kind)?,\s*(?:'[^'\n]*[\u4e00-\u9fff]|CASE state)|^ {4}\"([a-z_]+)\": \"",
    re.MULTILINE,
)


def kinds() -> set[str]:
    """Every kind of task that the services' own texts name."""
    found: set[str] = set()
    for name in ("tasks", "first_steps"):
        for path in sorted(ROOT.glob(f"services/*/views/{name}.py")):
            text = path.read_text(encoding="utf-8")
            for match in _NAMED.finditer(text):
                found.add(match[1] or match[2])
    return found


async def test_every_kind_of_task_names_the_act_that_ends_it() -> None:
    assert kinds() == set(ENDS)


@pytest.mark.parametrize("kind", sorted(ENDS))
async def test_whoever_is_shown_a_task_is_let_in_to_an_act_that_ends_it(estate: Estate, kind: str) -> None:
    """The act is asked for, in each role that is shown the task; what it does is tried beside its service."""
    shown, titles = ENDS[kind]
    operations = {operation.title: operation for operation in estate.operations}
    for role in (role for role in Role if shown in GRANTS[role]):
        answers = [await ask(estate, operations[title], role) for title in titles]
        assert any(status not in {401, 403, 405, 500} for status in answers), (kind, role, answers)


async def ask(estate: Estate, operation: Operation, role: Role) -> int:
    document = estate.documents[operation.service]
    schema = body_schema(document, method=operation.method, path=operation.path)
    names = [part.strip("{}") for part in operation.path.split("/") if part.startswith("{")]
    answer = await estate.call(
        operation.method,
        operation.url(dict.fromkeys(names, NOBODY)),
        None if schema is None else sample(schema, document),
        role=role,
        organisation_id=UUID(NOBODY) if role in {Role.ENTERPRISE, Role.PROVIDER} else None,
        headers={"If-Match": '"1"'},
    )
    return answer.status_code
