"""Nobody reaches, changes or sees what belongs to another enterprise or provider: it is not found."""

import json
from collections.abc import Mapping

import pytest

from shared.contracts.permissions import GRANTS, Role
from tests.integration.security.example_data import CODES, Tenant, a_paper
from tests.integration.security.platform_fixture import Estate, Operation
from tests.integration.security.schemas import NOBODY, body_schema, sample

pytestmark = pytest.mark.asyncio(loop_scope="session")

STRANGERS = [("A", "B"), ("P", "Q"), ("A", "Q"), ("P", "B")]
# Published by law or design, so everybody reads them by their id.
PUBLIC = frozenset({"catalog GET /directory/{product_id}"})
# The route names no permission, but no provider holds one of those that it asks for inside.
OF_ENTERPRISES = frozenset(
    {"voucher GET /applications/{application_id}", "voucher GET /quota-accounts/{account_id}/movements"}
)


NO_KEY = "k" * 43
"""The name of a key that nobody has."""


def reachable(estate: Estate, tenant: Tenant) -> list[Operation]:
    """The operations with an id in their path that the tenant's role may ask for."""
    granted = GRANTS[tenant.role]
    return [
        operation
        for operation in estate.operations
        if "_id}" in operation.path
        and operation.signed_in
        and operation.title not in PUBLIC
        and (tenant.role is Role.ENTERPRISE or operation.title not in OF_ENTERPRISES)
        and (operation.permissions is None or operation.permissions & granted)
    ]


def addresses(operation: Operation, owner: Tenant) -> list[str]:
    """The operation's URLs with each of the owner's ids in it; none when the owner has no such id."""
    names = [part.strip("{}") for part in operation.path.split("/") if part.startswith("{")]
    first = next(name for name in names if name.endswith("_id"))
    return [
        operation.url({"kind": "invoice", "kid": NO_KEY, "order_id": owner.order_of.get(value, NOBODY), first: value})
        for value in owner.own.get(first, ())
    ]


async def attempt(estate: Estate, operation: Operation, url: str, *, by: Tenant) -> str:
    """What a stranger is told: its status and code, and whether the answer betrays anything."""
    who = by.who
    if operation.is_upload:
        file = {"Content-Type": "application/pdf"}
        facts = {"reference": "X-1", "amount_fen": "1", "dated_on": "2026-01-05"}
        params = facts if operation.service == "settlement" else {}
        response = await estate.call(operation.method, url, params=params, content=a_paper(7), headers=file, **who)
    elif operation.method == "GET":
        response = await estate.call("GET", url, **who)
    else:
        document = estate.documents[operation.service]
        schema = body_schema(document, method=operation.method, path=operation.path)
        body = {} if schema is None else sample(schema, document)
        # The version a stranger might guess; somebody else's row has none to compare with.
        response = await estate.call(operation.method, url, body, headers={"If-Match": '"1"'}, **who)
    problem = response.headers["content-type"] == "application/problem+json"
    return f"{response.status_code} {response.json()['code'] if problem else ''}"


async def test_every_id_of_a_tenant_is_not_found_by_another(estate: Estate, tenants: Mapping[str, Tenant]) -> None:
    tried = 0
    wrong: list[str] = []
    for owner_name, stranger_name in STRANGERS:
        owner, stranger = tenants[owner_name], tenants[stranger_name]
        for operation in reachable(estate, stranger):
            for url in addresses(operation, owner):
                tried += 1
                said = await attempt(estate, operation, url, by=stranger)
                if not said.startswith("404 "):
                    wrong.append(f"{operation.title} on {owner_name}'s by {stranger_name}: {said}")
    assert wrong == []
    assert tried > 80, "the story has lost its ids or the routes theirs"


async def test_each_of_these_ids_is_found_by_its_owner(estate: Estate, tenants: Mapping[str, Tenant]) -> None:
    """Without this the test above would pass on ids that are nobody's."""
    lost: list[str] = []
    found: set[str] = set()
    for owner in tenants.values():
        for operation in reachable(estate, owner):
            if operation.method != "GET":
                continue
            for url in addresses(operation, owner):
                said = await attempt(estate, operation, url, by=owner)
                found |= {operation.title} if said.startswith("200") else set()
                lost += [] if said.startswith("200") else [f"{url} by {owner.name}: {said}"]
    assert lost == []
    assert len(found) >= 8


async def test_what_is_not_there_and_what_is_anothers_look_the_same(
    estate: Estate, tenants: Mapping[str, Tenant]
) -> None:
    owner, stranger = tenants["A"], tenants["B"]
    for operation in reachable(estate, stranger):
        if operation.is_upload:
            continue
        for url in addresses(operation, owner)[:1]:
            nothing = url
            for value in (value for values in owner.own.values() for value in values):
                nothing = nothing.replace(value, NOBODY)
            others = await attempt(estate, operation, url, by=stranger)
            assert others == await attempt(estate, operation, nothing, by=stranger), operation.title


def private_ids(owner: Tenant) -> set[str]:
    """Ids that only the owner and staff may see; published products are in the directory."""
    shared_with_all = {"product_id"} if owner.role.value == "provider" else set()
    return {value for name, values in owner.own.items() if name not in shared_with_all for value in values}


@pytest.mark.parametrize(("owner_name", "stranger_name"), [("A", "B"), ("B", "A"), ("P", "Q"), ("Q", "P"), ("A", "Q")])
async def test_no_list_shows_a_row_of_another_tenant(
    estate: Estate, tenants: Mapping[str, Tenant], owner_name: str, stranger_name: str
) -> None:
    owner, stranger = tenants[owner_name], tenants[stranger_name]
    who = stranger.who
    secret = private_ids(owner) - {str(owner.id)}
    wrong: list[str] = []
    for operation in estate.operations:
        allowed = operation.permissions is None or operation.permissions & GRANTS[stranger.role]
        if operation.method != "GET" or "{" in operation.path or not allowed or operation.path.startswith("/docs"):
            continue
        url = operation.url({})
        for params in (
            {"limit": 100},
            {"limit": 100, "enterprise_id": str(owner.id)},
            {"limit": 100, "provider_id": str(owner.id)},
            {"limit": 100, "organisation_id": str(owner.id)},
        ):
            response = await estate.call("GET", url, params=params, **who)
            text = response.text
            seen = sorted(value for value in secret if value in text)
            if seen or (operation.signed_in and f"贵州{owner_name}示例" in text and operation.service == "identity"):
                wrong.append(f"{operation.title} {json.dumps(params)}: {seen}")
    assert wrong == []


async def test_a_stranger_cannot_name_anothers_rows_in_a_body(estate: Estate, tenants: Mapping[str, Tenant]) -> None:
    a, b, p, q = (tenants[name] for name in "ABPQ")
    path = "/api/settlement/v1/claims"
    orders = await estate.call("POST", path, {"order_ids": p.own["order_id"][:1]}, **q.who)
    nothing = await estate.call("POST", path, {"order_ids": [NOBODY]}, **q.who)
    assert (orders.status_code, orders.json()["code"]) == (nothing.status_code, nothing.json()["code"])
    assert orders.status_code in {404, 422}
    asked = {"claim_ids": p.own["claim_id"], "declaration_version": "1.0.0"}
    claims = await estate.call("POST", "/api/settlement/v1/appropriations", asked, **q.who)
    tie = {
        "organisation_id": str(a.id),
        "counterpart_code": CODES["P"],
        "kind": "property_tie",
        "source": "自行申报",
    }
    affiliation = await estate.call("POST", "/api/identity/v1/affiliations", tie, **b.who)
    assert (claims.status_code, affiliation.status_code) == (404, 404)


async def test_a_token_without_an_organisation_sees_and_reaches_nothing(
    estate: Estate, tenants: Mapping[str, Tenant]
) -> None:
    for name in "AP":
        owner = tenants[name]
        for operation in reachable(estate, owner):
            if operation.method != "GET":
                continue
            for url in addresses(operation, owner):
                response = await estate.call("GET", url, role=owner.role)
                assert response.status_code in {403, 404}, f"{operation.title}: {response.text[:200]}"


async def test_another_regions_officer_finds_nothing_of_this_region(
    estate: Estate, tenants: Mapping[str, Tenant]
) -> None:
    owner = tenants["A"]
    paths = (
        f"/api/identity/v1/organisations/{owner.id}",
        f"/api/order/v1/orders/{owner.own['order_id'][0]}",
        f"/api/voucher/v1/applications/{owner.own['application_id'][0]}",
    )
    for path in paths:
        assert (await estate.call("GET", path, role=Role.REGION, region="520300")).status_code == 404, path
        assert (await estate.call("GET", path, role=Role.REGION)).status_code == 404, path
        assert (await estate.call("GET", path, role=Role.REGION, region="520100")).status_code == 200, path
