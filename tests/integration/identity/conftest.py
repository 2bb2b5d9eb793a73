"""Identity running for a test, and people who act in it over HTTP."""

import secrets
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
import structlog
import structlog.testing

from embedded.sample_documents import paper_png
from services.identity.service import SERVICE
from shared.contracts.permissions import Role
from shared.runtime.observability.logging import configure
from tests.factories import staff
from tests.factories.harness import Platform, open_platform
from tests.factories.staff import ADMIN, ADMIN_PASSWORD, PASSWORD, SETTINGS

__all__ = ["ADMIN", "ADMIN_PASSWORD"]

BASE = "/api/identity/v1"
# Made up, and valid by the check character.
ENTERPRISE_CODE = "91520100MA6DK0X17T"
OTHER_ENTERPRISE_CODE = "91520300MA6H2B7C7R"
PROVIDER_CODE = "91520900MAAJ4T0P8N"
INDIVIDUAL_CODE = "92520200MA6GKQ8380"
ID_NUMBER = "11010519491231002X"
CONTACT_NAME = "陈小满甲乙"
CONTACT_PHONE = "13985123477"


@dataclass(frozen=True)
class Party:
    """A registered organisation and its first account."""

    id: UUID
    account_id: UUID
    kind: str
    sign_in_name: str


@dataclass
class Office:
    """Identity as its users meet it."""

    platform: Platform

    @property
    def client(self) -> httpx.AsyncClient:
        """Speaks to the platform."""
        return self.platform.client

    def headers(self, role: Role, **who: Any) -> dict[str, str]:
        """Headers of somebody with a role, without signing in."""
        return self.platform.headers(role, service="identity", **who)

    def own(self, party: Party) -> dict[str, str]:
        """Headers of a party's own account."""
        return self.headers(Role(party.kind), organisation_id=party.id, account_id=party.account_id)

    async def post(self, path: str, body: Mapping[str, Any], headers: Mapping[str, str]) -> httpx.Response:
        """POST below identity."""
        return await self.client.post(BASE + path, json=body, headers=dict(headers))

    async def get(self, path: str, headers: Mapping[str, str] | None = None) -> httpx.Response:
        """GET below identity."""
        return await self.client.get(BASE + path, headers=dict(headers or {}))

    async def register(self, kind: str, code: str, **changes: Any) -> httpx.Response:
        """Hand in a registration form."""
        body = a_form(kind, code, **changes)
        return await self.post("/registrations", body, {"Idempotency-Key": uuid4().hex})

    async def party(self, kind: str, code: str, **changes: Any) -> Party:
        """A freshly registered party."""
        form = a_form(kind, code, **changes)
        response = await self.post("/registrations", form, {"Idempotency-Key": uuid4().hex})
        assert response.status_code == 201, response.text
        given = response.json()
        return Party(UUID(given["organisation_id"]), UUID(given["account_id"]), kind, form["sign_in_name"])

    async def upload(self, party: Party, kind: str, content: bytes | None = None) -> httpx.Response:
        """Upload a document, a scan when no content is given."""
        return await self.client.put(
            f"{BASE}/organisations/{party.id}/documents/{kind}",
            content=paper_png(1) if content is None else content,
            headers={**self.own(party), "Content-Type": "image/png"},
        )

    async def upload_all(self, party: Party) -> None:
        """Every document the scheme asks of the party."""
        form = (await self.get(f"/forms/{party.kind}")).json()
        for document in form["documents"]:
            response = await self.upload(party, document["code"])
            assert response.status_code == 201, response.text

    async def submit(self, party: Party, **changes: Any) -> httpx.Response:
        """Hand in for authentication."""
        body = {
            "legal_person": True,
            "established_on": "2015-03-01",
            "size_class": "small",
            "declaration_version": "1.0.0",
            "id_number": ID_NUMBER if party.kind == "enterprise" else "",
            **changes,
        }
        return await self.post(f"/organisations/{party.id}/authentication", body, self.own(party))

    async def approve(self, party: Party, **who: Any) -> httpx.Response:
        """Approve with every condition ticked."""
        form = (await self.get(f"/forms/{party.kind}")).json()
        ticks = [{"condition": c["code"], "met": True, "evidence": "已核对"} for c in form["conditions"]]
        path = f"/organisations/{party.id}/authentication/approve"
        return await self.post(path, {"checklist": ticks}, self.headers(Role.OPERATOR_CLERK, **who))

    async def authenticated(self, kind: str, code: str, **changes: Any) -> Party:
        """A party that the operator has authenticated."""
        party = await self.party(kind, code, **changes)
        await self.upload_all(party)
        for response in (await self.submit(party), await self.approve(party)):
            assert response.status_code == 200, response.text
        return party

    async def sign_in(self, name: str, password: str = PASSWORD) -> httpx.Response:
        """Try to sign in."""
        return await self.client.post(f"{BASE}/sessions", json={"sign_in_name": name, "password": password})

    async def hire(self, name: str, *roles: str, region: str | None = None) -> UUID:
        """A staff account that two administrators opened and whose holder has set the password."""
        await self.platform.settle()
        account_id = await staff.hire(self.client, name, *roles, region=region)
        await self.platform.settle()
        return UUID(account_id)

    async def bearer(self, name: str, password: str = PASSWORD) -> dict[str, str]:
        """Headers of somebody who really signed in."""
        await self.platform.settle()
        response = await self.sign_in(name, password)
        assert response.status_code == 201, response.text
        return with_token(response.json()["access_tokens"]["identity"])

    async def fetch(self, sql: str, *arguments: Any) -> list[Any]:
        """Rows of identity's database."""
        async with self.platform.runtime("identity").reading() as connection:
            return list(await connection.fetch(sql, *arguments))

    async def facts(self, aggregate_id: UUID) -> list[tuple[int, str]]:
        """Version and CloudEvents type of an aggregate's facts, in order."""
        rows = await self.fetch("SELECT version, body FROM fact WHERE aggregate_id = $1 ORDER BY version", aggregate_id)
        return [(row["version"], httpx.Response(200, content=row["body"]).json()["type"]) for row in rows]


def with_token(token: str) -> dict[str, str]:
    """Headers with a token and a fresh key."""
    return {"Authorization": f"Bearer {token}", "Idempotency-Key": uuid4().hex}


def with_fresh_key(headers: Mapping[str, str]) -> dict[str, str]:
    """The same caller with another command."""
    return {**headers, "Idempotency-Key": uuid4().hex}


def a_form(kind: str, code: str, **changes: Any) -> dict[str, Any]:
    """A registration form that is accepted."""
    return {
        "kind": kind,
        "credit_code": code,
        "name": "贵阳云上制造有限公司",
        "region": "520100",
        "contact_name": CONTACT_NAME,
        "contact_phone": CONTACT_PHONE,
        "sign_in_name": f"u{secrets.token_hex(6)}",
        "password": PASSWORD,
        **changes,
    }


@pytest.fixture
def log_lines() -> Iterator[list[Any]]:
    """Every line logged by anything from now on, at any level."""
    capture, lazy = structlog.testing.LogCapture(), type(structlog.get_logger())
    structlog.configure(
        processors=[capture],
        wrapper_class=structlog.make_filtering_bound_logger(0),
        cache_logger_on_first_use=False,
    )
    for module in list(sys.modules.values()):
        logger = vars(module).get("log")
        # A logger that was used before remembers how logging was set up then.
        if isinstance(logger, lazy):
            vars(logger).pop("bind", None)
    yield capture.entries
    configure(level="CRITICAL")


@pytest.fixture
async def office(fresh_database: Callable[[], str]) -> AsyncIterator[Office]:
    """Identity with its first administrators, and no lead before new signing keys are used."""
    async with open_platform([SERVICE], fresh_database, settings={"identity": SETTINGS}) as platform:
        await platform.settle()
        yield Office(platform)
        assert await platform.dead_letters() == []
