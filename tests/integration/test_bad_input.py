"""Whatever is sent, every service answers with a problem in Chinese and a code, never with a fault or a stack trace."""

import json
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from embedded.sample_documents import paper_png
from shared.contracts.permissions import GRANTS, Role
from shared.kernel.money import MAX_FEN
from tests.factories.databases import DatabasePool
from tests.integration.security.example_data import Story, Tenant
from tests.integration.security.files import PRETENDERS
from tests.integration.security.platform_fixture import NAMES, Estate, Operation, open_estate
from tests.integration.security.schemas import (
    NOBODY,
    body_schema,
    broken_values,
    places,
    replaced,
    resolved,
    sample,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")

CHINESE = re.compile(r"[\u4e00-\u9fff]")
BETRAYING = ("Traceback", 'File "', "asyncpg", "sqlalchemy", "pydantic", "SELECT ", "site-packages")
WHERE_JSON = {"Content-Type": "application/json"}
FUZZED_EACH = 12
BODY_LIMIT_BYTES = 256 * 1024


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def estate(database_pool: DatabasePool) -> AsyncIterator[Estate]:
    async with open_estate(database_pool) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def tenants(estate: Estate) -> dict[str, Tenant]:
    return dict(await Story(estate).tell())


def check_problem(response: httpx.Response, said: object = "") -> None:
    """A refusal as RFC 9457 and the conventions of the API want it, and nothing of the inside."""
    assert response.status_code < 500, f"{said}: {response.status_code} {response.text[:400]}"
    assert not any(word in response.text for word in BETRAYING), f"{said}: {response.text[:400]}"
    if response.status_code < 400:
        return
    assert response.headers["content-type"] == "application/problem+json", f"{said}: {response.text[:200]}"
    problem = response.json()
    assert set(problem) >= {"type", "title", "status", "detail", "code"}, f"{said}: {problem}"
    assert problem["status"] == response.status_code
    assert problem["type"] == f"/problems/{problem['code']}"
    assert re.fullmatch(r"[a-z_]+(\.[a-z_]+)+", problem["code"]), problem
    assert CHINESE.search(problem["title"]), problem
    assert CHINESE.search(problem["detail"]), problem
    # A header can be split by what a client sent, so nothing of it may reach one.
    assert "set-cookie" not in response.headers


def commands(estate: Estate) -> Iterator[tuple[Operation, dict[str, Any]]]:
    """Every operation with a JSON body, and its schema."""
    for operation in estate.operations:
        if operation.method == "GET" or operation.path not in estate.documents[operation.service]["paths"]:
            continue
        document = estate.documents[operation.service]
        schema = body_schema(document, method=operation.method, path=operation.path)
        if schema is not None:
            yield operation, dict(resolved(schema, document))


def role_for(operation: Operation) -> Role | None:
    """Somebody who is let in; nobody where no permission is asked."""
    for role in Role:
        if operation.permissions and operation.permissions & GRANTS[role]:
            return role
    return Role.AUDITOR if operation.signed_in else None


def url_of(operation: Operation, tenants: dict[str, Tenant]) -> tuple[str, Tenant | None]:
    """The operation on real rows where the story has some, and whose they are."""
    role = role_for(operation)
    owner = {Role.ENTERPRISE: tenants["A"], Role.PROVIDER: tenants["P"]}.get(role or Role.AUDITOR)
    own = {**tenants["P"].own, **tenants["A"].own, **(owner.own if owner else {})}
    names = [part.strip("{}") for part in operation.path.split("/") if part.startswith("{")]
    values = {name: own.get(name, [NOBODY])[0] for name in names} | {"kind": "invoice", "party": "enterprise"}
    return operation.url(values), owner


async def send(estate: Estate, operation: Operation, tenants: dict[str, Tenant], **others: Any) -> httpx.Response:
    """The operation by somebody who may, on rows that exist."""
    url, owner = url_of(operation, tenants)
    who: dict[str, Any] = {"role": role_for(operation)}
    if owner is not None:
        who = owner.who
    return await estate.call(operation.method, url, **others, **who)


def forbidden_now(tenants: dict[str, Tenant]) -> list[tuple[str, Role, Tenant | None, dict[str, Any]]]:
    """Commands that the state of the story's rows forbids: path, role, whose, and a body that is right in itself."""
    a, p = tenants["A"], tenants["P"]
    asked, claimed, _ = a.own["order_id"]
    (_, published), reason = p.own["product_id"], {"reason": "测试"}
    organisation = f"identity/v1/organisations/{a.id}/authentication"
    product, order = f"catalog/v1/products/{published}", f"order/v1/orders/{asked}"
    application = f"voucher/v1/applications/{a.own['application_id'][0]}"
    claim, refund = f"settlement/v1/claims/{p.own['claim_id'][0]}", {"lines": [1], "reason": "测试"}
    appropriation = f"settlement/v1/appropriations/{p.own['appropriation_id'][0]}"
    review = {"approve": True, "reason": "测试"}
    item = f"{claim}/items/{claimed}"
    return [
        (f"{organisation}/refuse", Role.OPERATOR_CLERK, None, reason),
        (f"{organisation}/send-back", Role.OPERATOR_CLERK, None, reason),
        (f"identity/v1/organisations/{a.id}/reinstatement", Role.OPERATOR_LEAD, None, reason),
        (f"{product}/submit", Role.PROVIDER, p, {"declaration_version": "1.0.0", "checklist": []}),
        (f"{product}/opinion", Role.OPERATOR_CLERK, None, {"favourable": True, "text": "测试"}),
        (f"{product}/send-back", Role.OPERATOR_CLERK, None, {"text": "测试"}),
        (f"{product}/decision", Role.BUREAU_OFFICER, None, review),
        (f"{application}/refuse", Role.OPERATOR_CLERK, None, reason),
        (f"{application}/grant", Role.OPERATOR_CLERK, None, reason),
        (f"{application}/send-back", Role.OPERATOR_CLERK, None, reason),
        (f"{application}/withdraw", Role.ENTERPRISE, a, reason),
        (f"{order}/confirm", Role.PROVIDER, p, {}),
        (f"{order}/refuse", Role.PROVIDER, p, reason),
        (f"{order}/cancel", Role.ENTERPRISE, a, {}),
        (f"{order}/refund-requests", Role.ENTERPRISE, a, refund),
        (f"order/v1/orders/{claimed}/refund-requests", Role.ENTERPRISE, a, refund),
        (f"order/v1/orders/{claimed}/refund/consent", Role.PROVIDER, p, {"reason": "测试"}),
        (f"{claim}/submit", Role.PROVIDER, p, {"declaration_version": "1.0.0"}),
        (f"{item}/bureau-review", Role.BUREAU_OFFICER, None, review),
        (f"{appropriation}/refuse", Role.BUREAU_LEAD, None, reason),
    ]


async def test_what_a_state_forbids_is_a_conflict_with_a_code_and_changes_nothing(
    estate: Estate, tenants: dict[str, Tenant]
) -> None:
    wrong: list[str] = []
    for path, role, owner, body in forbidden_now(tenants):
        who: dict[str, Any] = {"role": role}
        if owner is not None:
            who = owner.who
        for _ in range(2):
            response = await estate.call("POST", f"/api/{path}", body, **who)
            check_problem(response, path)
            if response.status_code != 409:
                wrong.append(f"{path}: {response.status_code} {response.json().get('code')}")
    assert wrong == []


async def test_a_body_with_an_unknown_field_is_refused_by_every_command(
    estate: Estate, tenants: dict[str, Tenant]
) -> None:
    accepted: list[str] = []
    for operation, schema in commands(estate):
        whole = sample(schema, estate.documents[operation.service])
        for name in ("status", "state", "quota", "granted_fen", "enterprise_id_", "role", "is_admin"):
            if name in schema.get("properties", {}):
                continue
            response = await send(estate, operation, tenants, body={**whole, name: "x"})
            check_problem(response, operation.title)
            if response.status_code != 400:
                accepted.append(f"{operation.title} {name}: {response.status_code}")
    assert accepted == []


MONEY: tuple[object, ...] = (-1, 0, 0.5, 1.5, MAX_FEN + 1, 2**63, 10**400, True, "100", "1e3", None, [], {})
# An order within a request may get nothing, which is an amount with a reason (Q17).
NOTHING_IS_AN_AMOUNT = {"settlement POST /appropriations/{appropriation_id}/approve"}
MONEY_TEXTS = ("NaN", "Infinity", "-Infinity", "1e999", "1_000", "0x10", "01", "1.0000000000000001")


async def test_money_is_a_positive_whole_number_of_fen_and_nothing_else(
    estate: Estate, tenants: dict[str, Tenant]
) -> None:
    accepted: list[str] = []
    asked = 0
    for operation, schema in commands(estate):
        document = estate.documents[operation.service]
        whole = sample(schema, document)
        for path in [path for path in places(whole) if str(path[-1]).endswith("_fen")]:
            nothing = operation.title in NOTHING_IS_AN_AMOUNT
            amounts = [json.dumps(amount) for amount in MONEY if amount is True or amount != 0 or not nothing]
            for amount in [*amounts, *MONEY_TEXTS]:
                asked += 1
                body = json.dumps(replaced(whole, path, "AMOUNT")).replace('"AMOUNT"', amount)
                response = await send(estate, operation, tenants, content=body.encode(), headers=WHERE_JSON)
                check_problem(response, f"{operation.title} {path} = {amount[:30]}")
                if response.status_code != 400:
                    accepted.append(f"{operation.title} {path} = {amount[:30]}: {response.status_code}")
    assert accepted == []
    assert asked > 60


async def test_deep_json_broken_json_and_odd_encodings_are_refused_by_every_command(
    estate: Estate, tenants: dict[str, Tenant]
) -> None:
    bodies = (
        b"[" * 10_000 + b"]" * 10_000,
        b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
        b"{",
        b"\xff\xfe\x00",
        b'{"a": 1e99999}',
        b"null",
        b'"text"',
        b"[" + b"1," * 50_000 + b"1]",
        b"\x00",
    )
    wrong: list[str] = []
    for operation, _ in commands(estate):
        for body in bodies:
            response = await send(estate, operation, tenants, content=body, headers=WHERE_JSON)
            check_problem(response, f"{operation.title} {body[:20]!r}")
            if response.status_code not in {400, 413}:
                wrong.append(f"{operation.title} {body[:20]!r}: {response.status_code}")
    assert wrong == []


@pytest.mark.parametrize("service", NAMES)
async def test_a_body_over_its_bound_is_refused_before_it_is_read_to_its_end(
    estate: Estate, tenants: dict[str, Tenant], service: str
) -> None:
    sent_bytes = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent_bytes
        for _ in range(1_600):
            sent_bytes += 64 * 1024
            yield b"1" * 64 * 1024

    hundred_mb = {"Content-Type": "application/json", "Content-Length": str(100 * 1024 * 1024)}
    for operation, _ in commands(estate):
        if operation.service != service or "/documents" in operation.path:
            continue
        sent_bytes = 0
        response = await send(estate, operation, tenants, content=endless(), headers=hundred_mb)
        check_problem(response, operation.title)
        assert (response.status_code, response.json()["code"]) == (413, "request.too_large"), operation.title
        assert sent_bytes < 2 * BODY_LIMIT_BYTES + 128 * 1024, operation.title


def uploads(tenants: dict[str, Tenant]) -> dict[str, tuple[str, Tenant]]:
    """Where files are taken: identity's papers and settlement's evidence."""
    a, p = tenants["A"], tenants["P"]
    claim_id = p.own["claim_id"][0]
    evidence = f"/api/settlement/v1/claims/{claim_id}/documents/{p.order_of[claim_id]}/usage"
    return {"identity": (f"/api/identity/v1/organisations/{a.id}/documents/licence", a), "settlement": (evidence, p)}


@pytest.mark.parametrize("service", ["identity", "settlement"])
@pytest.mark.parametrize(("content", "status"), PRETENDERS.values(), ids=PRETENDERS.keys())
async def test_a_disguised_or_oversized_file_is_refused(
    estate: Estate, tenants: dict[str, Tenant], service: str, content: bytes, status: int
) -> None:
    path, owner = uploads(tenants)[service]
    response = await estate.call("PUT", path, content=content, headers={"Content-Type": "image/png"}, **owner.who)
    check_problem(response)
    assert response.status_code == status, response.text


@pytest.mark.parametrize("kind", ["../licence", "licence%00", "LICENCE", "licence.svg", "a" * 65, "unknown"])
async def test_a_file_under_another_name_is_refused(estate: Estate, tenants: dict[str, Tenant], kind: str) -> None:
    owner = tenants["A"]
    path = f"/api/identity/v1/organisations/{owner.id}/documents/{kind}"
    response = await estate.call("PUT", path, content=paper_png(1), **owner.who)
    check_problem(response)
    assert response.status_code >= 400


TEXTS = (
    "a\x00b",
    "\x00",
    "a\r\nSet-Cookie: a=b",
    "\x1b[2J\x1b[31mred",
    "\u202eabc",
    "'; DROP TABLE account; --",
    "{0}%s",
)


async def test_control_characters_in_any_text_are_no_fault_and_reach_no_header(
    estate: Estate, tenants: dict[str, Tenant]
) -> None:
    for operation, schema in commands(estate):
        whole = sample(schema, estate.documents[operation.service])
        for path in places(whole):
            for text in TEXTS:
                body = replaced(whole, path, text)
                response = await send(estate, operation, tenants, body=body)
                check_problem(response, f"{operation.title} {path} {text!r}")


@pytest.mark.parametrize("service", NAMES)
async def test_hostile_queries_headers_and_paths_are_no_fault(
    estate: Estate, tenants: dict[str, Tenant], service: str
) -> None:
    values = ("\x00", "-1", "0", "101", str(10**30), "a" * 3_000, "%", "' OR 1=1", "9999-12-31T23:59:59-23:59", "NaN")
    for operation in estate.operations:
        if (
            operation.service != service
            or operation.method != "GET"
            or operation.path not in _described(estate, service)
        ):
            continue
        described = estate.documents[service]["paths"][operation.path]["get"].get("parameters", ())
        for parameter in [each["name"] for each in described if each["in"] == "query"]:
            for value in values:
                response = await send(estate, operation, tenants, params={parameter: value})
                check_problem(response, f"{operation.title}?{parameter}={value!r:.40}")
        for header in ({"If-Match": "*"}, {"Prefer": "wait=999999999999"}, {"traceparent": "x" * 500}, {"Range": "a"}):
            if "wait" not in str(header) or "{order_id}" not in operation.path:
                check_problem(await send(estate, operation, tenants, headers=header), f"{operation.title} {header}")


def _described(estate: Estate, service: str) -> set[str]:
    return set(estate.documents[service]["paths"])


@settings(
    max_examples=FUZZED_EACH * 5,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(chosen=st.data())
@pytest.mark.parametrize("service", NAMES)
async def test_no_body_with_one_broken_field_is_a_fault(
    estate: Estate, tenants: dict[str, Tenant], service: str, chosen: st.DataObject
) -> None:
    own = [(operation, schema) for operation, schema in commands(estate) if operation.service == service]
    operation, schema = chosen.draw(st.sampled_from(own))
    whole = sample(schema, estate.documents[service])
    ways = list(places(whole)) or [()]
    body = replaced(whole, chosen.draw(st.sampled_from(ways)), chosen.draw(broken_values()))
    sent = json.dumps(body, ensure_ascii=True).encode()
    response = await send(estate, operation, tenants, content=sent, headers=WHERE_JSON)
    check_problem(response, f"{operation.title} {sent[:300]!r}")
