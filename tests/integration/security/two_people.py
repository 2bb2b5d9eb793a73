"""Every act that takes two people: how it is proposed, approved and ended, and what it changes."""
# ruff: noqa: D102, ARG002 - what each desk overrides is described, and its arguments are named, where Desk declares it

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import msgspec

from services.identity.handlers.staff import StaffAct
from shared.contracts.messages.base import Event
from shared.contracts.messages.identity import OrganisationAuthenticated
from shared.contracts.permissions import Role
from shared.kernel.calendar import year_closes_at
from tests.factories.catalog import Catalog
from tests.factories.harness import Platform
from tests.factories.voucher import an_enterprise
from tests.integration.voucher.conftest import YEAR, Voucher

FreshDatabase = Callable[[], str]
FIRST, SECOND = UUID(int=71), UUID(int=72)
"""Who proposes, and who approves."""

REASON = {"reason": "依规办理"}
PROVIDER_CODE = "91520900MAAJ4T0P8N"
DECIDED = {"organ": "某市人民法院", "number": "（2026）黔01刑初1号", "decided_on": "2026-01-05", **REASON}
ACQUITTED = {"organ": "省高级人民法院", "number": "（2026）黔刑再1号", "decided_on": "2026-02-05", **REASON}


@dataclass
class Desk(ABC):
    """Where one act is proposed and decided, on a platform of its own."""

    platform: Platform
    service: str

    @abstractmethod
    async def propose(self) -> str:
        """What FIRST proposes; its id."""

    @abstractmethod
    async def approve(self, proposal: str, *, by: UUID = SECOND, body: dict[str, Any] | None = None) -> httpx.Response:
        """Somebody approves it."""

    @abstractmethod
    async def withdraw(self, proposal: str) -> httpx.Response:
        """FIRST takes it back."""

    @abstractmethod
    async def refuse(self, proposal: str) -> httpx.Response:
        """SECOND refuses it."""

    async def lapse(self, proposal: str) -> None:
        """Its time passes, or what it was about."""
        raise NotImplementedError(proposal)

    @abstractmethod
    async def done(self, proposal: str) -> tuple[Any, Any]:
        """What an approval changed, and what it should be as it was proposed."""

    async def call(self, path: str, body: object, *, role: Role, by: UUID, method: str = "POST") -> httpx.Response:
        """A request below the service."""
        headers = self.platform.headers(role, service=self.service, account_id=by)
        return await self.platform.client.request(method, f"/api/{self.service}/v1{path}", json=body, headers=headers)

    async def made(self, path: str, body: object, *, role: Role, method: str = "POST", by: UUID = FIRST) -> str:
        """The id of what was made."""
        answer = await self.call(path, body, role=role, by=by, method=method)
        assert answer.is_success, f"{path}: {answer.text}"
        return str(answer.json()["id"])

    async def row(self, statement: str, *arguments: object) -> dict[str, Any]:
        """One row of the service's database."""
        async with self.platform.runtime(self.service).reading() as connection:
            return dict(await connection.fetchrow(statement, *arguments) or {})

    async def run(self, statement: str, *arguments: object) -> None:
        """What only another process or time would do."""
        async with self.platform.runtime(self.service).pool.acquire() as connection:
            await connection.execute(statement, *arguments)

    async def pass_days(self, days: int) -> None:
        """Let days pass."""
        now = self.platform.runtime(self.service).clock.now()
        await self.platform.move_clock(now + timedelta(days=days, seconds=1))


@dataclass
class Staff(Desk):
    """A staff account opened, changed, given back or reset."""

    act: StaffAct = StaffAct.OPEN
    account_id: str = ""

    async def propose(self) -> str:
        admin = Role.PLATFORM_ADMIN
        colleague = {"sign_in_name": f"s{uuid4().hex[:8]}", "display_name": "审核科", "roles": ["finance"]}
        opened = await self.made("/staff", colleague, role=admin)
        if self.act is StaffAct.OPEN:
            return opened
        self.account_id = (await self.approve(opened)).json()["account_id"]
        path = f"/staff/{self.account_id}"
        if self.act is StaffAct.CHANGE_ROLES:
            return await self.made(f"{path}/roles", {"roles": ["auditor"]}, role=admin, method="PUT")
        if self.act is StaffAct.ENABLE:
            assert (await self.call(f"{path}/disable", REASON, role=admin, by=FIRST)).is_success
            return await self.made(f"{path}/enable", REASON, role=admin)
        if self.act is StaffAct.RESET_SECOND_FACTOR:
            factor = "INSERT INTO second_factor VALUES ($1, '\\x00', now(), now(), 0)"
            await self.run(factor, UUID(self.account_id))
            return await self.made(f"{path}/reset-second-factor", REASON, role=admin)
        await self.run("UPDATE account SET password_hash = 'old' WHERE id = $1", UUID(self.account_id))
        return await self.made(f"{path}/reset-password", REASON, role=admin)

    async def approve(self, proposal: str, *, by: UUID = SECOND, body: dict[str, Any] | None = None) -> httpx.Response:
        return await self.call(f"/staff-proposals/{proposal}/approve", body or {}, role=Role.PLATFORM_ADMIN, by=by)

    async def withdraw(self, proposal: str) -> httpx.Response:
        return await self.call(f"/staff-proposals/{proposal}/refuse", REASON, role=Role.PLATFORM_ADMIN, by=FIRST)

    async def refuse(self, proposal: str) -> httpx.Response:
        return await self.call(f"/staff-proposals/{proposal}/refuse", REASON, role=Role.PLATFORM_ADMIN, by=SECOND)

    async def lapse(self, proposal: str) -> None:
        await self.pass_days(7)

    async def done(self, proposal: str) -> tuple[Any, Any]:
        proposed = await self.row("SELECT * FROM staff_proposal WHERE id = $1", UUID(proposal))
        about = UUID(self.account_id) if self.account_id else proposed["account_id"]
        account = await self.row("SELECT * FROM account WHERE id = $1", about)
        factor = await self.row("SELECT * FROM second_factor WHERE account_id = $1", about)
        names = ("sign_in_name", "display_name", "roles", "region")
        state = {"factor": bool(factor), "hash": account["password_hash"], "state": account["state"]}
        wanted = {"factor": False, "hash": "", "state": "active"}
        return {name: account[name] for name in names} | state, {name: proposed[name] for name in names} | wanted


@dataclass
class Blacklist(Desk):
    """A code listed."""

    async def propose(self) -> str:
        body = {"credit_code": PROVIDER_CODE, "organisation_name": "某公司", **DECIDED}
        return await self.made("/blacklist", body, role=Role.OPERATOR_LEAD)

    async def approve(self, proposal: str, *, by: UUID = SECOND, body: dict[str, Any] | None = None) -> httpx.Response:
        return await self.call(f"{self.place}/{proposal}/approve", body or {}, role=Role.BUREAU_LEAD, by=by)

    async def withdraw(self, proposal: str) -> httpx.Response:
        return await self.call(f"{self.place}/{proposal}/withdraw", REASON, role=Role.OPERATOR_LEAD, by=FIRST)

    async def refuse(self, proposal: str) -> httpx.Response:
        return await self.call(f"{self.place}/{proposal}/refuse", REASON, role=Role.BUREAU_LEAD, by=SECOND)

    async def done(self, proposal: str) -> tuple[Any, Any]:
        row = await self.row("SELECT credit_code, number, state FROM blacklist_entry WHERE id = $1", UUID(proposal))
        return row, {"credit_code": PROVIDER_CODE, "number": DECIDED["number"], "state": "approved"}

    @property
    def place(self) -> str:
        """Where the proposals are."""
        return "/blacklist"


@dataclass
class Lifting(Blacklist):
    """A code taken off the list."""

    entry_id: str = ""

    async def propose(self) -> str:
        if not self.entry_id:
            self.entry_id = await super().propose()
            path = f"/blacklist/{self.entry_id}/approve"
            assert (await self.call(path, {}, role=Role.BUREAU_LEAD, by=SECOND)).is_success
        return await self.made(f"/blacklist/{self.entry_id}/liftings", ACQUITTED, role=Role.OPERATOR_LEAD)

    async def done(self, proposal: str) -> tuple[Any, Any]:
        statement = (
            "SELECT e.state, l.number FROM blacklist_lifting l JOIN blacklist_entry e ON e.id = l.entry_id"
            " WHERE l.id = $1"
        )
        row = await self.row(statement, UUID(proposal))
        return row, {"state": "lifted", "number": ACQUITTED["number"]}

    @property
    def place(self) -> str:
        return "/blacklist/liftings"


@dataclass
class Money(Desk):
    """What changes the year's plan, or an enterprise's quota."""

    kind: str = "plans"
    first: Role = Role.BUREAU_OFFICER
    second: Role = Role.BUREAU_LEAD
    plan_id: UUID | None = None

    async def propose(self) -> str:
        if self.kind == "plans":
            opens_at = f"{YEAR}-01-01T00:00:00+08:00"
            body: dict[str, Any] = {"year": YEAR, "total_fen": 100_000, "lane_share_bp": 0, "opens_at": opens_at}
            return await self.made("/plans", body, role=self.first)
        voucher = Voucher(self.platform)
        if self.plan_id is None:
            self.plan_id = await voucher.plan(100_000)
        if self.kind == "increases":
            body = {"amount_fen": 5_000, **REASON}
            return await self.made(f"/plans/{self.plan_id}/increases", body, role=self.first)
        ticket = await voucher.ticket(self.plan_id, 20_000)
        granted = await voucher.post(f"/applications/{ticket['id']}/grant", {}, Role.OPERATOR_CLERK)
        assert granted.is_success, granted.text
        body = {"enterprise_id": str(voucher.enterprises[-1]), "year": YEAR, "amount_fen": 10_000, **REASON}
        return await self.made("/revocations", body, role=self.first)

    async def approve(self, proposal: str, *, by: UUID = SECOND, body: dict[str, Any] | None = None) -> httpx.Response:
        return await self.call(f"/{self.kind}/{proposal}/approve", body or {}, role=self.second, by=by)

    async def withdraw(self, proposal: str) -> httpx.Response:
        return await self.call(f"/{self.kind}/{proposal}/withdraw", REASON, role=self.first, by=FIRST)

    async def refuse(self, proposal: str) -> httpx.Response:
        return await self.call(f"/{self.kind}/{proposal}/refuse", REASON, role=self.second, by=SECOND)

    async def lapse(self, proposal: str) -> None:
        await self.platform.move_clock(year_closes_at(YEAR) + timedelta(seconds=1))

    async def done(self, proposal: str) -> tuple[Any, Any]:
        if self.kind == "plans":
            row = await self.row("SELECT state, total_fen FROM plan WHERE id = $1", UUID(proposal))
            return row, {"state": "approved", "total_fen": 100_000}
        if self.kind == "increases":
            return await self.row("SELECT total_fen FROM plan WHERE id = $1", self.plan_id), {"total_fen": 105_000}
        statement = "SELECT available_fen, revoked_fen FROM quota_account ORDER BY id DESC LIMIT 1"
        return await self.row(statement), {"available_fen": 10_000, "revoked_fen": 10_000}


@dataclass
class Delisting(Desk):
    """A product taken off the directory by force."""

    catalog: Catalog = field(kw_only=True)
    product_id: str = ""

    async def propose(self) -> str:
        self.product_id = await self.catalog.publish()
        return await self.propose_again()

    async def propose_again(self) -> str:
        """What FIRST proposes of the same product once more; its id."""
        body = {"ground": "g3_false_service", "evidence": "投诉核查报告第12号"}
        return await self.made(f"/products/{self.product_id}/delistings", body, role=Role.OPERATOR_CLERK)

    async def approve(self, proposal: str, *, by: UUID = SECOND, body: dict[str, Any] | None = None) -> httpx.Response:
        decision = {"approve": True, "reason": "证据充分", **(body or {})}
        return await self.call(f"/delistings/{proposal}/decision", decision, role=Role.OPERATOR_LEAD, by=by)

    async def withdraw(self, proposal: str) -> httpx.Response:
        return await self.call(f"/delistings/{proposal}/withdraw", REASON, role=Role.OPERATOR_CLERK, by=FIRST)

    async def refuse(self, proposal: str) -> httpx.Response:
        return await self.approve(proposal, body={"approve": False})

    async def lapse(self, proposal: str) -> None:
        own = await self.catalog.as_provider("POST", f"/products/{self.product_id}/withdraw", REASON)
        assert own.is_success, own.text

    async def done(self, proposal: str) -> tuple[Any, Any]:
        statement = "SELECT state, delisting_ground FROM product WHERE id = $1"
        row = await self.row(statement, UUID(self.product_id))
        return row, {"state": "delisted", "delisting_ground": "g3_false_service"}


@dataclass
class Override(Desk):
    """What stands against paying one order, lifted."""

    flow: Any = field(kw_only=True)
    place: tuple[UUID, UUID] | None = None
    tie: UUID | None = None

    async def propose(self) -> str:
        if self.place is None:
            order_id = await self.flow.an_order()
            self.place = (await self.flow.an_in_review([order_id]), order_id)
        self.tie = self.tie or await self.flow.tie()
        path = f"/claims/{self.place[0]}/items/{self.place[1]}/overrides"
        return await self.made(path, REASON, role=Role.BUREAU_OFFICER)

    async def approve(self, proposal: str, *, by: UUID = SECOND, body: dict[str, Any] | None = None) -> httpx.Response:
        path = f"/overrides/{proposal}/approve"
        return await self.call(path, {**REASON, **(body or {})}, role=Role.BUREAU_LEAD, by=by)

    async def withdraw(self, proposal: str) -> httpx.Response:
        return await self.call(f"/overrides/{proposal}/withdraw", REASON, role=Role.BUREAU_OFFICER, by=FIRST)

    async def refuse(self, proposal: str) -> httpx.Response:
        return await self.call(f"/overrides/{proposal}/refuse", REASON, role=Role.BUREAU_LEAD, by=SECOND)

    async def lapse(self, proposal: str) -> None:
        await self.flow.untie(self.tie)
        self.tie = None

    async def done(self, proposal: str) -> tuple[Any, Any]:
        statement = "SELECT state, amount_fen, order_id FROM override WHERE id = $1"
        row = await self.row(statement, UUID(proposal))
        assert self.place is not None
        return row, {"state": "approved", "amount_fen": 300_000, "order_id": self.place[1]}


@dataclass
class Letter(Desk):
    """A dead letter applied after all."""

    organisation_id: UUID = field(default_factory=uuid4)

    async def propose(self) -> str:
        self.organisation_id = uuid4()
        fact = OrganisationAuthenticated(version=1, organisation_id=self.organisation_id, party=an_enterprise())
        event = Event(
            id=uuid4(),
            source="identity",
            type=fact.type_name(),
            subject=self.organisation_id,
            time="",
            sequence=1,
            data=msgspec.Raw(msgspec.json.encode(fact)),
            aggregatetype="organisation",
        )
        statement = "INSERT INTO dead_letter (event_id, type, event, attempts, reason) VALUES ($1, $2, $3, 1, 'Bug')"
        await self.run(statement, event.id, event.type, msgspec.json.encode(event))
        path = f"/dead-letters/{event.id}/replay-proposals"
        assert (await self.call(path, {}, role=Role.PLATFORM_ADMIN, by=FIRST)).is_success
        return str(event.id)

    async def approve(self, proposal: str, *, by: UUID = SECOND, body: dict[str, Any] | None = None) -> httpx.Response:
        path = f"/dead-letters/{proposal}/replay-approvals"
        return await self.call(path, body or {}, role=Role.OPERATOR_LEAD, by=by)

    async def withdraw(self, proposal: str) -> httpx.Response:
        raise NotImplementedError(proposal)

    async def refuse(self, proposal: str) -> httpx.Response:
        raise NotImplementedError(proposal)

    async def lapse(self, proposal: str) -> None:
        await self.pass_days(7)

    async def done(self, proposal: str) -> tuple[Any, Any]:
        row = await self.row("SELECT count(*) AS n FROM party WHERE organisation_id = $1", self.organisation_id)
        return row, {"n": 1}


REVIEWS = {
    "catalog POST /products/{product_id}/decision": (
        "tests/integration/catalog/test_editions.py::test_one_person_never_does_both_reviews_whatever_roles_it_has"
    ),
    "settlement POST /claims/{claim_id}/items/{order_id}/bureau-review": (
        "tests/integration/settlement/test_persons.py"
        "::test_nobody_who_acted_on_the_money_acts_on_it_again_in_whatever_role"
    ),
    "settlement POST /appropriations/{appropriation_id}/approve": (
        "tests/integration/settlement/test_reviews.py::test_the_bureau_reviewer_does_not_approve_the_money_too"
    ),
    "settlement POST /appropriations/{appropriation_id}/refuse": (
        "tests/integration/settlement/test_reviews.py::test_a_refused_request_frees_every_order"
    ),
    "settlement POST /appropriations/{appropriation_id}/payments": (
        "tests/integration/settlement/test_persons.py::test_who_approved_a_payment_does_not_record_it"
    ),
    "settlement POST /appropriations/{appropriation_id}/return": (
        "tests/integration/settlement/test_returns.py"
        "::test_what_may_not_be_paid_is_taken_back_with_a_reason_and_nothing_is_paid"
    ),
    "settlement POST /questions/{question_id}/urge": (
        "tests/integration/settlement/test_reviews.py"
        "::test_a_late_answer_is_flagged_escalated_and_counted_and_approves_nothing"
    ),
    "voucher POST /applications/{application_id}/urge": (
        "tests/integration/voucher/test_year_end.py::test_a_late_review_is_flagged_and_decided_by_nobody"
    ),
}
"""Reviews of what a party handed in, and what a supervisor does alone: nobody of the staff proposes them.

Each names its test; a review's is the one of its second person.
"""
