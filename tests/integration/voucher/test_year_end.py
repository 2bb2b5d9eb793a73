"""24:00 on 31 December, Beijing time: unused quota is taken back, the waiting list closes, held money waits."""

from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest

from services.voucher.handlers import ledger
from services.voucher.handlers.plans import YEAR_END_TIMER
from services.voucher.handlers.year_end import close_years
from shared.contracts.messages.voucher import CommitVoucher, HoldVoucher, LineAmount, RefundVoucher, ReleaseVoucher
from shared.contracts.permissions import Role
from shared.kernel.calendar import year_closes_at
from tests.integration.voucher.conftest import YEAR, Voucher


async def _hold(voucher: Voucher, enterprise_id: UUID, amount_fen: int) -> UUID:
    order_id = uuid4()
    line = LineAmount(line=1, amount_fen=amount_fen)
    async with voucher.runtime.work() as work:
        command = HoldVoucher(order_id=order_id, enterprise_id=enterprise_id, year=YEAR, lines=(line,))
        (outcome,) = await ledger.run_commands(work, [command])
    assert outcome.amount_fen == amount_fen  # type: ignore[union-attr]
    return order_id


@pytest.mark.requirement("R36")
async def test_the_end_of_the_year_takes_back_what_is_unused_and_closes_everything(voucher: Voucher) -> None:
    plan_id = await voucher.plan(8_000_000)
    spender = await voucher.ticket(plan_id, 3_000_000)
    reviewed_late = await voucher.ticket(plan_id, 4_000_000)
    waiting = await voucher.ticket(plan_id, 2_000_000)
    await voucher.post(f"/applications/{spender['id']}/grant", {}, Role.OPERATOR_CLERK)
    owner = UUID(spender["enterprise_id"])
    held, confirmed = await _hold(voucher, owner, 100_000), await _hold(voucher, owner, 200_000)
    async with voucher.runtime.work() as work:
        await ledger.run_commands(work, [CommitVoucher(order_id=confirmed)])
    await voucher.platform.move_clock(year_closes_at(YEAR) - timedelta(seconds=20))
    assert await voucher.value("SELECT state FROM plan") == "published"

    await voucher.platform.move_clock(year_closes_at(YEAR))
    plan = (await voucher.rows("SELECT * FROM plan"))[0]
    assert (plan["state"], plan["left_fen"], plan["earmarked_fen"]) == ("closed", 0, 0)
    account = (await voucher.rows("SELECT * FROM quota_account WHERE enterprise_id = $1", owner))[0]
    assert (account["available_fen"], account["held_fen"], account["committed_fen"]) == (0, 100_000, 200_000)
    assert account["taken_back_fen"] == 2_700_000
    assert [
        t["state"] for t in (await voucher.application(waiting["id"]), await voucher.application(reviewed_late["id"]))
    ] == ["closed"] * 2
    assert await voucher.value("SELECT sum(taken_back_fen) FROM quota_account") == 2_700_000 + 4_000_000 + 1_000_000
    facts = await voucher.rows("SELECT version FROM fact WHERE aggregate_id = $1 ORDER BY version", plan_id)
    assert [row["version"] for row in facts] == [1, 2, 3, 4]
    late = await voucher.apply(plan_id, await voucher.enterprise(), 1)
    assert late.json()["code"] == "voucher.plan_not_open"
    notices = (await voucher.get("/notices", Role.ENTERPRISE, organisation_id=UUID(waiting["enterprise_id"]))).json()
    assert (notices["data"][0]["event"], notices["data"][0]["reason"]) == ("waiting_list.closed", "年度结束")

    async with voucher.runtime.work() as work:
        await ledger.run_commands(work, [ReleaseVoucher(order_id=held, reason="year_end")])
        await ledger.run_commands(work, [RefundVoucher(order_id=confirmed, lines=(1,))])
    account = (await voucher.rows("SELECT * FROM quota_account WHERE enterprise_id = $1", owner))[0]
    assert (account["available_fen"], account["held_fen"], account["taken_back_fen"]) == (0, 0, 3_000_000)


async def test_an_order_confirmed_in_time_keeps_its_voucher_when_the_command_comes_late(voucher: Voucher) -> None:
    plan_id = await voucher.plan(1_000_000)
    ticket = await voucher.ticket(plan_id, 1_000_000)
    await voucher.post(f"/applications/{ticket['id']}/grant", {}, Role.OPERATOR_CLERK)
    order_id = await _hold(voucher, UUID(ticket["enterprise_id"]), 400_000)
    await voucher.platform.move_clock(year_closes_at(YEAR) + timedelta(minutes=1))
    async with voucher.runtime.work() as work:
        (outcome,) = await ledger.run_commands(work, [CommitVoucher(order_id=order_id)])
    assert outcome.amount_fen == 400_000  # type: ignore[union-attr]
    assert await voucher.value("SELECT committed_fen FROM quota_account") == 400_000


async def test_the_end_of_the_year_runs_in_batches_until_nothing_is_left(
    voucher: Voucher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.voucher.handlers.year_end.BATCH_MAX", 2)
    plan_id = await voucher.plan(900)
    for _ in range(5):
        await voucher.ticket(plan_id, 200)
    await voucher.platform.move_clock(year_closes_at(YEAR))
    assert await voucher.value("SELECT state FROM plan") == "closed"
    assert await voucher.value("SELECT sum(taken_back_fen) FROM quota_account") == 900
    assert await voucher.value("SELECT count(*) FROM timer WHERE kind = $1", YEAR_END_TIMER) == 0


@pytest.mark.requirement("R30")
async def test_a_late_review_is_flagged_and_decided_by_nobody(voucher: Voucher) -> None:
    plan_id = await voucher.plan(900)
    ticket = await voucher.ticket(plan_id, 200)
    await voucher.platform.move_clock(voucher.runtime.clock.now() + timedelta(days=15))
    (task,) = (await voucher.get("/tasks", Role.OPERATOR_CLERK)).json()["data"]
    assert (task["kind"], task["overdue"], task["subject_id"]) == ("application.review", True, ticket["id"])
    (escalated,) = (await voucher.get("/tasks", Role.BUREAU_LEAD)).json()["data"]
    assert (escalated["kind"], escalated["overdue"]) == ("application.review_late", True)
    path = f"/applications/{ticket['id']}/urge"
    urged = await voucher.post(path, {"reason": "请尽快审核"}, Role.BUREAU_LEAD)
    assert urged.status_code == 200, urged.text
    assert (await voucher.get("/tasks", Role.BUREAU_LEAD)).json()["data"] == []
    await voucher.platform.move_clock(datetime.fromisoformat(urged.json()["again_at"]))
    assert len((await voucher.get("/tasks", Role.BUREAU_LEAD)).json()["data"]) == 1
    assert (await voucher.application(ticket["id"]))["state"] == "earmarked"


@pytest.mark.requirement("R29")
async def test_a_timer_of_the_years_end_that_fires_early_leaves_the_queue_open(voucher: Voucher) -> None:
    plan_id = await voucher.plan(100_000)
    async with voucher.runtime.work() as work:
        await close_years(work, [plan_id])
    ticket = await voucher.ticket(plan_id, 10_000)
    assert ticket["state"] == "earmarked"
