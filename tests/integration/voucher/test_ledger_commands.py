"""Saga commands against PostgreSQL: every one of them once, twice, swapped and at the same time."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.voucher.handlers import ledger
from services.voucher.proof import Proof, prove
from services.voucher.service import SERVICE
from shared.contracts.messages.voucher import (
    ClaimVoucher,
    CommitVoucher,
    HoldVoucher,
    LineAmount,
    RedeemVoucher,
    RefundVoucher,
    ReleaseVoucher,
    UnclaimVoucher,
    VoucherHeld,
    VoucherReleased,
)
from shared.kernel.calendar import year_closes_at
from shared.kernel.refusals import Refusal
from shared.runtime.service.runtime import Runtime
from tests.factories.harness import open_platform
from tests.factories.voucher import a_plan, a_quota_account

YEAR = datetime.now(UTC).year
TOTAL_FEN = 100_000_000
GRANTED_FEN = 1_000_000


@dataclass
class Ledger:
    """A running voucher service with one enterprise that has quota."""

    runtime: Runtime
    enterprise_id: UUID
    account_id: UUID

    async def run(self, *commands: ledger.LedgerCommand) -> list[Any]:
        """The outcomes of one batch, committed."""
        async with self.runtime.work() as work:
            return list(await ledger.run_commands(work, commands))

    def hold_of(self, order_id: UUID, *amounts_fen: int) -> HoldVoucher:
        """A hold of the enterprise with lines 1.."""
        lines = tuple(LineAmount(line=number, amount_fen=fen) for number, fen in enumerate(amounts_fen, 1))
        return HoldVoucher(order_id=order_id, enterprise_id=self.enterprise_id, year=YEAR, lines=lines)

    async def balances(self) -> dict[str, int]:
        """The account's balances that are not 0."""
        async with self.runtime.reading() as connection:
            row = await connection.fetchrow("SELECT * FROM quota_account WHERE id = $1", self.account_id)
        names = ("available", "held", "committed", "claimed", "redeemed", "taken_back")
        return {name: row[f"{name}_fen"] for name in names if row[f"{name}_fen"]}

    async def proof(self) -> Proof:
        """The proof of the whole ledger."""
        async with self.runtime.reading() as connection:
            return await prove(connection)


@pytest.fixture
async def books(fresh_database: Callable[[], str]) -> AsyncIterator[Ledger]:
    async with open_platform([SERVICE], fresh_database) as platform:
        runtime = platform.runtime("voucher")
        enterprise_id = uuid4()
        async with runtime.work() as work:
            plan_id = await a_plan(work.connection, year=YEAR, total_fen=TOTAL_FEN)
            account_id = await a_quota_account(
                work.connection, plan_id=plan_id, enterprise_id=enterprise_id, year=YEAR, granted_fen=GRANTED_FEN
            )
        ledger_ = Ledger(runtime, enterprise_id, account_id)
        yield ledger_
        proof = await ledger_.proof()
        assert proof.holds, proof.differences
        async with runtime.reading() as connection:
            versions = await connection.fetch(
                "SELECT version FROM fact WHERE aggregate_id = $1 ORDER BY version", account_id
            )
            version = await connection.fetchval("SELECT version FROM quota_account WHERE id = $1", account_id)
        assert [row["version"] for row in versions] == list(range(2, version + 1))


@pytest.mark.requirement("R24")
async def test_a_purchase_goes_from_hold_to_redemption_and_short_payment_is_taken_back(books: Ledger) -> None:
    order, claim = uuid4(), uuid4()
    (held,) = await books.run(books.hold_of(order, 300_000, 100_000))
    assert held == VoucherHeld(order_id=order, amount_fen=400_000)
    assert await books.balances() == {"available": 600_000, "held": 400_000}
    (committed,) = await books.run(CommitVoucher(order_id=order))
    assert committed.amount_fen == 400_000
    (claimed,) = await books.run(ClaimVoucher(order_id=order, claim_id=claim))
    assert claimed.amount_fen == 400_000
    (paid,) = await books.run(RedeemVoucher(order_id=order, claim_id=claim, paid_fen=350_000))
    assert paid.amount_fen == 350_000
    assert await books.balances() == {"available": 600_000, "redeemed": 350_000, "taken_back": 50_000}


async def test_every_command_may_come_twice_and_answers_the_same_again(books: Ledger) -> None:
    order, claim = uuid4(), uuid4()
    script: Sequence[ledger.LedgerCommand] = [
        books.hold_of(order, 300_000, 100_000),
        CommitVoucher(order_id=order),
        RefundVoucher(order_id=order, lines=(2,)),
        ClaimVoucher(order_id=order, claim_id=claim),
        RedeemVoucher(order_id=order, claim_id=claim, paid_fen=300_000),
    ]
    answers = []
    for command in script:
        first = await books.run(command, command)
        again = await books.run(command)
        assert first == [again[0], again[0]]
        answers.append(again[0].amount_fen)
    assert answers == [400_000, 400_000, 100_000, 300_000, 300_000]
    assert await books.balances() == {"available": 700_000, "redeemed": 300_000}
    # A copy of any step that arrives after the end moves nothing either.
    for command in script:
        await books.run(command)
    assert await books.balances() == {"available": 700_000, "redeemed": 300_000}


@pytest.mark.requirement("R72")
async def test_a_release_that_overtakes_its_hold_makes_the_hold_refused(books: Ledger) -> None:
    order = uuid4()
    (released,) = await books.run(ReleaseVoucher(order_id=order, reason="enterprise"))
    assert released == VoucherReleased(order_id=order, amount_fen=0)
    (refused,) = await books.run(books.hold_of(order, 1))
    assert refused.code == "voucher.hold_released"
    assert await books.balances() == {"available": GRANTED_FEN}


async def test_a_refused_hold_stays_refused_when_a_copy_comes_after_quota_arrived(books: Ledger) -> None:
    order, other = uuid4(), uuid4()
    await books.run(books.hold_of(other, 900_000))
    (first,) = await books.run(books.hold_of(order, 200_000))
    assert (first.code, first.article, first.facts["available_fen"]) == ("voucher.insufficient_quota", "A16", 100_000)
    await books.run(ReleaseVoucher(order_id=other, reason="enterprise"))
    (again,) = await books.run(books.hold_of(order, 200_000))
    assert (again.code, again.facts) == (first.code, first.facts)
    assert await books.balances() == {"available": GRANTED_FEN}


@pytest.mark.requirement("R29")
async def test_two_connections_that_race_for_one_account_never_hold_more_than_it_has(books: Ledger) -> None:
    async def one() -> bool:
        (outcome,) = await books.run(books.hold_of(uuid4(), 150_000))
        return not isinstance(outcome, Refusal)

    won = await asyncio.gather(*(one() for _ in range(20)))
    assert sum(won) == 6
    assert await books.balances() == {"available": 100_000, "held": 900_000}


async def test_one_batch_holds_for_many_orders_with_few_statements(books: Ledger) -> None:
    commands = [books.hold_of(uuid4(), 10_000) for _ in range(101)]
    outcomes = await books.run(*commands)
    assert [isinstance(outcome, Refusal) for outcome in outcomes] == [False] * 100 + [True]
    statements: list[str] = []
    async with books.runtime.work() as work:
        work.connection.raw.add_query_logger(lambda query: statements.append(query.query))
        orders = [CommitVoucher(order_id=command.order_id) for command in commands[:100]]
        await ledger.run_commands(work, orders)
        await work.flush()
        # The driver reports statements a moment later, and asks a fresh connection about its types besides.
        await asyncio.sleep(0.1)
        assert len([text for text in statements if "typeinfo" not in text]) == 3
    assert await books.balances() == {"committed": GRANTED_FEN}


@pytest.mark.requirement("R73")
async def test_a_rejected_claim_opens_the_refund_again_and_another_claim_may_follow(books: Ledger) -> None:
    order, claim, other = uuid4(), uuid4(), uuid4()
    await books.run(books.hold_of(order, 50_000, 70_000))
    await books.run(CommitVoucher(order_id=order))
    await books.run(ClaimVoucher(order_id=order, claim_id=claim))
    (locked,) = await books.run(RefundVoucher(order_id=order, lines=(1,)))
    assert locked.code == "voucher.line_claimed"
    (unclaimed,) = await books.run(UnclaimVoucher(order_id=order, claim_id=claim))
    assert unclaimed.amount_fen == 120_000
    (late,) = await books.run(ClaimVoucher(order_id=order, claim_id=claim))
    assert late.code == "voucher.claim_ended"
    (refunded,) = await books.run(RefundVoucher(order_id=order, lines=(1,)))
    assert refunded.amount_fen == 50_000
    (claimed,) = await books.run(ClaimVoucher(order_id=order, claim_id=other))
    assert claimed.amount_fen == 70_000
    assert await books.balances() == {"available": 930_000, "claimed": 70_000}


@pytest.mark.requirement("R36")
async def test_what_returns_after_the_year_is_taken_back_and_nothing_new_is_held(books: Ledger) -> None:
    released, refunded = uuid4(), uuid4()
    await books.run(books.hold_of(released, 10_000), books.hold_of(refunded, 20_000))
    await books.run(CommitVoucher(order_id=refunded))
    async with books.runtime.pool.acquire() as connection:
        books.runtime.clock.take(await books.runtime.clock.move_to(connection, target=year_closes_at(YEAR)))
    await books.run(ReleaseVoucher(order_id=released, reason="year_end"))
    await books.run(RefundVoucher(order_id=refunded, lines=(1,)))
    (late,) = await books.run(books.hold_of(uuid4(), 1))
    assert late.code == "voucher.year_closed"
    assert (await books.balances())["taken_back"] >= 30_000
    assert "held" not in await books.balances()


@pytest.mark.requirement("R36")
async def test_what_a_short_payment_left_unpaid_cannot_be_spent_again(books: Ledger) -> None:
    order_id, claim_id = uuid4(), uuid4()
    await books.run(books.hold_of(order_id, GRANTED_FEN), CommitVoucher(order_id=order_id))
    await books.run(ClaimVoucher(order_id=order_id, claim_id=claim_id))
    await books.run(RedeemVoucher(order_id=order_id, claim_id=claim_id, paid_fen=GRANTED_FEN - 1))
    assert await books.balances() == {"redeemed": GRANTED_FEN - 1, "taken_back": 1}
    (refused,) = await books.run(books.hold_of(uuid4(), 1))
    assert isinstance(refused, Refusal)
    assert refused.code == "voucher.insufficient_quota"
    assert (await books.proof()).holds
