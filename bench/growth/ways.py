"""Every way in which the platform reads what is stored: found from OpenAPI, the declarations and the command line.

A filter, path or command that this module has no value for is an error, so that none stays unmeasured by itself.
"""

import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any
from uuid import UUID, uuid5

from bench.growth.meter import Act
from shared.contracts.permissions import Role
from shared.runtime.host.host import build_app
from shared.runtime.schedule.housekeeping import ENDED_SESSIONS, HOUSEKEEPING
from shared.runtime.schedule.scheduler import fire_timers, run_job
from shared.runtime.service.gauges import RUNTIME_QUERIES, Sampler
from shared.runtime.service.runtime import Runtime
from tests.factories.world import World

STAFF = (
    Role.AUDITOR, Role.OPERATOR_LEAD, Role.BUREAU_OFFICER, Role.BUREAU_LEAD, Role.PLATFORM_ADMIN, Role.FINANCE,
    Role.OPERATOR_CLERK,
)  # fmt: skip
PARTIES = (Role.ENTERPRISE, Role.PROVIDER, Role.REGION)
TASKS = "/tasks"
REGION = "520100"
_ACCOUNT = UUID("5f4a0f43-94c1-4b5e-9a52-6c2a1d6f4b10")

WORDS: Mapping[str, tuple[str, ...]] = {
    "region": (REGION,), "text": ("示例",), "q": ("云",), "class": ("compute",), "layer": ("iaas",),
    "proposals": ("include",), "outcome": ("open", "different", "same"), "act": ("order.confirm",),
    "month": ("2030-06",), "type": ("order.confirmed",),
    "number": ("0000-0000-0000-0000",), "after": ("0",), "format": ("json",),
}  # fmt: skip
"""Values of filters that no schema lists."""
IDS = {
    "provider": "provider_id", "organisation_id": "enterprise_id", "subject_id": "order_id", "document_id": "order_id",
    "endpoint_id": "order_id", "event_id": "order_id",
}  # fmt: skip
"""Filters by an id whose name says less than the id does."""
UNSEEN: Mapping[str, str] = {
    "identity /forms/{party}": "reads no table",
    "identity /organisations/{organisation_id}": "one row by its key",
    "identity /documents/{document_id}": "one file",
    "identity /accounts/{account_id}": "one row by its key",
    "identity /organisations/{organisation_id}/history": "the market has no organisation of its own at identity",
    "identity /organisations/{organisation_id}/accounts": "the market has no organisation of its own at identity",
    "identity /accounts": "takes ids",
    "identity /clients/{client_id}": "one row by its key",
    "identity /oauth-authorization-server": "reads no table",
    "order /webhook-deliveries/{delivery_id}": "the market has no endpoint",
    "order /webhook-endpoints/{endpoint_id}": "the market has no endpoint",
    "catalog /products/{product_id}": "one row by its key",
    "catalog /products/{product_id}/history": "the market's products are told, not listed by catalog",
    "catalog /directory/{product_id}": "one row by its key",
    "settlement /claims/{claim_id}/documents/{order_id}/{kind}": "one file",
    "settlement /overrides/{override_id}": "one row by its key",
    "settlement /overrides/{override_id}/history": "the market has no override",
    "voucher /proof/runs/{run_id}": "one row by its key",
    "voucher /revocations/{revocation_id}/history": "the market has no revocation",
}
"""Routes that are not measured, and why."""


class Unanswered(Exception):
    """Something new reads, and nobody has said how it is asked."""


@dataclass(frozen=True, slots=True)
class Way:
    """One way of reading: its name, what does it, whose databases it reads, and whether all is read by right."""

    name: str
    act: Act
    services: tuple[str, ...]
    linear: bool = False
    """Read by right from everything, so it is counted for each thousand purchases."""


DENIED = frozenset({401, 403, 404})
"""Any other answer comes of having read, a refusal of too much as well."""
LINEAR = frozenset({"settlement /exports/payments"})


async def routes(world: World, runtimes: Sequence[Runtime], ids: Mapping[str, str]) -> AsyncIterator[Way]:
    """Each GET route, and each list with each of its filters as each kind of reader it answers. Raises: Unanswered."""
    for runtime in runtimes:
        service = runtime.service.name
        document = _document(runtime)
        for path, methods in document["paths"].items():
            name = f"{service} {path}"
            if "get" not in methods or name in UNSEEN:
                continue
            address = f"/api/{service}/v1{_with_ids(path, ids, name)}"
            filters = _filters(methods["get"].get("parameters", ()), document, ids, name)
            needed = next(iter(filters), "") if name in LINEAR and filters else ""
            of_all = "limit" not in {one["name"] for one in methods["get"].get("parameters", ())}
            for role in await _readers(world, service, name, f"{address}?{needed}", ids):
                if of_all and role in PARTIES:
                    continue
                # A region reads as staff does, with one condition more; what an enterprise has is bounded by its quota.
                plain = role in {Role.REGION, Role.ENTERPRISE}
                for query in [needed] if needed else [""] if plain else ["", *filters]:
                    act = _asking(world, service, f"{address}?{query}", role, ids)
                    asked = f"{name}?{query}" if query else name
                    yield Way(f"{_said(asked, ids)} as {role}", act, (service,), linear=name in LINEAR)


_DOCUMENTS: dict[str, Any] = {}
_READERS: dict[str, list[Role]] = {}


def _document(runtime: Runtime) -> Any:  # noqa: ANN401 - JSON
    name = runtime.service.name
    if name not in _DOCUMENTS:
        _DOCUMENTS[name] = build_app(runtime).openapi()
    return _DOCUMENTS[name]


def _said(asked: str, ids: Mapping[str, str]) -> str:
    """A name that is the same for every market: it says whose id was given, and not which year it is."""
    for name, value in ids.items():
        asked = asked.replace(f"={value}", f"={{{name}}}")
    return asked


def _with_ids(path: str, ids: Mapping[str, str], name: str) -> str:
    def one(match: "re.Match[str]") -> str:
        value = ids.get(match.group(1))
        if value is None:
            raise Unanswered(f"{name}: no id for {match.group(1)}; give one in market.py or a reason in UNSEEN")
        return value

    return re.sub(r"\{(\w+)\}", one, path)


def _filters(parameters: Any, document: Any, ids: Mapping[str, str], name: str) -> list[str]:  # noqa: ANN401 - JSON
    queries = [one for one in parameters if one["in"] == "query" and one["name"] not in {"limit", "cursor"}]
    return [f"{one['name']}={value}" for one in queries for value in _values(one, document, ids, name)]


def _values(parameter: Any, document: Any, ids: Mapping[str, str], name: str) -> tuple[str, ...]:  # noqa: ANN401 - JSON
    said, schema = parameter["name"], parameter["schema"]
    schema = next((one for one in schema.get("anyOf", ()) if one.get("type") != "null"), schema)
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    known = ids.get(IDS.get(said, said))
    if "enum" in schema and said != "format":
        return tuple(schema["enum"])
    if schema.get("type") == "boolean":
        return ("true", "false")
    if said in WORDS:
        return WORDS[said]
    if schema.get("format") in {"date-time", "date"}:
        day = f"{ids['year']}-06-30"
        return (day if schema["format"] == "date" else f"{day}T00:00:00Z",)
    if said == "account_id" and schema.get("format") == "uuid":
        return (str(_ACCOUNT),)
    if known is None:
        raise Unanswered(f"{name}: no value for the filter {said}; give one in WORDS or IDS")
    return (known,)


async def _readers(world: World, service: str, name: str, url: str, ids: Mapping[str, str]) -> list[Role]:
    """The first kind of staff that is answered, of tasks each, and the parties that are."""
    if name in _READERS:
        return _READERS[name]
    answered: list[Role] = []
    for role in (*STAFF, *PARTIES):
        if await _status(world, service, url, role, ids) not in DENIED:
            answered.append(role)
            if name in LINEAR:
                # To ask reads all there is: once is enough.
                break
    if not answered:
        raise Unanswered(f"{url} answers nobody")
    staff = [role for role in answered if role in STAFF]
    few = staff if name.endswith(TASKS) else staff[:1]
    _READERS[name] = [*few, *(role for role in answered if role in PARTIES)]
    return _READERS[name]


async def _status(world: World, service: str, url: str, role: Role, ids: Mapping[str, str]) -> int:
    return (await world.platform.client.get(url, headers=_headers(world, service, role, ids))).status_code


def _headers(world: World, service: str, role: Role, ids: Mapping[str, str]) -> dict[str, str]:
    own = {Role.ENTERPRISE: ids["enterprise_id"], Role.PROVIDER: ids["provider_id"]}.get(role)
    return world.platform.headers(
        role,
        service=service,
        organisation_id=None if own is None else UUID(own),
        account_id=uuid5(_ACCOUNT, role),
        region=REGION if role is Role.REGION else None,
    )


def _asking(world: World, service: str, url: str, role: Role, ids: Mapping[str, str]) -> Act:
    async def act() -> None:
        answer = await world.platform.client.get(url, headers=_headers(world, service, role, ids), timeout=900)
        if answer.status_code >= 500:
            raise RuntimeError(f"{url} as {role}: {answer.status_code} {answer.text}")

    return act


def schedules(runtimes: Sequence[Runtime]) -> Iterator[Way]:
    """Each job, the look for timers, each query of gauges and each audit of each service."""
    for runtime in runtimes:
        name = runtime.service.name
        for job in (*runtime.service.jobs, HOUSEKEEPING, ENDED_SESSIONS):
            yield Way(f"{name} job {job.name}", partial(run_job, runtime, job), (name,))
        yield Way(f"{name} timers", partial(fire_timers, runtime, runtime.service.timers), (name,))
        sampler = Sampler(runtime, (), service=name)
        for query in chain(RUNTIME_QUERIES, runtime.service.gauge_queries):
            yield Way(f"{name} gauge {query.gauges[0].name}", _sampling(runtime, sampler, query), (name,))
        for audit in runtime.service.audits:
            yield Way(f"{name} audit {audit.name}", _auditing(runtime, audit), (name,), linear=True)


def _sampling(runtime: Runtime, sampler: Sampler, query: Any) -> Act:  # noqa: ANN401 - a GaugeQuery
    async def act() -> None:
        async with runtime.pool.acquire() as connection:
            await sampler._run_query(connection, query)  # noqa: SLF001 - one query, as a scrape runs it

    return act


def _auditing(runtime: Runtime, audit: Any) -> Act:  # noqa: ANN401 - an Audit
    async def act() -> None:
        await audit.read(runtime)

    return act
