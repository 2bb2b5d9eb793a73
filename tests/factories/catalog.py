"""The acts of a catalog's people as short calls, and valid bodies."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import httpx

from shared.contracts.messages.identity import OrganisationAuthenticated, OrganisationFact, Party
from shared.contracts.permissions import Role
from tests.factories.harness import Platform

BASE = "/api/catalog/v1"
PROVIDER_A, PROVIDER_B = UUID(int=101), UUID(int=102)
CLERK, LEAD, OFFICER, BUREAU_LEAD = UUID(int=201), UUID(int=202), UUID(int=203), UUID(int=204)
ACCOUNT_OF = {
    Role.OPERATOR_CLERK: CLERK,
    Role.OPERATOR_LEAD: LEAD,
    Role.BUREAU_OFFICER: OFFICER,
    Role.BUREAU_LEAD: BUREAU_LEAD,
}
CHECKLISTS = {
    "compute": ["availability", "elasticity", "metering"],
    "storage": ["durability", "export", "metering"],
    "iot": ["protocols", "visibility"],
}


@dataclass
class Catalog:
    """The catalog service of one test."""

    platform: Platform

    async def feed_party(
        self,
        organisation_id: UUID,
        *,
        fact: type[OrganisationFact] = OrganisationAuthenticated,
        name: str = "贵州云上科技有限公司",
        authenticated: bool = True,
        recognised: bool = True,
        suspended_since: datetime | None = None,
    ) -> None:
        """A fact of identity about a provider."""
        party = Party(
            kind="provider",
            name=name,
            credit_code="91520100MA6DR26U9X",
            region="520100",
            authenticated=authenticated,
            recognised=recognised,
            legal_person=True,
            suspended_since=suspended_since,
        )
        await self.platform.feed(fact(version=0, organisation_id=organisation_id, party=party))

    async def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        role: Role | None = None,
        organisation_id: UUID | None = None,
        account_id: UUID | None = None,
        region: str | None = None,
        if_match: str | None = None,
    ) -> httpx.Response:
        """One HTTP call as a role; anonymous without one."""
        sent = {} if if_match is None else {"If-Match": if_match}
        if role is not None:
            account_id = account_id or ACCOUNT_OF.get(role)
            sent |= self.platform.headers(role, organisation_id=organisation_id, account_id=account_id, region=region)
        return await self.platform.client.request(method, BASE + path, json=body, headers=sent)

    async def as_provider(
        self, method: str, path: str, body: object = None, *, of: UUID = PROVIDER_A, if_match: str | None = None
    ) -> httpx.Response:
        """One call of a provider's person."""
        return await self.call(method, path, body, role=Role.PROVIDER, organisation_id=of, if_match=if_match)

    async def draft(self, *, of: UUID = PROVIDER_A, **content: object) -> str:
        """The id of a new draft."""
        response = await self.as_provider("POST", "/products", a_content(**content), of=of)
        assert response.status_code == 201, response.text
        return str(response.json()["id"])

    async def submit(
        self, product_id: str, *, of: UUID = PROVIDER_A, class_code: str = "compute", correction: str = ""
    ) -> httpx.Response:
        """Hand the open edition in with everything ticked."""
        body = {"declaration_version": "1.0.0", "checklist": CHECKLISTS[class_code], "correction": correction}
        return await self.as_provider("POST", f"/products/{product_id}/submit", body, of=of)

    async def opine(
        self, product_id: str, *, role: Role = Role.OPERATOR_CLERK, account_id: UUID | None = None
    ) -> httpx.Response:
        """The operator's favourable opinion."""
        body = {"favourable": True, "text": "材料齐全，同意"}
        return await self.call("POST", f"/products/{product_id}/opinion", body, role=role, account_id=account_id)

    async def decide(self, product_id: str, *, approve: bool = True, account_id: UUID | None = None) -> httpx.Response:
        """The bureau's decision."""
        body = {"approve": approve, "reason": "符合细则要求" if approve else "报价依据不足"}
        return await self.call(
            "POST", f"/products/{product_id}/decision", body, role=Role.BUREAU_OFFICER, account_id=account_id
        )

    async def review(
        self, product_id: str, *, of: UUID = PROVIDER_A, class_code: str = "compute", correction: str = ""
    ) -> None:
        """Submission and both reviews, to publication."""
        for response in (
            await self.submit(product_id, of=of, class_code=class_code, correction=correction),
            await self.opine(product_id),
            await self.decide(product_id),
        ):
            assert response.status_code == 200, response.text

    async def publish(self, *, of: UUID = PROVIDER_A, class_code: str = "compute", **content: object) -> str:
        """The id of a newly published product."""
        product_id = await self.draft(of=of, class_code=class_code, **content)
        await self.review(product_id, of=of, class_code=class_code)
        return product_id

    async def directory(self, **query: object) -> list[str]:
        """The names on the first page of the directory."""
        params: Any = {name.removesuffix("_"): value for name, value in query.items()}
        response = await self.platform.client.get(BASE + "/directory", params=params)
        assert response.status_code == 200, response.text
        return [item["name"] for item in response.json()["data"]]

    async def facts(self, product_id: str) -> list[tuple[int, str]]:
        """Version and short type of each fact about the product, in order."""
        async with self.platform.runtime("catalog").reading() as connection:
            rows = await connection.fetch(
                "SELECT version, convert_from(body, 'UTF8')::jsonb ->> 'type' AS type FROM fact"
                " WHERE aggregate_id = $1 ORDER BY version",
                UUID(product_id),
            )
        return [(row["version"], row["type"].removeprefix("catalog.product_").removesuffix(".v1")) for row in rows]


def a_content(**changed: object) -> dict[str, object]:
    """A valid body of a product; prices are fen."""
    return {
        "name": "云主机标准型",
        "class_code": "compute",
        "description": "2核4G通用云服务器",
        "service_standard": "月可用性不低于99.95%，故障4小时内响应",
        "market_reference": "三家同类厂商公开报价均价为人民币120元",
        "voucher": True,
        "components": [{"code": "vm-2c4g", "name": "2核4G", "unit": "台/月", "price_fen": 10_000}],
        **changed,
    }


def a_price(price_fen: object, *, unit: str = "台/月", code: str = "vm-2c4g") -> list[dict[str, object]]:
    """One price component."""
    return [{"code": code, "name": "2核4G", "unit": unit, "price_fen": price_fen}]
