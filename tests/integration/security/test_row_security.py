"""Row security: a view of a party that forgets whose rows it reads shows nothing of another (ADR 0024).

Source: OWASP ASVS 8.2.2, 8.4.1; OWASP API1.
"""

# ruff: noqa: S608 - the names in the statements come from our own declarations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any
from unittest.mock import Mock
from uuid import UUID

import asyncpg
import pytest
from fastapi import Request
from sqlalchemy import MetaData, Table, true

from embedded.platform import SERVICES
from services.catalog.views import products
from services.identity.views import organisations
from services.order.views.orders import Scope as OrderScope
from services.settlement.views.appropriations import list_appropriations
from services.settlement.views.claims import list_claims
from services.voucher.views.scope import Scope as VoucherScope
from shared.contracts.permissions import Role
from shared.kernel.ids import AccountId, OrganisationId
from shared.runtime.auth.tokens import Principal
from shared.runtime.database import row_security
from shared.runtime.database.row_security import (
    SETTING,
    Of,
    Own,
    RowCondition,
    RowSecurity,
    Where,
    granted_tables,
    protected_tables,
    rows_of,
    tenant_role,
)
from shared.runtime.http.callers import NO_ORGANISATION, PRINCIPAL_KEY
from shared.runtime.http.commands import reading_for_caller
from shared.runtime.service.runtime import Runtime
from shared.runtime.service.service import Service
from tests.integration.security.example_data import Tenant
from tests.integration.security.platform_fixture import Estate

pytestmark = pytest.mark.asyncio(loop_scope="session")

NAMES = sorted(service.name for service in SERVICES)
BY_NAME = {service.name: service for service in SERVICES}
STRANGERS = [("A", "B"), ("A", "Q"), ("B", "P"), ("P", "Q")]
NAMES_A_PARTY = frozenset({"organisation_id", "enterprise_id", "provider_id", "recipient", "subject_id"})
NOT_IN_THE_STORY = frozenset(
    {
        *("identity.affiliation", "identity.priority_entry"),
        *("catalog.correction", "voucher.returned", "order.contact"),
        *("order.webhook_attempt", "order.webhook_delivery", "order.webhook_endpoint", "order.webhook_host"),
        "order.webhook_secret",
        *("settlement.affiliation", "settlement.override", "settlement.question"),
    }
)
"""Tables of which nobody in the story has a row, so that nothing is proved of them here."""

EACH = pytest.mark.parametrize("name", NAMES)


@asynccontextmanager
async def as_tenant(estate: Estate, name: str, tenant: UUID | None) -> AsyncIterator[asyncpg.Connection]:
    """A connection in the tenant's role, for an organisation or for none."""
    connection = await asyncpg.connect(estate.platform.databases[name])
    try:
        await connection.execute(f'BEGIN; SET LOCAL ROLE "{tenant_role(name)}"')
        if tenant is not None:
            await connection.execute(f"SET LOCAL {SETTING} = '{tenant}'")
        yield connection
    finally:
        await connection.close()


async def seen(connection: asyncpg.Connection, table: Table, condition: str = "true") -> set[str]:
    """The rows of a table that a connection finds, by where they lie."""
    statement = f'SELECT tableoid::text || ctid::text AS place FROM "{table.name}" WHERE {condition}'
    return {row["place"] for row in await connection.fetch(statement)}


def expected(metadata: MetaData, table: Table, tenant: UUID) -> str:
    """Which rows are a party's, said in another way: IN instead of EXISTS, and no other table's policy is relied on."""
    rows = rows_of(table)
    assert rows is not None
    return " OR ".join(f"({_expected(metadata, one, tenant)})" for one in rows.conditions)


def _expected(metadata: MetaData, condition: RowCondition, tenant: UUID) -> str:
    match condition:
        case Own(columns):
            return f"'{tenant}' IN ({', '.join(columns)})"
        case Of(column, parent, key):
            inner = expected(metadata, metadata.tables[parent], tenant)
            return f'{column} IN (SELECT "{key}" FROM "{parent}" WHERE {inner})'
        case Where(text):
            return text.replace(text[text.index("(SELECT") :], f"'{tenant}'") if "(SELECT" in text else text
    raise AssertionError(condition)


def of_parties_alone(metadata: MetaData) -> list[Table]:
    """Protected tables of which two strangers have no row in common."""
    return [
        table
        for table, rows in protected_tables(metadata)
        if not any(isinstance(condition, Where) for condition in rows.conditions)
    ]


@EACH
async def test_a_table_that_names_a_party_says_what_parties_see_of_it(name: str) -> None:
    metadata = BY_NAME[name].metadata
    protected = {table.name for table, _ in protected_tables(metadata)}
    silent = []
    for table in metadata.sorted_tables:
        hangs = any(key.column.table.name in protected for key in table.foreign_keys)
        if rows_of(table) is None and (hangs or NAMES_A_PARTY & set(table.columns.keys())):
            silent.append(table.name)
    assert silent == [], "declare party_rows, or why not: public_rows, hidden_rows, staff_rows"
    for table in metadata.sorted_tables:
        rows = rows_of(table)
        assert rows is None or rows.conditions or rows.why, f"{table.name}: nobody knows why"


@EACH
async def test_a_party_sees_its_own_rows_and_no_other(estate: Estate, tenants: Mapping[str, Tenant], name: str) -> None:
    metadata = BY_NAME[name].metadata
    everything = await asyncpg.connect(estate.platform.databases[name])
    shown: dict[tuple[str, str], set[str]] = {}
    for tenant in tenants.values():
        async with as_tenant(estate, name, tenant.id) as connection:
            for table, _ in protected_tables(metadata):
                found = await seen(connection, table)
                assert found == await seen(everything, table, expected(metadata, table, tenant.id)), table.name
                shown[table.name, tenant.name] = found
    await everything.close()
    for table in of_parties_alone(metadata):
        for one, other in STRANGERS:
            assert not shown[table.name, one] & shown[table.name, other], f"{table.name}: {one} and {other}"
        nobody = not any(shown[table.name, each] for each in tenants)
        assert nobody == (f"{name}.{table.name}" in NOT_IN_THE_STORY), f"{table.name}: the story has no row of it"


@EACH
async def test_without_an_organisation_nothing_is_shown(
    estate: Estate, tenants: Mapping[str, Tenant], name: str
) -> None:
    for nobody in (None, NO_ORGANISATION):
        async with as_tenant(estate, name, nobody) as connection:
            for table in of_parties_alone(BY_NAME[name].metadata):
                assert await seen(connection, table) == set(), table.name
            # What a transaction of before leaves is empty, and is no id.
            await connection.execute(f"SET LOCAL {SETTING} = ''")
            for table in of_parties_alone(BY_NAME[name].metadata):
                assert await seen(connection, table) == set(), table.name


@EACH
async def test_the_tenants_role_writes_nothing_and_reads_only_what_is_granted(estate: Estate, name: str) -> None:
    metadata = BY_NAME[name].metadata
    granted = {table.name for table, _ in granted_tables(metadata)}
    async with as_tenant(estate, name, UUID(int=1)) as connection:
        for table in metadata.sorted_tables:
            rights = "INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER"
            assert not await connection.fetchval("SELECT has_table_privilege($1, $2)", f'"{table.name}"', rights)
            may_read = await connection.fetchval("SELECT has_table_privilege($1, 'SELECT')", f'"{table.name}"')
            assert may_read == (table.name in granted), table.name
        assert not granted & {"outbox", "idempotency", "signing_key", "timer", "refresh_token", "second_factor"}
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("DELETE FROM notice")


def show_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the first line away: no view asks any more whose rows they are."""
    monkeypatch.setattr(OrderScope, "condition", lambda _: true())
    monkeypatch.setattr(VoucherScope, "clause", lambda *_: true())
    monkeypatch.setattr(products, "visible_to", lambda _: true())
    monkeypatch.setattr(organisations, "scope_of", lambda _: true())


LISTS = {
    "catalog": "/api/catalog/v1/products",
    "identity": "/api/identity/v1/organisations",
    "order": "/api/order/v1/orders",
    "voucher": "/api/voucher/v1/applications",
}


@pytest.mark.parametrize("name", sorted(LISTS))
@pytest.mark.parametrize(("stranger", "owner"), [("B", "A"), ("Q", "P")])
async def test_a_view_that_forgets_the_tenant_shows_nothing_of_another(  # noqa: PLR0917 - a fixture each
    estate: Estate,
    tenants: Mapping[str, Tenant],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    stranger: str,
    owner: str,
) -> None:
    show_everything(monkeypatch)
    caller = tenants[stranger]
    response = await estate.call("GET", LISTS[name], params={"limit": 100}, **caller.who)
    if (name, caller.role) == ("voucher", Role.PROVIDER):
        assert response.status_code == 403
        return
    assert response.status_code == 200, response.text
    ids = {row["id"] for row in response.json()["data"]}
    secret = {value for values in tenants[owner].own.values() for value in values}
    assert not ids & secret
    if (name, caller.role) != ("catalog", Role.ENTERPRISE):
        assert ids, "the caller's own rows are still shown"
    for value in sorted(secret):
        single = await estate.call("GET", f"{LISTS[name]}/{value}", **caller.who)
        assert single.status_code in {403, 404, 422}, f"{LISTS[name]}/{value}: {single.text[:200]}"
    # Staff have no second line: they see both.
    everybody = await estate.call("GET", LISTS[name], params={"limit": 100}, role=Role.AUDITOR)
    assert {row["id"] for row in everybody.json()["data"]} > ids


@pytest.mark.parametrize("who", ["A", "P"])
async def test_nothing_that_a_party_reads_is_a_fault(estate: Estate, tenants: Mapping[str, Tenant], who: str) -> None:
    """A view that reads a table which declares nothing is a fault, so every reading of every service is tried."""
    caller, faults, asked = tenants[who], [], 0
    for operation in (one for one in estate.operations if one.method == "GET"):
        names = [part.strip("{}") for part in operation.path.split("/") if part.startswith("{")]
        if any(not caller.own.get(name) for name in names):
            continue
        values = {name: next(iter(caller.own[name])) for name in names}
        response = await estate.call("GET", operation.url(values), **caller.who)
        asked += response.status_code == 200
        if response.status_code >= 500:
            faults.append(operation.title)
    assert faults == []
    assert asked > 20


async def test_a_list_of_claims_for_everybody_shows_a_provider_its_own(
    estate: Estate, tenants: Mapping[str, Tenant]
) -> None:
    runtime = estate.platform.runtime("settlement")
    own, other = tenants["Q"].own, tenants["P"].own
    asked: dict[str, Any] = {
        "provider_id": None,
        "state": None,
        "after": None,
        "limit": 100,
        "now": runtime.clock.now(),
    }
    async with reading_for_caller(request_of(runtime, tenants["Q"].id)) as connection:
        claims = {
            str(card.id)
            for card in (await list_claims(connection, of_provider=None, window_closes_at=None, **asked)).data
        }
        paid = {str(card.id) for card in (await list_appropriations(connection, **asked)).data}
    assert claims == set(own["claim_id"])
    assert paid == set(own["appropriation_id"])
    async with runtime.reading() as connection:
        every = {str(card.id) for card in (await list_appropriations(connection, **asked)).data}
    assert every >= {*own["appropriation_id"], *other["appropriation_id"]}


def request_of(runtime: Runtime, organisation_id: UUID | None, *roles: Role) -> Request:
    """A request whose caller the edge has found out."""
    principal = Principal(
        AccountId(UUID(int=1)),
        None if organisation_id is None else OrganisationId(organisation_id),
        frozenset(roles),
        frozenset(),
        None,
    )
    return Request({"type": "http", "yunquan.runtime": runtime, PRINCIPAL_KEY: principal, "headers": []})


async def test_who_is_bound_to_what_follows_from_the_token(estate: Estate, tenants: Mapping[str, Tenant]) -> None:
    runtime = estate.platform.runtime("order")
    whole = "SELECT count(*) FROM cloud_order"
    async with runtime.reading() as connection:
        every = await connection.fetchval(whole)
    for organisation_id, role, orders in (
        (tenants["A"].id, Role.ENTERPRISE, 3),
        (tenants["P"].id, Role.PROVIDER, 3),
        (None, Role.ENTERPRISE, 0),
        (None, Role.PROVIDER, 0),
        (None, Role.AUDITOR, every),
        (tenants["A"].id, Role.AUDITOR, 3),
    ):
        async with reading_for_caller(request_of(runtime, organisation_id, role)) as connection:
            assert await connection.fetchval(whole) == orders, f"{role} of {organisation_id}"
    nobody = Request({"type": "http", "yunquan.runtime": runtime, "headers": []})
    async with reading_for_caller(nobody) as connection:
        assert await connection.fetchval(whole) == every


async def standing(runtime: Runtime) -> set[tuple[str, str, bool]]:
    """Of each connection of the pool: whom it runs as, for whom, and whether a transaction is open."""
    connections = [await runtime.pool.acquire() for _ in range(runtime.pool.get_max_size())]
    found = set()
    for connection in connections:
        row = await connection.fetchrow(f"SELECT current_user AS role, current_setting('{SETTING}', true) AS tenant")
        found.add((row["role"], row["tenant"] or "", connection.is_in_transaction()))
    for connection in connections:
        await runtime.pool.release(connection)
    return found


async def test_the_role_ends_with_the_request(estate: Estate, tenants: Mapping[str, Tenant]) -> None:
    runtime = estate.platform.runtime("order")
    before = await standing(runtime)
    async with runtime.reading(tenant=tenants["A"].id) as connection:
        assert await connection.fetchval("SELECT current_user") == tenant_role("order")
        with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
            await connection.execute("CREATE TEMP TABLE theirs (id int)")
    assert await standing(runtime) == before
    for fault in ("SELECT 1 / 0", "SELECT FROM outbox"):
        with pytest.raises(asyncpg.PostgresError):
            async with runtime.reading(tenant=tenants["A"].id) as connection:
                await connection.execute(fault)
        assert await standing(runtime) == before


@pytest.mark.parametrize("awaits", range(6))
async def test_the_role_ends_with_a_request_that_is_cancelled(
    estate: Estate, tenants: Mapping[str, Tenant], awaits: int
) -> None:
    """While it begins, while it reads, and while it ends."""
    runtime = estate.platform.runtime("order")
    before = await standing(runtime)

    async def read() -> None:
        async with runtime.reading(tenant=tenants["A"].id) as connection:
            await connection.execute("SELECT pg_sleep(20)")

    task = asyncio.create_task(read())
    for _ in range(awaits):
        await asyncio.sleep(0)
    if awaits == 5:
        await asyncio.sleep(0.2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await standing(runtime) == before


class Unending(asyncpg.Connection):  # type: ignore[misc] # asyncpg is untyped
    """A connection whose request is cancelled whenever its transaction should end."""

    async def execute(self, query: str, *arguments: Any, **others: Any) -> str:
        """Run it, unless it ends the transaction."""
        if query in {"COMMIT", "ROLLBACK"}:
            raise asyncio.CancelledError
        done: str = await super().execute(query, *arguments, **others)
        return done


@pytest.mark.parametrize("fault", ["SELECT 1", "SELECT 1 / 0"])
async def test_a_connection_that_may_still_be_in_the_role_is_never_used_again(
    estate: Estate, tenants: Mapping[str, Tenant], fault: str
) -> None:
    """It is closed, and what the pool would do with it is not relied on."""
    connection = await asyncpg.connect(estate.platform.databases["order"], connection_class=Unending)
    with pytest.raises(asyncio.CancelledError):
        async with estate.platform.runtime("order").row_security.bound(connection, tenants["A"].id):
            await connection.execute(fault)
    assert connection.is_closed()


async def test_a_database_without_row_security_is_served_by_the_first_line_and_said_so_once(
    fresh_database: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    service: Service = BY_NAME["order"]
    connection = await asyncpg.connect(await asyncio.to_thread(fresh_database))
    second = RowSecurity(service.name, service.metadata)
    log = Mock()
    monkeypatch.setattr(row_security, "log", log)
    await second.look(connection)
    await second.look(connection)
    log.warning.assert_called_once_with("row_security.absent", service="order", role="order_tenant")
    assert not second.stands
    await connection.close()
