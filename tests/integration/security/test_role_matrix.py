"""Every role against every operation of every service: what the one table of grants says, and nothing else."""

import pytest

from shared.contracts.permissions import GRANTS, Permission, Role
from tests.integration.security.estate import Estate, Operation

pytestmark = pytest.mark.asyncio(loop_scope="session")

ANONYMOUS_EVERYWHERE = {
    "GET /openapi.json": "the interface is published to providers who integrate by machine",
    "GET /docs": "the interface, for people",
    "GET /docs/oauth2-redirect": "a static page of the interface documents",
    "GET /clock": "business time concerns everybody who has a deadline, and says nothing of anybody",
    "GET /quiet": "six counts for those who wait for the platform to rest; no names, ids or amounts",
}
ANONYMOUS = {
    "identity POST /registrations": "nobody has an account before registering (A11(1), A14(1))",
    "identity GET /forms/{party}": "what is asked of a party is public before it registers",
    "identity GET /directory": "the recognised providers are published (R15)",
    "identity GET /blacklist": "the blacklist is published (A12, R16); proposals ask for a permission inside",
    "identity GET /keys": "public keys are public",
    "identity POST /sessions": "signing in makes the caller known",
    "identity POST /sessions/refresh": "the refresh token itself says who calls",
    "identity POST /password-resets": "whoever has forgotten the password cannot sign in; the code says who asks",
    "catalog GET /directory": "the public directory (R15, R34)",
    "catalog GET /directory/{product_id}": "the public directory (R15, R34)",
    "catalog GET /providers": "providers that offer something now (R15)",
    "catalog GET /classes": "the eligible classes are published (R34)",
    "catalog GET /agreement": "a buyer reads the agreement before registering (R68)",
    "catalog GET /truth-declaration": "a party reads the declaration before signing it",
    "catalog GET /delisting-grounds": "grounds are law, not data",
    "catalog GET /legal-references": "the legal basis is public (R83)",
    "voucher GET /plans": "published plans (A15, R14)",
    "voucher GET /plans/{plan_id}": "one published plan (A15, R14)",
    "voucher GET /queue/{plan_id}": "the order of the queue, without names (Q2)",
    "voucher GET /receipt-keys": "anyone may check a receipt (Q2)",
    "voucher POST /receipts/verify": "anyone may check a receipt (Q2)",
}
OF_ANY_ACCOUNT = {
    "identity DELETE /sessions/current": "whoever is signed in may sign out",
    "identity GET /me": "the own account",
    "identity PUT /me/password": "the own password",
    "identity POST /me/second-factor": "the own authenticator, before it gives any right",
    "identity POST /me/second-factor/confirm": "the own authenticator, before it gives any right",
}
# These name no permission on the route: which rows are seen follows from which of these the caller holds.
DECIDED_INSIDE = {
    **dict.fromkeys(
        ("voucher GET /applications", "voucher GET /applications/{application_id}"),
        frozenset(
            {
                Permission.VOUCHER_APPLICATION_READ_OWN,
                Permission.VOUCHER_APPLICATION_READ_REGION,
                Permission.VOUCHER_APPLICATION_READ_ALL,
            }
        ),
    ),
    **dict.fromkeys(
        ("voucher GET /accounts", "voucher GET /quota-accounts/{account_id}/movements"),
        frozenset(
            {
                Permission.VOUCHER_ACCOUNT_READ_OWN,
                Permission.VOUCHER_ACCOUNT_READ_REGION,
                Permission.VOUCHER_ACCOUNT_READ_ALL,
            }
        ),
    ),
}
EVERYONE = "everyone"
NOBODY_KNOWS = "01900000-0000-7000-8000-00000000dead"


def expected(operation: Operation) -> frozenset[Permission] | str | None:
    """The permissions of which any one lets in; EVERYONE for anonymous routes, nothing for any account's."""
    if f"{operation.method} {operation.path}" in ANONYMOUS_EVERYWHERE or operation.title in ANONYMOUS:
        return EVERYONE
    if operation.title in OF_ANY_ACCOUNT:
        return frozenset()
    return operation.permissions or DECIDED_INSIDE.get(operation.title)


def verdict(operation: Operation, role: Role | None) -> str:
    """What the table of grants says of a role, or of nobody, before an operation."""
    needed = expected(operation)
    if needed == EVERYONE:
        return "let in"
    if role is None:
        return "401"
    assert isinstance(needed, frozenset)
    return "let in" if not needed or GRANTS[role] & needed else "403"


async def ask(estate: Estate, operation: Operation, role: Role | None) -> str:
    """What the platform says: `let in` is anything but 401 and 403, and never a fault."""
    values = {"party": "enterprise", "kind": "invoice", "year": 2030}
    names = [part.strip("{}") for part in operation.path.split("/") if part.startswith("{")]
    url = operation.url({name: values.get(name, NOBODY_KNOWS) for name in names})
    body: dict[str, object] | None = None if operation.method == "GET" else {}
    response = await estate.call(operation.method, url, body, role=role)
    assert response.status_code < 500, f"{operation.title}: {response.text}"
    return str(response.status_code) if response.status_code in {401, 403} else "let in"


async def test_every_operation_names_its_permission_or_has_a_written_reason(estate: Estate) -> None:
    unexplained = [operation.title for operation in estate.operations if expected(operation) is None]
    assert unexplained == []


async def test_no_written_reason_outlives_its_route(estate: Estate) -> None:
    titles = {operation.title for operation in estate.operations}
    paths = {f"{operation.method} {operation.path}" for operation in estate.operations}
    assert {*ANONYMOUS, *OF_ANY_ACCOUNT, *DECIDED_INSIDE} - titles == set()
    assert set(ANONYMOUS_EVERYWHERE) - paths == set()


async def test_a_route_with_a_written_reason_asks_for_no_permission(estate: Estate) -> None:
    listed = {*ANONYMOUS, *OF_ANY_ACCOUNT, *DECIDED_INSIDE}
    both = [operation.title for operation in estate.operations if operation.title in listed and operation.permissions]
    assert both == []


@pytest.mark.requirement("R9")
async def test_each_role_and_nobody_may_do_exactly_what_the_table_of_grants_says(estate: Estate) -> None:
    wrong: list[str] = []
    asked = 0
    for operation in estate.operations:
        for role in (None, *Role):
            said, should = await ask(estate, operation, role), verdict(operation, role)
            asked += 1
            if said != should:
                wrong.append(f"{operation.title} as {role or 'nobody'}: {said}, should be {should}")
    assert wrong == []
    assert asked > 1_000, "the matrix has lost most of its routes"


async def test_an_auditor_is_let_into_nothing_that_changes_anything(estate: Estate) -> None:
    changing = [
        operation.title
        for operation in estate.operations
        if operation.method != "GET" and operation.permissions and operation.permissions & GRANTS[Role.AUDITOR]
    ]
    assert changing == []


async def test_an_officer_may_not_recognise_by_exception(estate: Estate) -> None:
    path = f"/api/identity/v1/organisations/{NOBODY_KNOWS}/recognition"
    body = {"outcome": "recognised", "criteria": ["服务能力"], "reason": "择优", "exception_reason": "非法人"}
    officer = await estate.call("POST", path, body, role=Role.BUREAU_OFFICER)
    lead = await estate.call("POST", path, body, role=Role.BUREAU_LEAD)
    assert (officer.status_code, officer.json()["code"]) == (403, "auth.permission_missing")
    assert lead.status_code == 404


async def test_blacklisting_proposals_are_shown_to_those_who_decide_and_to_nobody_else(estate: Estate) -> None:
    path = "/api/identity/v1/blacklist"
    proposal = {
        "credit_code": "91520900MAAJ4T0P8N",
        "organisation_name": "贵州示例科技有限公司",
        "organ": "贵阳市中级人民法院",
        "number": "（2026）黔01刑终1号",
        "decided_on": "2026-01-05",
        "reason": "骗取财政资金",
    }
    await estate.done("POST", path, proposal, role=Role.OPERATOR_LEAD)
    shown = f"{path}?proposals=include"
    assert (await estate.call("GET", shown)).status_code == 401
    for role in Role:
        text = (await estate.call("GET", shown, role=role)).text
        decides = GRANTS[role] & {Permission.IDENTITY_BLACKLIST_PROPOSE, Permission.IDENTITY_BLACKLIST_APPROVE}
        assert (proposal["credit_code"] in text) == bool(decides), role
