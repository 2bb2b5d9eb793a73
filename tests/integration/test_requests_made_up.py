"""Requests that another program makes up from the OpenAPI documents, in many roles: each answer is as documented.

Schemathesis reads what a service says of itself, makes valid and invalid requests of it, and judges the answers. Ids
that exist are put into them, those of earlier answers too, so that requests come past the first look.
"""

import asyncio
import random
import unicodedata
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import httpx
import pytest
import pytest_asyncio
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
)

from shared.contracts.permissions import GRANTS, Role
from shared.handbook.problems import problem_entries
from tests.factories.databases import DatabasePool
from tests.integration.security.example_data import Story, Tenant
from tests.integration.security.platform_fixture import NAMES, Estate, open_estate
from tests.integration.security.written import written_operations

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(900)]

EXAMPLES = {GenerationMode.POSITIVE: 5, GenerationMode.NEGATIVE: 3}
"""How many valid and invalid requests are made up of one operation."""
CHECKS = [content_type_conformance, response_headers_conformance, response_schema_conformance, negative_data_rejection]
LEFT_OUT = {
    "identity POST /clock": "it moves the time of every other request",
    "identity POST /token": "it takes a form and refuses in the words of RFC 6749; test_clients.py asks it",
}
WRITTEN = written_operations()
PROBLEM = "application/problem+json"
UNAVAILABLE = 503
KNOWN_SHARE = 0.8
"""How often an id is one that exists, and a caller one who has the right."""

Caller = Tenant | Role | None


@dataclass
class Told:
    """What came of the requests."""

    statuses: Counter[int] = field(default_factory=Counter)
    operations: set[str] = field(default_factory=set)
    done: set[str] = field(default_factory=set)
    """Operations that did what they are for."""
    faults: dict[str, str] = field(default_factory=dict)
    """The first of each kind of fault of each operation, with its request and answer."""

    def wrong(self, title: str, kind: str, detail: object) -> None:
        """Remember a fault of an operation, unless one of its kind is there."""
        self.faults.setdefault(f"{title}: {kind}", str(detail)[:1_500])


class Maker:
    """Makes up requests of one service, sends them, and judges the answers; runs in a thread of its own."""

    def __init__(self, estate: Estate, service: str, tenants: Mapping[str, Tenant], told: Told) -> None:
        self.estate, self.service, self.told = estate, service, told
        self.loop = asyncio.get_running_loop()
        self.tenants = list(tenants.values())
        self.known: dict[str, list[str]] = {}
        for tenant in self.tenants:
            for name, values in tenant.own.items():
                self.known.setdefault(name, []).extend(values)

    def run(self) -> None:
        """Ask every operation."""
        # Who may call is asked by test_role_matrix and test_tokens_everywhere; here it is given, and never made up.
        document = {**self.estate.documents[self.service], "security": []}
        document["components"] = {**document["components"], "securitySchemes": {}}
        for found in schemathesis.openapi.from_dict(document).get_all_operations():
            operation = found.ok()
            title = f"{self.service} {operation.method.upper()} {operation.path}"
            if title not in LEFT_OUT:
                for mode, examples in EXAMPLES.items():
                    self._ask(title, operation.as_strategy(generation_mode=mode), examples)

    def _ask(self, title: str, cases: st.SearchStrategy[Any], examples: int) -> None:
        @settings(
            max_examples=examples, derandomize=True, database=None, deadline=None, phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @given(case=cases, chance=st.randoms(use_true_random=False))
        def asked(case: schemathesis.Case, chance: random.Random) -> None:
            _put_in(case.path_parameters, self.known, chance)
            if isinstance(case.body, dict):
                _put_in(case.body, self.known, chance)
            if case.meta is not None and case.meta.generation.mode == GenerationMode.POSITIVE:
                case.body = _without_controls(case.body)
                (case.query or {}).pop("cursor", None)
            self._judge(title, case, self._send(case, self._caller(title, chance)))

        try:
            asked()
        except Unsatisfiable:
            # Where nothing is asked, nothing is invalid.
            return

    def _caller(self, title: str, chance: random.Random) -> Caller:
        may: list[Caller] = [role for role in Role if GRANTS[role] & WRITTEN[title].permissions]
        may += [tenant for tenant in self.tenants if tenant.role in may]
        return chance.choice(may if may and chance.random() < KNOWN_SHARE else [*self.tenants, *Role, None])

    def _headers(self, caller: Caller) -> dict[str, str]:
        match caller:
            case None:
                return {}
            case Role():
                whose: dict[str, Any] = {"account_id": UUID(int=len(caller.value))}
                role = caller
            case _:
                whose = {"organisation_id": caller.id, "account_id": caller.account_id}
                role = caller.role
        headers = self.estate.platform.headers(role, service=self.service, **whose)
        return {"Authorization": headers["Authorization"]}

    def _send(self, case: schemathesis.Case, caller: Caller) -> httpx.Response:
        parts = case.as_transport_kwargs(base_url=f"http://platform/api/{self.service}/v1")
        body = {name: parts[name] for name in ("json", "files") if parts.get(name) is not None}
        if parts.get("data") is not None:
            body["data" if isinstance(parts["data"], dict) else "content"] = parts["data"]
        headers = {**parts["headers"], **self._headers(caller)}
        client = self.estate.platform.client
        made = client.build_request(
            parts["method"],
            parts["url"],
            params=parts.get("params"),
            headers=[(name.encode(), value.encode("latin-1", "replace")) for name, value in headers.items()],
            **body,
        )
        return asyncio.run_coroutine_threadsafe(client.send(made), self.loop).result(timeout=60)

    def _judge(self, title: str, case: schemathesis.Case, answer: httpx.Response) -> None:
        self.told.statuses[answer.status_code] += 1
        self.told.operations.add(title)
        if answer.is_success:
            self._learn(title, answer)
            if str(answer.status_code) not in case.operation.definition.raw["responses"]:
                self.told.wrong(title, f"{answer.status_code} is not documented", answer.text)
        else:
            problem = answer.json() if answer.headers.get("content-type") == PROBLEM else {}
            entry = problem_entries().get(problem.get("code", ""))
            if entry is None or entry.status != answer.status_code:
                self.told.wrong(title, f"{answer.status_code} is no problem of the handbook", answer.text)
            if answer.is_server_error and answer.status_code != UNAVAILABLE:
                self.told.wrong(title, "a fault", answer.text)
        try:
            case.validate_response(answer, checks=CHECKS)
        except FailureGroup as group:
            for failure in group.exceptions:
                self.told.wrong(title, str(failure).partition("\n")[0], f"{failure}\n{case.as_curl_command()}")

    def _learn(self, title: str, answer: httpx.Response) -> None:
        """Remember the ids of an answer under the names by which paths and bodies ask for them."""
        self.told.done.add(title)
        found = answer.json() if answer.headers.get("content-type") == "application/json" and answer.content else None
        rows = found.get("data", [found]) if isinstance(found, dict) else found if isinstance(found, list) else []
        noun = title.split()[2].split("/")[1].removesuffix("s").replace("-", "_")
        for row in rows[:5]:
            for name, value in row.items() if isinstance(row, dict) else ():
                if isinstance(value, str) and (name == "id" or name.endswith("_id")):
                    self.known.setdefault(f"{noun}_id" if name == "id" else name, []).append(value)


def _without_controls(value: Any) -> Any:
    """A body as somebody types it: a control character is refused in any text, which no schema of a field says."""
    if isinstance(value, str):
        return "".join(one for one in value if unicodedata.category(one) != "Cc") or "文字"
    if isinstance(value, dict):
        return {name: _without_controls(one) for name, one in value.items()}
    return [_without_controls(one) for one in value] if isinstance(value, list) else value


def _put_in(values: dict[str, Any] | None, known: Mapping[str, list[str]], chance: random.Random) -> None:
    for name in values or {}:
        if name in known and chance.random() < KNOWN_SHARE:
            values[name] = chance.choice(known[name])  # type: ignore[index]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def told(database_pool: DatabasePool) -> AsyncIterator[Told]:
    async with open_estate(database_pool) as estate:
        tenants = await Story(estate).tell()
        told = Told()
        for name in NAMES:
            await asyncio.to_thread(Maker(estate, name, tenants, told).run)
        await estate.platform.settle()
        yield told


async def test_no_request_meets_a_fault_or_gets_an_answer_that_no_document_says(told: Told) -> None:
    assert told.faults == {}


async def test_the_requests_ask_everything_and_come_far_enough_to_judge(told: Told) -> None:
    published = {title for title, line in WRITTEN.items() if "/docs" not in title and "/openapi.json" not in title}
    assert published - told.operations - set(LEFT_OUT) == set()
    assert len(told.done) > 100, sorted(published - told.done)
    assert {200, 201, 204, 400, 403, 404, 409, 412, 422} <= set(told.statuses), told.statuses
