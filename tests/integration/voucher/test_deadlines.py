"""An application is reviewed within working days: a weekend is no time that the operator has used (A16, Q14)."""

from datetime import datetime
from uuid import UUID

import pytest

from shared.contracts.permissions import Role
from shared.contracts.policy import PolicyPack
from tests.factories.deadlines import FRIDAY, weekdays_after
from tests.integration.voucher.conftest import APPROVER, DRAFTER, Voucher


@pytest.mark.requirement("R30")
async def test_a_review_is_due_at_the_end_of_the_last_working_day_counted_from_the_day_after(voucher: Voucher) -> None:
    await voucher.platform.move_clock(FRIDAY)
    opens_at = f"{FRIDAY.year}-01-01T00:00:00+08:00"
    body = {"year": FRIDAY.year, "total_fen": 100_000, "lane_share_bp": 0, "opens_at": opens_at}
    drafted = await voucher.post("/plans", body, Role.BUREAU_OFFICER, account_id=DRAFTER)
    plan_id = UUID(drafted.json()["id"])
    for step, role in (("approve", Role.BUREAU_LEAD), ("publish", Role.OPERATOR_LEAD)):
        assert (await voucher.post(f"/plans/{plan_id}/{step}", {}, role, account_id=APPROVER)).status_code == 200
    await voucher.ticket(plan_id, 10_000)
    (task,) = (await voucher.get("/tasks", Role.OPERATOR_CLERK)).json()["data"]
    days = voucher.runtime.ports.get(PolicyPack).deadlines.application_review_working_days
    assert (task["kind"], datetime.fromisoformat(task["due_at"])) == (
        "application.review",
        weekdays_after(FRIDAY, days),
    )
