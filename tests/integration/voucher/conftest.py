"""A voucher service with helpers for the queue's tests."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import httpx
import msgspec
import pytest

from services.voucher.domain.allocation import Entry, EntryKind, Ticket, canonical
from services.voucher.domain.replay import INPUTS, Rules, replay
from services.voucher.proof import Proof, prove
from services.voucher.service import SERVICE
from shared.contracts.messages.identity import OrganisationAuthenticated, Party
from shared.contracts.permissions import Role
from shared.contracts.policy import PolicyPack
from shared.runtime.service.runtime import Runtime
from tests.factories.harness import Platform, open_platform
from tests.factories.voucher import an_enterprise

YEAR = datetime.now(UTC).year
DRAFTER, APPROVER = UUID(int=1), UUID(int=2)


@dataclass
class Voucher:
    """A running voucher service seen from outside, and its ledger from inside."""

    platform: Platform
    enterprises: list[UUID] = field(default_factory=list)

    @property
    def runtime(self) -> Runtime:
        """The running service."""
        return self.platform.runtime("voucher")

    @property
    def declaration(self) -> str:
        """The truth declaration in force."""
        return self.runtime.ports.get(PolicyPack).truth_declaration.version

    async def post(self, path: str, body: dict[str, Any], role: Role, **who: Any) -> httpx.Response:
        """POST as a role."""
        headers = self.platform.headers(role, **who)
        return await self.platform.client.post(f"/api/voucher/v1{path}", json=body, headers=headers)

    async def get(self, path: str, role: Role | None = None, **who: Any) -> httpx.Response:
        """GET as a role, or as nobody."""
        headers = {} if role is None else self.platform.headers(role, **who)
        return await self.platform.client.get(f"/api/voucher/v1{path}", headers=headers)

    async def enterprise(self, party: Party | None = None) -> UUID:
        """A new authenticated enterprise."""
        identifier = uuid4()
        fact = OrganisationAuthenticated(version=0, organisation_id=identifier, party=party or an_enterprise())
        await self.platform.feed(fact)
        self.enterprises.append(identifier)
        return identifier

    async def plan(self, total_fen: int, *, lane_share_bp: int = 0) -> UUID:
        """A published plan of this year."""
        body = {
            "year": YEAR, "total_fen": total_fen, "lane_share_bp": lane_share_bp,
            "opens_at": f"{YEAR}-01-01T00:00:00+08:00",
        }  # fmt: skip
        drafted = await self.post("/plans", body, Role.BUREAU_OFFICER, account_id=DRAFTER)
        assert drafted.status_code == 201, drafted.text
        plan_id = UUID(drafted.json()["id"])
        for step, role in (("approve", Role.BUREAU_LEAD), ("publish", Role.OPERATOR_LEAD)):
            answer = await self.post(f"/plans/{plan_id}/{step}", {}, role, account_id=APPROVER)
            assert answer.status_code == 200, answer.text
        return plan_id

    async def apply(self, plan_id: UUID, enterprise_id: UUID, amount_fen: int) -> httpx.Response:
        """An application over HTTP."""
        body = {"plan_id": str(plan_id), "amount_fen": amount_fen, "truth_declaration_version": self.declaration}
        return await self.post("/applications", body, Role.ENTERPRISE, organisation_id=enterprise_id)

    async def ticket(self, plan_id: UUID, amount_fen: int, party: Party | None = None) -> dict[str, Any]:
        """A new enterprise's decided application."""
        answer = await self.apply(plan_id, await self.enterprise(party), amount_fen)
        assert answer.status_code == 201, answer.text
        return await self.decided(answer.json()["application_id"])

    async def decided(self, application_id: str) -> dict[str, Any]:
        """An application once nothing of the queue is under way."""
        await self.allocated()
        return await self.application(application_id)

    async def application(self, application_id: str) -> dict[str, Any]:
        """An application as the operator sees it."""
        answer = await self.get(f"/applications/{application_id}", Role.OPERATOR_CLERK)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def allocated(self) -> None:
        """Wait until every ticket has its decision and nothing free waits for a ticket."""
        statement = """
            SELECT count(*) FROM plan p JOIN intake_counter c ON c.plan_id = p.id
            WHERE c.last_ticket_no > p.decided_to AND p.state = 'published'
               OR (p.left_fen > p.lane_left_fen
                   AND EXISTS (SELECT 1 FROM application a WHERE a.plan_id = p.id AND a.waiting_fen > 0))
        """
        async with asyncio.timeout(20):
            while await self.value(statement):  # noqa: ASYNC110 - the database is asked, not this process
                await asyncio.sleep(0.01)
        await self.platform.settle()

    async def value(self, statement: str, *arguments: Any) -> Any:
        """One value of the service's database."""
        async with self.runtime.reading() as connection:
            return await connection.fetchval(statement, *arguments)

    async def rows(self, statement: str, *arguments: Any) -> list[Any]:
        """Rows of the service's database."""
        async with self.runtime.reading() as connection:
            return list(await connection.fetch(statement, *arguments))

    async def proof(self) -> Proof:
        """The proof of the ledger."""
        async with self.runtime.reading() as connection:
            return await prove(connection)

    async def check_replay(self, plan_id: UUID) -> int:
        """Replay the recorded intake and compare every byte; returns how many entries there are."""
        rows = await self.rows("SELECT * FROM allocation WHERE plan_id = $1 ORDER BY decision_no", plan_id)
        assert [row["decision_no"] for row in rows] == list(range(1, len(rows) + 1))
        names = Entry.__struct_fields__
        recorded = [Entry(**{**{name: row[name] for name in names}, "kind": EntryKind(row["kind"])}) for row in rows]
        tickets = [
            Ticket(
                ticket_no=row["ticket_no"],
                enterprise_id=row["enterprise_id"],
                asked_fen=row["requested_fen"],
                listed=row["listed"],
            )
            for row in await self.rows("SELECT * FROM application WHERE plan_id = $1", plan_id)
        ]
        plan = (await self.rows("SELECT * FROM plan WHERE id = $1", plan_id))[0]
        inputs = {entry.decision_no: entry for entry in recorded if entry.kind in INPUTS}
        rules = Rules(cap_fen=plan["cap_fen"], lane_share_bp=plan["lane_share_bp"])
        again = replay(tickets, inputs, rules=rules, last_decision_no=len(recorded))
        version = plan["pack_version"]
        assert [canonical(e, pack_version=version) for e in again] == [
            canonical(e, pack_version=row["pack_version"]) for e, row in zip(recorded, rows, strict=True)
        ]
        return len(recorded)


@pytest.fixture
async def voucher(fresh_database: Callable[[], str]) -> AsyncIterator[Voucher]:
    """A voucher service; after each test its ledger must prove and no message may be dead."""
    async with open_platform([SERVICE], fresh_database) as platform:
        running = Voucher(platform)
        yield running
        await platform.settle()
        proof = await running.proof()
        assert proof.holds, msgspec.to_builtins(proof.differences)
        assert await platform.dead_letters() == []
        gaps = await running.rows(
            "SELECT aggregate_id FROM fact WHERE aggregate_type <> 'key' GROUP BY aggregate_id"
            " HAVING count(*) <> max(version) OR min(version) <> 1"
        )
        assert gaps == []
