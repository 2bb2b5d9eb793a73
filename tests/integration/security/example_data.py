"""Two enterprises and two providers with one of everything, made over HTTP as its people would make it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4, uuid5

from embedded.demonstration.world import credit_code
from embedded.sample_documents import paper_pdf, paper_png
from shared.contracts.permissions import Role
from shared.kernel.calendar import BEIJING
from tests.factories.catalog import CHECKLISTS, a_content, a_price
from tests.factories.clients import a_key, pem_of
from tests.factories.world import World
from tests.integration.security.platform_fixture import Estate

CODES = {name: credit_code("91", region="520100", body=f"YQ9{number:05}") for number, name in enumerate("ABPQ")}
PASSWORD = "correct horse 7 battery"
ID_NUMBER = "11010519491231002X"
_PEOPLE = UUID(int=815)


@dataclass
class Tenant:
    """An enterprise or a provider, and the ids of what is its own by the names of path parameters."""

    name: str
    role: Role
    id: UUID
    account_id: UUID
    sign_in_name: str
    own: dict[str, list[str]] = field(default_factory=dict)
    order_of: dict[str, str] = field(default_factory=dict)
    """The order of each claim."""

    @property
    def who(self) -> dict[str, Any]:
        """Its own account, as a call wants to know it."""
        return {"role": self.role, "organisation_id": self.id, "account_id": self.account_id}

    def keeps(self, parameter: str, value: str) -> str:
        """Remember an own id."""
        self.own.setdefault(parameter, []).append(value)
        return value


class Story:
    """Makes the four tenants and their rows."""

    def __init__(self, estate: Estate) -> None:
        self.estate = estate
        self.tenants: dict[str, Tenant] = {}

    async def by(self, tenant: Tenant, method: str, path: str, body: object = None, **others: Any) -> dict[str, Any]:
        """An act of a tenant that must succeed."""
        return await self.estate.done(method, f"/api/{path}", body, **tenant.who, **others)

    async def staff(self, role: Role, path: str, body: object = None, *, method: str = "POST") -> dict[str, Any]:
        """An act of somebody in a role that must succeed."""
        account_id = uuid5(_PEOPLE, role.value)
        return await self.estate.done(method, f"/api/{path}", body, role=role, account_id=account_id)

    async def enter(self, name: str, kind: str) -> Tenant:
        """Registration, papers, authentication, and recognition of a provider."""
        form = {
            "kind": kind,
            "credit_code": CODES[name],
            "name": f"贵州{name}示例有限公司",
            "region": "520100",
            "contact_name": f"联系人{name}",
            "contact_phone": "13985123477",
            "sign_in_name": f"u{uuid4().hex[:12]}",
            "password": PASSWORD,
        }
        given = await self.estate.done("POST", "/api/identity/v1/registrations", form)
        tenant = Tenant(
            name, Role(kind), UUID(given["organisation_id"]), UUID(given["account_id"]), str(form["sign_in_name"])
        )
        self.tenants[name] = tenant
        own = f"identity/v1/organisations/{tenant.keeps('organisation_id', str(tenant.id))}"
        asked = await self.estate.done("GET", f"/api/identity/v1/forms/{kind}")
        for paper in asked["documents"]:
            kept = await self.by(
                tenant,
                "PUT",
                f"{own}/documents/{paper['code']}",
                content=paper_png(ord(name)),
                headers={"Content-Type": "image/png"},
            )
            tenant.keeps("document_id", kept["id"])
        await self.by(tenant, "POST", f"{own}/authentication", _authentication(kind))
        ticks = [{"condition": item["code"], "met": True, "evidence": "已核对"} for item in asked["conditions"]]
        await self.staff(Role.OPERATOR_CLERK, f"{own}/authentication/approve", {"checklist": ticks})
        if kind == "provider":
            decided = {"outcome": "recognised", "criteria": ["服务能力"], "reason": "择优认定"}
            await self.staff(Role.BUREAU_OFFICER, f"{own}/recognition", decided)
        await self.open_client(tenant)
        return tenant

    async def open_client(self, tenant: Tenant) -> None:
        """A machine client with two keys, and an invitation."""
        opening = {"name": "业务系统", "scopes": ["order:read"], "public_key": pem_of(a_key())}
        client_id = tenant.keeps("client_id", (await self.by(tenant, "POST", "identity/v1/clients", opening))["id"])
        await self.by(tenant, "POST", f"identity/v1/clients/{client_id}/keys", {"public_key": pem_of(a_key())})
        inviting = {"display_name": "经办人员", "member_role": "handler"}
        tenant.keeps("invitation_id", (await self.by(tenant, "POST", "identity/v1/invitations", inviting))["id"])

    async def list_products(self, provider: Tenant) -> str:
        """A draft, and a published product that somebody wants delisted; the id of the published one."""
        content = a_content(components=a_price(10_000, code="month"), name=f"{provider.name}的云主机")
        draft = await self.by(provider, "POST", "catalog/v1/products", content)
        provider.keeps("product_id", draft["id"])
        made = await self.by(provider, "POST", "catalog/v1/products", content)
        path = f"catalog/v1/products/{made['id']}"
        submitted = {"declaration_version": "1.0.0", "checklist": CHECKLISTS["compute"]}
        await self.by(provider, "POST", f"{path}/submit", submitted)
        await self.staff(Role.OPERATOR_CLERK, f"{path}/opinion", {"favourable": True, "text": "同意"})
        await self.staff(Role.BUREAU_OFFICER, f"{path}/decision", {"approve": True, "reason": "符合"})
        grounds = await self.estate.call("GET", "/api/catalog/v1/delisting-grounds")
        ground = grounds.json()[0]["code"]
        proposed = await self.staff(
            Role.OPERATOR_CLERK, f"{path}/delistings", {"ground": ground, "evidence": "材料存疑"}
        )
        provider.keeps("product_id", made["id"])
        provider.keeps("delisting_id", proposed["id"])
        return str(made["id"])

    async def trade(self, world: World, enterprise: Tenant, provider: Tenant, product_id: str) -> None:
        """Quota, three orders, a refund, a complaint, a claim under review, a claim with an appropriation."""
        world.enterprise_id, world.provider_id, world.product_id = enterprise.id, provider.id, UUID(product_id)
        await world.grant(40_000)
        orders = [await world.confirmed(3_000) for _ in range(3)]
        for order_id in orders:
            enterprise.keeps("order_id", provider.keeps("order_id", str(order_id)))
        complaint = f"order/v1/orders/{orders[0]}/complaints"
        filed = (await self.by(enterprise, "POST", complaint, {"text": "降速"}))["id"]
        enterprise.keeps("record_id", enterprise.keeps("complaint_id", filed))
        assert (await world.request_refund(orders[0], 1)).is_success
        for order_id in orders[1:]:
            claim_id = provider.keeps("claim_id", str(await world.claimed(order_id)))
            provider.order_of[claim_id] = str(order_id)

    async def gather_own(self, enterprise: Tenant) -> None:
        """The ids that the enterprise's lists show it."""
        for path, parameter in (("applications", "application_id"), ("accounts", "account_id")):
            for row in (await self.by(enterprise, "GET", f"voucher/v1/{path}"))["data"]:
                enterprise.keeps(parameter, row["id"])

    async def tell(self) -> Mapping[str, Tenant]:
        """Everything, in order."""
        world = World(self.estate.platform)
        year = await world._next_year()
        await world.move_clock(datetime(year, 1, 2, 9, tzinfo=BEIJING))
        world.year = year
        await self.plan(world, year)
        for name, kind in (("A", "enterprise"), ("B", "enterprise"), ("P", "provider"), ("Q", "provider")):
            await self.enter(name, kind)
        await self.estate.platform.settle()
        products = {name: await self.list_products(self.tenants[name]) for name in "PQ"}
        await self.estate.platform.settle()
        for enterprise, provider in (("A", "P"), ("B", "Q")):
            await self.trade(world, self.tenants[enterprise], self.tenants[provider], products[provider])
            await self.gather_own(self.tenants[enterprise])
        for provider in ("P", "Q"):
            tenant = self.tenants[provider]
            world.provider_id = tenant.id
            appropriation_id, _ = await world.approved(UUID(tenant.own["claim_id"][1]))
            tenant.keeps("appropriation_id", str(appropriation_id))
        await self.estate.platform.settle()
        return self.tenants

    async def plan(self, world: World, year: int) -> None:
        """A published plan of a year."""
        opens_at = f"{year}-01-01T00:00:00+08:00"
        body = {"year": year, "total_fen": 10_000_000, "lane_share_bp": 0, "opens_at": opens_at}
        plan = await self.staff(Role.BUREAU_OFFICER, "voucher/v1/plans", body)
        await self.staff(Role.BUREAU_LEAD, f"voucher/v1/plans/{plan['id']}/approve")
        await self.staff(Role.OPERATOR_LEAD, f"voucher/v1/plans/{plan['id']}/publish")
        world.plan_id = UUID(plan["id"])


def _authentication(kind: str) -> dict[str, object]:
    return {
        "legal_person": True,
        "established_on": "2015-03-01",
        "size_class": "small",
        "declaration_version": "1.0.0",
        "id_number": ID_NUMBER if kind == "enterprise" else "",
    }


def a_paper(seed: int) -> bytes:
    """A file that is taken as evidence."""
    return paper_pdf(seed)
