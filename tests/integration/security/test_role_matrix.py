"""Every role against every operation of every service: what the written tables say, and nothing else."""

from collections.abc import Collection

import pytest

from shared.contracts.permissions import GRANTS, Role
from shared.contracts.scopes import MEMBER_RIGHTS, SCOPES, MemberRole
from tests.integration.security.platform_fixture import Estate, Operation
from tests.integration.security.written import written_operations

pytestmark = pytest.mark.asyncio(loop_scope="session")

WRITTEN = written_operations()
NOBODY_KNOWS = "01900000-0000-7000-8000-00000000dead"


def verdict(operation: Operation, role: Role | None) -> str:
    """What the written table says of a role, or of nobody, before an operation."""
    written = WRITTEN[operation.title]
    if written.for_everyone:
        return "let in"
    if role is None:
        return "401"
    return "let in" if not written.permissions or GRANTS[role] & written.permissions else "403"


async def ask(
    estate: Estate,
    operation: Operation,
    role: Role | None,
    *,
    scopes: Collection[str] | None = None,
    member: str | None = None,
) -> str:
    """What the platform says: `let in` is anything but 401 and 403, and never a fault."""
    values = {"party": "enterprise", "kind": "invoice", "year": 2030}
    names = [part.strip("{}") for part in operation.path.split("/") if part.startswith("{")]
    url = operation.url({name: values.get(name, NOBODY_KNOWS) for name in names})
    body: dict[str, object] | None = None if operation.method == "GET" else {}
    response = await estate.call(operation.method, url, body, role=role, scopes=scopes, member=member)
    assert response.status_code < 500, f"{operation.title}: {response.text}"
    return str(response.status_code) if response.status_code in {401, 403} else "let in"


async def test_the_written_table_is_about_exactly_what_the_platform_answers_to(estate: Estate) -> None:
    assert {operation.title for operation in estate.operations} == set(WRITTEN)


@pytest.mark.requirement("R9")
async def test_each_role_and_nobody_may_do_exactly_what_the_written_tables_say(estate: Estate) -> None:
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


async def test_a_machine_client_is_let_in_by_the_scopes_that_open_a_right_of_its_organisation_and_by_no_other(
    estate: Estate,
) -> None:
    wrong: list[str] = []
    for operation in estate.operations:
        written = WRITTEN[operation.title]
        for role in (Role.ENTERPRISE, Role.PROVIDER):
            opening = {scope for scope, rights in SCOPES.items() if rights & written.permissions & GRANTS[role]}
            anyway = "403" if written.for_people else "let in"
            expected = [(opening, "let in"), (SCOPES.keys() - opening, "403" if written.permissions else anyway)]
            for scopes, should in expected:
                said = await ask(estate, operation, role, scopes=scopes) if scopes else should
                if said != should:
                    wrong.append(f"{operation.title} as a client of {role} with {sorted(scopes)}: {said}")
    assert wrong == []


async def test_handlers_and_readers_are_let_into_what_their_role_leaves_of_their_organisation_s_rights(
    estate: Estate,
) -> None:
    wrong: list[str] = []
    for operation in estate.operations:
        written = WRITTEN[operation.title]
        for role in (Role.ENTERPRISE, Role.PROVIDER):
            for member in (MemberRole.HANDLER, MemberRole.READER):
                held = GRANTS[role] & MEMBER_RIGHTS[member]
                should = "let in" if not written.permissions or held & written.permissions else "403"
                said = await ask(estate, operation, role, member=member)
                if said != should:
                    wrong.append(f"{operation.title} as a {member} of {role}: {said}, should be {should}")
    assert wrong == []


async def test_a_reader_is_let_into_nothing_that_changes_anything(estate: Estate) -> None:
    changing = [
        operation.title
        for operation in estate.operations
        if operation.method != "GET" and operation.permissions and operation.permissions & MEMBER_RIGHTS["reader"]
    ]
    assert changing == []


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


async def test_blacklisting_proposals_are_shown_to_who_decides_or_audits_and_refused_to_others(estate: Estate) -> None:
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
        answer = await estate.call("GET", shown, role=role)
        watches = role in {Role.OPERATOR_LEAD, Role.BUREAU_LEAD, Role.AUDITOR}
        assert (proposal["credit_code"] in answer.text) == watches, role
        assert answer.status_code == (200 if watches else 403), role
