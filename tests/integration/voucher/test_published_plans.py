"""The public side of issue plans: what is published is shown to everybody, what is not to nobody outside."""

import pytest

from shared.contracts.permissions import Role
from shared.kernel.calendar import year_closes_at
from tests.integration.voucher.conftest import APPROVER, DRAFTER, YEAR, Voucher


@pytest.mark.requirement("R14")
async def test_a_plan_and_its_configuration_are_open_to_everybody_once_published(voucher: Voucher) -> None:
    body = {"year": YEAR, "total_fen": 9_000_000, "lane_share_bp": 0, "opens_at": f"{YEAR}-01-01T00:00:00+08:00"}
    drafted = await voucher.post("/plans", body, Role.BUREAU_OFFICER, account_id=DRAFTER)
    plan = f"/plans/{drafted.json()['id']}"
    assert (await voucher.get("/plans")).json()["data"] == []
    assert (await voucher.get(plan)).status_code == 404
    await voucher.post(f"{plan}/approve", {}, Role.BUREAU_LEAD, account_id=APPROVER)
    assert (await voucher.get("/plans")).json()["data"] == []
    await voucher.post(f"{plan}/publish", {}, Role.OPERATOR_LEAD, account_id=APPROVER)
    shown = (await voucher.get("/plans")).json()["data"]
    assert [(item["year"], item["total_fen"], item["lane_share_bp"]) for item in shown] == [(YEAR, 9_000_000, 0)]
    assert (await voucher.get(plan)).json()["state"] == "published"


async def test_an_officer_is_told_to_draft_the_plan_of_a_year_that_has_none(voucher: Voucher) -> None:
    async def told() -> list[str]:
        tasks = (await voucher.get("/tasks", Role.BUREAU_OFFICER)).json()["data"]
        return [task["title"] for task in tasks if task["kind"] == "plan.draft"]

    assert await told() == [f"编制{YEAR}年度发放计划：本年度尚无计划"]
    assert (await voucher.get("/tasks", Role.BUREAU_LEAD)).json()["data"] == []
    await voucher.plan(1_000)
    assert await told() == []
    await voucher.platform.move_clock(year_closes_at(YEAR))
    assert await told() == [f"编制{YEAR + 1}年度发放计划：本年度尚无计划"]
