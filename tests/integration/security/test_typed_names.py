"""No name that a person types holds markup or what cannot be seen; over every such field of every service."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from shared.contracts.permissions import GRANTS, Role
from tests.factories.catalog import a_content
from tests.integration.security.example_data import Tenant
from tests.integration.security.platform_fixture import Estate, Operation
from tests.integration.security.schemas import Path, body_schema, fields, replaced
from tests.integration.security.two_people import ACQUITTED, DECIDED, PROVIDER_CODE

pytestmark = pytest.mark.asyncio(loop_scope="session")

BAD = ("<b>贵州云</b>", "贵州云<script>alert(1)</script>", "＜贵州云＞", "贵州\u202e云", "贵州\u200b云")
NAMES = frozenset({"name", "organ", "unit"})
NO_NAMES = frozenset({"sign_in_name"})
"""It has a rule of its own, and nobody is shown under it."""
CONTACT = {"name": "张三", "phone": "13800000000"}
BODIES: Mapping[str, Mapping[str, Any]] = {
    "identity POST /registrations": {
        "kind": "provider",
        "credit_code": PROVIDER_CODE,
        "name": "贵州云有限公司",
        "region": "520100",
        "contact_name": "张三",
        "contact_phone": "13985123477",
        "sign_in_name": "nobody-yet",
        "password": "correct horse 7 battery",
    },
    "identity POST /staff": {"sign_in_name": "nobody-yet", "display_name": "审核科", "roles": ["finance"]},
    "identity POST /blacklist": {"credit_code": PROVIDER_CODE, "organisation_name": "某公司", **DECIDED},
    "identity POST /blacklist/{entry_id}/liftings": ACQUITTED,
    "identity POST /designations": {"operator_name": "云券公司", "act": "省政府决定"},
    "identity POST /invitations": {"display_name": "审核科", "member_role": "handler"},
    "identity POST /clients": {"name": "对接系统", "scopes": ["order:read"], "public_key": {"kty": "OKP"}},
    "identity PUT /clients/{client_id}": {"name": "对接系统", "scopes": ["order:read"]},
    "catalog POST /products": a_content(),
    "catalog PUT /products/{product_id}": a_content(),
    "order PUT /contact": CONTACT,
    "order POST /orders": {"agreement_version": "1.0.0", "voucher": "none", "contact": CONTACT},
}
"""A body of every command that takes the name of something."""


def is_typed(path: Path) -> bool:
    """Whether a field is the name of something."""
    last = str(path[-1])
    return (last in NAMES or last.endswith("_name")) and last not in NO_NAMES


def typed(estate: Estate) -> Iterator[tuple[Operation, Path]]:
    """Every field of a body that is the name of something."""
    for operation in estate.operations:
        document = estate.documents[operation.service]
        if operation.method == "GET" or operation.path not in document["paths"]:
            continue
        schema = body_schema(document, method=operation.method, path=operation.path)
        for path, _ in fields(schema, document) if schema is not None else ():
            if is_typed(path):
                yield operation, path


async def refusal(estate: Estate, tenants: Mapping[str, Tenant], operation: Operation, body: object) -> str:
    """What a command says to somebody who may send it."""
    role = next((role for role in Role if GRANTS[role] & (operation.permissions or frozenset())), None)
    owner = {Role.ENTERPRISE: tenants["A"], Role.PROVIDER: tenants["P"]}.get(role or Role.AUDITOR)
    values = {
        "product_id": tenants["P"].own["product_id"][0],
        "entry_id": tenants["A"].id,
        "client_id": tenants["A"].id,
    }
    who: dict[str, Any] = {"role": role} if owner is None else owner.who
    response = await estate.call(operation.method, operation.url(values), body, headers={"If-Match": '"1"'}, **who)
    assert response.status_code in {400, 422}, f"{operation.title}: {response.status_code} {response.text}"
    return response.text


async def test_no_name_that_a_person_types_holds_markup_or_what_cannot_be_seen(
    estate: Estate, tenants: Mapping[str, Tenant]
) -> None:
    for operation, path in typed(estate):
        body: dict[str, Any] = dict(BODIES[operation.title])
        if operation.title == "order POST /orders":
            product_id = tenants["P"].own["product_id"][1]
            body["lines"] = [{"product_id": product_id, "edition": 1, "component": "month", "quantity": 1}]
        for bad in BAD:  # a unit has 20 characters at most
            said = await refusal(estate, tenants, operation, replaced(body, path, bad[:20]))
            assert "不得含有尖括号或不可见" in said, (operation.title, path, bad, said)


async def test_no_command_with_a_name_is_left_out(estate: Estate) -> None:
    assert {operation.title for operation, _ in typed(estate)} == set(BODIES)
