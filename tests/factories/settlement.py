"""The steps of a claim over HTTP, for the tests of settlement."""

import datetime as dt
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4, uuid5

import httpx
import msgspec
from sqlalchemy import MetaData

from embedded.sample_documents import paper_pdf
from services.settlement.service import SERVICE
from shared.contracts.messages.base import Command, Event, Refused, Reply
from shared.contracts.messages.identity import (
    AffiliationEnded,
    AffiliationRecorded,
    OrganisationRegistered,
    OrganisationSuspended,
    Party,
)
from shared.contracts.messages.order import OrderConfirmed, OrderLine, OrderPlaced
from shared.contracts.messages.settlement import ItemOpened, ItemRefused, OpenItem, RefuseItem
from shared.contracts.permissions import Role
from shared.runtime.bus.base import command_key
from shared.runtime.database.tables import attach
from shared.runtime.service.service import SagaReply, Service
from shared.runtime.service.settings import ServiceSettings
from shared.runtime.unit_of_work.work import Work
from tests.factories.harness import Platform, open_platform

BASE = "/api/settlement/v1"
PROVIDER = UUID("01900000-0000-7000-8000-000000000001")
OTHER_PROVIDER = UUID("01900000-0000-7000-8000-000000000002")
ENTERPRISE = UUID("01900000-0000-7000-8000-000000000009")
ACCOUNTS = {role: uuid5(PROVIDER, role.value) for role in Role}
KINDS = ("invoice", "contract", "transfer", "usage")
DECLARATION = "1.0.0"
# A Monday far from any node; the machine's own date must not matter to a test.
START = dt.datetime(2030, 2, 4, 1, 0, tzinfo=dt.UTC)
NODE = dt.datetime(2030, 3, 31, 16, 0, tzinfo=dt.UTC)


SECOND_LEAD = uuid5(PROVIDER, "second lead")
PARTIES = {
    PROVIDER: ("甲云服务商", "provider"),
    OTHER_PROVIDER: ("乙云服务商", "provider"),
    ENTERPRISE: ("丙制造企业", "enterprise"),
}
CODES = {
    PROVIDER: "91520100MA6DK0X17T",
    OTHER_PROVIDER: "91520300MA6H2B7C7R",
    ENTERPRISE: "91520900MAAJ4T0P8N",
}


def a_party(name: str, kind: str, *, credit_code: str = "91520100MA6DK0X17T") -> Party:
    """An organisation in good standing."""
    return Party(
        kind=kind,
        name=name,
        credit_code=credit_code,
        region="520100",
        authenticated=True,
        recognised=kind == "provider",
        legal_person=True,
    )


@dataclass
class Flow:
    """A settlement service with two providers, and the acts of everybody on it."""

    platform: Platform
    seed: int = 0
    replies: list[Reply] = field(default_factory=list)

    async def call(
        self,
        method: str,
        path: str,
        *,
        role: Role = Role.PROVIDER,
        organisation_id: UUID | None = None,
        account_id: UUID | None = None,
        json: Any = None,
        headers: Mapping[str, str] | None = None,
        **others: Any,
    ) -> httpx.Response:
        """One request in a role; providers act for PROVIDER unless told otherwise."""
        if role is Role.PROVIDER and organisation_id is None:
            organisation_id = PROVIDER
        sent = self.platform.headers(role, organisation_id=organisation_id, account_id=account_id or ACCOUNTS[role])
        sent |= headers or {}
        return await self.platform.client.request(method, BASE + path, headers=sent, json=json, **others)

    async def an_order(self, *, voucher_fen: int = 300_000, provider_id: UUID = PROVIDER, year: int = 2030) -> UUID:
        """A confirmed order with a voucher share."""
        order_id = uuid4()
        line = OrderLine(
            line=1,
            product_id=uuid4(),
            edition=1,
            class_code="compute",
            component="base",
            quantity=1,
            fee_fen=voucher_fen * 2,
            voucher_fen=voucher_fen,
        )
        await self.platform.feed(
            OrderPlaced(
                version=0,
                order_id=order_id,
                number=f"DD{order_id.hex[:8]}",
                enterprise_id=ENTERPRISE,
                provider_id=provider_id,
                year=year,
                lines=(line,),
                fee_fen=voucher_fen * 2,
                voucher_fen=voucher_fen,
                agreement_version="1.0.0",
                placed_at=START,
            )
        )
        await self.platform.feed(OrderConfirmed(version=0, order_id=order_id, confirmed_at=START))
        return order_id

    async def a_draft(self, order_ids: Sequence[UUID], *, organisation_id: UUID = PROVIDER) -> UUID:
        """A draft of these orders, without evidence."""
        body = {"order_ids": [str(order_id) for order_id in order_ids]}
        answer = await self.call("POST", "/claims", json=body, organisation_id=organisation_id)
        assert answer.status_code == 201, answer.text
        return UUID(answer.json()["id"])

    async def put(
        self,
        claim_id: UUID,
        order_id: UUID,
        kind: str,
        *,
        content: bytes | None = None,
        reference: str | None = None,
        organisation_id: UUID = PROVIDER,
    ) -> httpx.Response:
        """One piece of evidence; its own content and number unless given."""
        self.seed += 1
        numbered = {
            "reference": reference or f"{kind}-{self.seed:08d}",
            "amount_fen": "600000",
            "dated_on": "2026-01-05",
        }
        return await self.call(
            "PUT",
            f"/claims/{claim_id}/documents/{order_id}/{kind}",
            params=numbered if kind in {"invoice", "transfer"} or reference else {},
            content=content or paper_pdf(self.seed),
            organisation_id=organisation_id,
        )

    async def evidence(self, claim_id: UUID, order_ids: Sequence[UUID], *, organisation_id: UUID = PROVIDER) -> None:
        """All four kinds for each order."""
        for order_id in order_ids:
            for kind in KINDS:
                answer = await self.put(claim_id, order_id, kind, organisation_id=organisation_id)
                assert answer.status_code == 200, answer.text

    async def submit(self, claim_id: UUID, *, organisation_id: UUID = PROVIDER) -> httpx.Response:
        """File a draft with the declaration in force."""
        body = {"declaration_version": DECLARATION}
        return await self.call("POST", f"/claims/{claim_id}/submit", json=body, organisation_id=organisation_id)

    async def a_submitted(self, order_ids: Sequence[UUID], *, organisation_id: UUID = PROVIDER) -> UUID:
        """A claim of these orders, filed with all evidence."""
        claim_id = await self.a_draft(order_ids, organisation_id=organisation_id)
        await self.evidence(claim_id, order_ids, organisation_id=organisation_id)
        answer = await self.submit(claim_id, organisation_id=organisation_id)
        assert answer.status_code == 202, answer.text
        return claim_id

    async def command(self, command: Command, *, saga: UUID | None = None) -> None:
        """A step of the claim saga, as the order service sends it."""
        event = Event(
            id=uuid4(),
            source="order",
            type=command.type_name(),
            subject=saga or uuid4(),
            time="",
            sequence=1,
            data=msgspec.Raw(msgspec.json.encode(command)),
            replyto="order",
        )
        await self.platform.publish("order", command_key("order", "settlement"), [event])

    async def open(self, claim_id: UUID, order_id: UUID, *, voucher_fen: int = 300_000) -> None:
        """The order service claimed the order and locked its money."""
        await self.command(OpenItem(claim_id=claim_id, order_id=order_id, voucher_fen=voucher_fen))

    async def refuse(self, claim_id: UUID, order_id: UUID) -> None:
        """The order service could not claim the order."""
        await self.command(
            RefuseItem(
                claim_id=claim_id,
                order_id=order_id,
                code="order.refund_open",
                article="A20",
                detail="订单退款申请未结。",
            )
        )

    async def an_accepted(self, order_ids: Sequence[UUID], *, organisation_id: UUID = PROVIDER) -> UUID:
        """A claim whose items are all open."""
        claim_id = await self.a_submitted(order_ids, organisation_id=organisation_id)
        for order_id in order_ids:
            await self.open(claim_id, order_id)
        return claim_id

    async def an_in_review(self, order_ids: Sequence[UUID]) -> UUID:
        """A claim whose window has closed."""
        claim_id = await self.an_accepted(order_ids)
        await self.platform.move_clock(NODE)
        return claim_id

    async def first_review(
        self, claim_id: UUID, order_id: UUID, *, passed: bool = True, account_id: UUID | None = None
    ) -> httpx.Response:
        """The operator's judgement."""
        body = {"pass": passed, "truth_opinion": "材料与业务一致", "validity_opinion": "服务已交付并在使用"}
        path = f"/claims/{claim_id}/items/{order_id}/first-review"
        return await self.call("POST", path, role=Role.OPERATOR_CLERK, json=body, account_id=account_id)

    async def bureau_review(
        self, claim_id: UUID, order_id: UUID, *, approve: bool = True, account_id: UUID | None = None
    ) -> httpx.Response:
        """The bureau's judgement."""
        body = {"approve": approve, "reason": "符合规定" if approve else "合同与订单不符"}
        path = f"/claims/{claim_id}/items/{order_id}/bureau-review"
        return await self.call("POST", path, role=Role.BUREAU_OFFICER, json=body, account_id=account_id)

    async def a_bureau_review(self, order_ids: Sequence[UUID]) -> UUID:
        """A claim that passed first review."""
        claim_id = await self.an_in_review(order_ids)
        for order_id in order_ids:
            assert (await self.first_review(claim_id, order_id)).status_code == 200
        return claim_id

    async def a_passed(self, order_ids: Sequence[UUID]) -> UUID:
        """A claim that passed both reviews."""
        claim_id = await self.a_bureau_review(order_ids)
        for order_id in order_ids:
            assert (await self.bureau_review(claim_id, order_id)).status_code == 200
        return claim_id

    async def a_request(self, claim_ids: Sequence[UUID]) -> UUID:
        """A request for appropriation."""
        body = {"claim_ids": [str(claim_id) for claim_id in claim_ids], "declaration_version": DECLARATION}
        answer = await self.call("POST", "/appropriations", json=body)
        assert answer.status_code == 201, answer.text
        return UUID(answer.json()["id"])

    async def approve(
        self, appropriation_id: UUID, amounts: dict[UUID, tuple[int, str]], *, account_id: UUID | None = None
    ) -> httpx.Response:
        """The bureau's lead fixes the amounts."""
        items = [
            {"order_id": str(order_id), "approved_fen": fen, "reason": reason}
            for order_id, (fen, reason) in amounts.items()
        ]
        path = f"/appropriations/{appropriation_id}/approve"
        return await self.call("POST", path, role=Role.BUREAU_LEAD, json={"items": items}, account_id=account_id)

    async def pay(
        self,
        appropriation_id: UUID,
        *,
        amount_fen: int,
        reference: str = "ZF-2030-0001",
        account_id: UUID | None = None,
    ) -> httpx.Response:
        """Finance records a payment."""
        body = {"reference": reference, "paid_on": "2030-04-01", "amount_fen": amount_fen}
        path = f"/appropriations/{appropriation_id}/payments"
        return await self.call("POST", path, role=Role.FINANCE, json=body, account_id=account_id)

    async def claim(self, claim_id: UUID) -> dict[str, Any]:
        """The claim as its provider reads it."""
        answer = await self.call("GET", f"/claims/{claim_id}")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def facts(self, claim_id: UUID) -> list[dict[str, Any]]:
        """Every fact said about a claim: its type, version and content, in order."""
        async with self.platform.runtime("settlement").reading() as connection:
            rows = await connection.fetch("SELECT body FROM fact WHERE aggregate_id = $1 ORDER BY version", claim_id)
        return [msgspec.json.decode(row["body"]) for row in rows]

    async def stands(self, organisation_id: UUID, **changes: Any) -> None:
        """An organisation is as it was but for these: suspended_since, blacklisted, closed, credit_code."""
        name, kind = PARTIES[organisation_id]
        party = a_party(name, kind, credit_code=CODES[organisation_id])
        fact = OrganisationSuspended(
            version=0, organisation_id=organisation_id, party=msgspec.structs.replace(party, **changes)
        )
        await self.platform.feed(fact)

    async def tie(self, *, kind: str = "property_tie", origin: str = "recorded") -> UUID:
        """A tie between ENTERPRISE and PROVIDER is recorded."""
        affiliation_id = uuid4()
        fact = AffiliationRecorded(
            version=0,
            affiliation_id=affiliation_id,
            enterprise_id=ENTERPRISE,
            provider_id=PROVIDER,
            kind=kind,
            origin=origin,
            recorded_at=START,
        )
        await self.platform.feed(fact)
        return affiliation_id

    async def untie(self, affiliation_id: UUID) -> None:
        """The tie exists no more."""
        await self.platform.feed(
            AffiliationEnded(version=0, affiliation_id=affiliation_id, enterprise_id=ENTERPRISE, provider_id=PROVIDER)
        )

    async def propose(
        self, claim_id: UUID, order_id: UUID, *, account_id: UUID | None = None, role: Role = Role.BUREAU_OFFICER
    ) -> httpx.Response:
        """Somebody proposes to lift what stands against an order."""
        path = f"/claims/{claim_id}/items/{order_id}/overrides"
        return await self.call("POST", path, role=role, json={"reason": "服务已在此前交付"}, account_id=account_id)

    async def lift(
        self, override_id: object, *, act: str = "approve", account_id: UUID | None = None, role: Role | None = None
    ) -> httpx.Response:
        """The bureau's second lead decides a proposal, or an officer takes the own one back."""
        role = role or (Role.BUREAU_OFFICER if act == "withdraw" else Role.BUREAU_LEAD)
        path = f"/overrides/{override_id}/{act}"
        body = {"reason": "同意继续办理"}
        # Whoever proposes takes back, unless told otherwise.
        by = ACCOUNTS[role] if act == "withdraw" else SECOND_LEAD
        return await self.call("POST", path, role=role, json=body, account_id=account_id or by)

    async def overridden(self, claim_id: UUID, order_id: UUID) -> UUID:
        """An approved override of everything that stands against an order."""
        proposed = await self.propose(claim_id, order_id)
        assert proposed.status_code == 201, proposed.text
        approved = await self.lift(proposed.json()["id"])
        assert approved.status_code == 200, approved.text
        return UUID(proposed.json()["id"])

    async def tasks(self, role: Role, **others: Any) -> list[dict[str, Any]]:
        """What waits for somebody."""
        found: list[dict[str, Any]] = (await self.call("GET", "/tasks?limit=100", role=role, **others)).json()["data"]
        return found

    async def notices(self, role: Role) -> list[dict[str, Any]]:
        """What somebody was told, newest first."""
        answer = await self.call("GET", "/notices?limit=100", role=role)
        found: list[dict[str, Any]] = answer.json()["data"]
        return found


def a_conductor(replies: list[Reply]) -> Service:
    """The order service's end of the claim saga: it keeps what settlement answers."""

    async def keep(work: Work, answers: Sequence[SagaReply]) -> None:
        replies.extend(answer.reply for answer in answers)

    metadata = MetaData()
    attach(metadata)
    return Service(
        name="order",
        metadata=metadata,
        settings=ServiceSettings,
        subscriptions=dict.fromkeys((ItemOpened, ItemRefused, Refused), keep),
    )


@asynccontextmanager
async def a_flow(fresh_database: Callable[[], str]) -> AsyncIterator[Flow]:
    """Settlement alone, on 4 February 2030, knowing two providers and one enterprise."""
    replies: list[Reply] = []
    async with open_platform([SERVICE, a_conductor(replies)], fresh_database) as platform:
        await platform.move_clock(START)
        for organisation_id, (name, kind) in PARTIES.items():
            party = a_party(name, kind, credit_code=CODES[organisation_id])
            await platform.feed(OrganisationRegistered(version=0, organisation_id=organisation_id, party=party))
        yield Flow(platform, replies=replies)
        assert await platform.dead_letters() == []
