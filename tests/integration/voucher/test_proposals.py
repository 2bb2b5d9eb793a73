"""What is proposed is approved, refused, withdrawn, or lapses with its year; and it is read who did so and why."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from services.voucher.service import SERVICE
from shared.contracts.messages.identity import OrganisationAuthenticated
from shared.contracts.permissions import Role
from shared.kernel.calendar import BEIJING, year_closes_at
from shared.runtime.schedule import scheduler
from tests.factories.harness import open_platform, repository
from tests.factories.voucher import an_enterprise
from tests.integration.voucher.conftest import APPROVER, DRAFTER, YEAR, Voucher

WHY = {"reason": "额度测算依据不足"}
PLAN: dict[str, Any] = {
    "year": YEAR,
    "total_fen": 100_000,
    "lane_share_bp": 0,
    "opens_at": f"{YEAR}-01-01T00:00:00+08:00",
}


async def propose(voucher: Voucher, kind: str) -> tuple[str, Role, Role, str]:
    """Something proposed by DRAFTER: its path, who may withdraw, who may refuse, and its task's kind."""
    if kind == "plan":
        made = await voucher.post("/plans", PLAN, Role.BUREAU_OFFICER, account_id=DRAFTER)
        roles = (Role.BUREAU_OFFICER, Role.BUREAU_LEAD, "plan.approve")
        return f"/plans/{made.json()['id']}", *roles
    plan_id = await voucher.plan(100_000)
    if kind == "increase":
        body = {"amount_fen": 5_000, "reason": "追加预算"}
        made = await voucher.post(f"/plans/{plan_id}/increases", body, Role.BUREAU_OFFICER, account_id=DRAFTER)
        return f"/increases/{made.json()['id']}", Role.BUREAU_OFFICER, Role.BUREAU_LEAD, "increase.approve"
    await granted(voucher, plan_id, 40_000)
    made = await revoke(voucher, 10_000)
    return f"/revocations/{made.json()['id']}", Role.OPERATOR_CLERK, Role.OPERATOR_LEAD, "revocation.approve"


async def granted(voucher: Voucher, plan_id: UUID, amount_fen: int) -> dict[str, Any]:
    """A new enterprise with quota."""
    ticket = await voucher.ticket(plan_id, amount_fen)
    answer = await voucher.post(f"/applications/{ticket['id']}/grant", {}, Role.OPERATOR_CLERK)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def revoke(voucher: Voucher, amount_fen: int) -> httpx.Response:
    """A proposal to take quota from the newest enterprise."""
    body = {"enterprise_id": str(voucher.enterprises[-1]), "year": YEAR, "amount_fen": amount_fen, "reason": "骗取"}
    return await voucher.post("/revocations", body, Role.OPERATOR_CLERK, account_id=DRAFTER)


async def tasks_of(voucher: Voucher, role: Role, **who: Any) -> list[str]:
    """The kinds of what waits for a role."""
    return [task["kind"] for task in (await voucher.get("/tasks", role, **who)).json()["data"]]


@pytest.mark.requirement("R8")
@pytest.mark.parametrize("kind", ["plan", "increase", "revocation"])
async def test_a_second_person_refuses_with_a_reason_and_the_first_one_is_told(voucher: Voucher, kind: str) -> None:
    path, _, second, task = await propose(voucher, kind)
    assert task in await tasks_of(voucher, second, account_id=APPROVER)
    assert (await voucher.post(f"{path}/refuse", {}, second, account_id=APPROVER)).status_code == 400
    own = await voucher.post(f"{path}/refuse", WHY, second, account_id=DRAFTER)
    assert (own.status_code, own.json()["code"]) == (422, "voucher.same_person")
    refused = await voucher.post(f"{path}/refuse", WHY, second, account_id=APPROVER)
    assert (refused.status_code, refused.json()["state"]) == (200, "refused"), refused.text
    assert refused.json()["ended_reason"] == WHY["reason"]
    assert task not in await tasks_of(voucher, second, account_id=APPROVER)
    late = await voucher.post(f"{path}/approve", {}, second, account_id=APPROVER)
    assert late.json()["code"] in {"voucher.plan_state", "voucher.proposal_decided"}
    (told,) = await voucher.rows("SELECT text FROM notice WHERE recipient = $1", f"account:{DRAFTER}")
    assert WHY["reason"] in told["text"]


@pytest.mark.parametrize("kind", ["plan", "increase", "revocation"])
async def test_whoever_proposed_withdraws_and_nobody_else(voucher: Voucher, kind: str) -> None:
    path, first, _, task = await propose(voucher, kind)
    other = await voucher.post(f"{path}/withdraw", WHY, first, account_id=APPROVER)
    assert (other.status_code, other.json()["code"]) == (422, "voucher.not_proposer")
    withdrawn = await voucher.post(f"{path}/withdraw", WHY, first, account_id=DRAFTER)
    assert (withdrawn.status_code, withdrawn.json()["state"]) == (200, "withdrawn")
    again = await voucher.post(f"{path}/withdraw", WHY, first, account_id=DRAFTER)
    assert again.status_code == 409
    for role in (Role.BUREAU_LEAD, Role.OPERATOR_LEAD):
        assert task not in await tasks_of(voucher, role, account_id=APPROVER)


@pytest.mark.requirement("R26")
@pytest.mark.requirement("R8")
async def test_whoever_drafted_a_plan_does_not_approve_it_whatever_roles_it_has(voucher: Voucher) -> None:
    made = await voucher.post("/plans", PLAN, Role.BUREAU_OFFICER, account_id=DRAFTER)
    path = f"/plans/{made.json()['id']}/approve"
    own = await voucher.post(path, {}, Role.BUREAU_LEAD, account_id=DRAFTER)
    assert (own.status_code, own.json()["code"]) == (422, "voucher.same_person")
    assert (await voucher.post(path, {}, Role.BUREAU_LEAD, account_id=APPROVER)).json()["state"] == "approved"


async def test_a_year_whose_draft_was_refused_or_withdrawn_is_given_another_plan(voucher: Voucher) -> None:
    for role, act, account_id in (
        (Role.BUREAU_LEAD, "refuse", APPROVER),
        (Role.BUREAU_OFFICER, "withdraw", DRAFTER),
    ):
        made = await voucher.post("/plans", PLAN, Role.BUREAU_OFFICER, account_id=DRAFTER)
        twice = await voucher.post("/plans", PLAN, Role.BUREAU_OFFICER, account_id=DRAFTER)
        assert twice.json()["code"] == "voucher.plan_exists"
        assert (await voucher.post(f"/plans/{made.json()['id']}/{act}", WHY, role, account_id=account_id)).is_success
    await voucher.plan(100_000)
    assert (await voucher.proof()).holds


@pytest.mark.requirement("R7")
async def test_the_history_of_plan_application_and_revocation_is_read_by_whoever_reads_them(voucher: Voucher) -> None:
    plan_id = await voucher.plan(100_000)
    ticket = await granted(voucher, plan_id, 40_000)
    revocation = (await revoke(voucher, 10_000)).json()["id"]
    owner = voucher.enterprises[-1]
    application = f"/applications/{ticket['id']}/history"
    for role, who, seen in (
        (Role.ENTERPRISE, {"organisation_id": owner}, False),
        (Role.OPERATOR_CLERK, {}, False),
        (Role.AUDITOR, {}, True),
        (Role.REGION, {"region": "520100"}, False),
    ):
        items = (await voucher.get(application, role, **who)).json()["data"][::-1]
        assert [item["name"] for item in items if item["source"] == "decision"] == ["submit", "grant"], role
        assert [item["role"] for item in items if item["source"] == "decision"] == ["enterprise", "operator_clerk"]
        assert [item["account_id"] is not None for item in items if item["source"] == "decision"] == [seen, seen], role
    stranger = await voucher.enterprise()
    assert (await voucher.get(application, Role.ENTERPRISE, organisation_id=stranger)).status_code == 404
    assert (await voucher.get(application, Role.REGION, region="520300")).status_code == 404
    assert (await voucher.get(application, Role.FINANCE)).status_code == 403
    plan = (await voucher.get(f"/plans/{plan_id}/history", Role.AUDITOR)).json()["data"][::-1]
    assert [item["name"] for item in plan if item["source"] == "decision"] == ["draft", "approved", "published"]
    assert [item["account_id"] for item in plan if item["source"] == "decision"][:2] == [str(DRAFTER), str(APPROVER)]
    case = (await voucher.get(f"/revocations/{revocation}/history", Role.BUREAU_LEAD)).json()["data"]
    assert [(item["name"], item["account_id"]) for item in case] == [("propose_revocation", str(DRAFTER))]
    assert (await voucher.get(f"/plans/{plan_id}/history", Role.ENTERPRISE, organisation_id=owner)).status_code == 403


@pytest.mark.requirement("R29")
async def test_an_application_that_the_cap_cuts_says_what_was_asked_given_and_cut_and_why(voucher: Voucher) -> None:
    plan_id = await voucher.plan(20_000_000)
    enterprise_id = await voucher.enterprise()
    first = await voucher.decided((await voucher.apply(plan_id, enterprise_id, 4_000_000)).json()["application_id"])
    await voucher.post(f"/applications/{first['id']}/grant", {}, Role.OPERATOR_CLERK)
    second = await voucher.decided((await voucher.apply(plan_id, enterprise_id, 3_000_000)).json()["application_id"])
    assert (second["requested_fen"], second["earmarked_fen"], second["cut_fen"]) == (3_000_000, 1_000_000, 2_000_000)
    assert first["cut_fen"] == 0
    sentence = "申请30000.00元，预留或核准10000.00元，超过每家企业年度额度上限的20000.00元不予受理（A16）"
    texts = await voucher.rows("SELECT text FROM notice WHERE subject_id = $1 ORDER BY id", UUID(second["id"]))
    assert sentence in texts[-1]["text"]
    granted = await voucher.post(f"/applications/{second['id']}/grant", {}, Role.OPERATOR_CLERK)
    assert granted.json()["cut_fen"] == 2_000_000
    texts = await voucher.rows("SELECT text FROM notice WHERE subject_id = $1 ORDER BY id", UUID(second["id"]))
    assert sentence in texts[-1]["text"]
    facts = await voucher.value("SELECT facts FROM decision WHERE subject_id = $1", UUID(second["id"]))
    assert {name: facts[name] for name in ("requested_fen", "granted_fen", "cut_fen")} == {
        "requested_fen": 3_000_000,
        "granted_fen": 1_000_000,
        "cut_fen": 2_000_000,
    }


async def test_what_was_sent_back_waits_for_its_applicant_and_comes_again_corrected(voucher: Voucher) -> None:
    plan_id = await voucher.plan(20_000_000)
    ticket = await voucher.ticket(plan_id, 1_000_000)
    owner = voucher.enterprises[-1]
    await voucher.post(f"/applications/{ticket['id']}/send-back", WHY, Role.OPERATOR_CLERK)
    (task,) = (await voucher.get("/tasks", Role.ENTERPRISE, organisation_id=owner)).json()["data"]
    assert (task["kind"], task["subject_id"]) == ("application.resubmit", ticket["id"])
    assert await tasks_of(voucher, Role.ENTERPRISE, organisation_id=await voucher.enterprise()) == []
    same = await voucher.apply(plan_id, owner, 1_000_000)
    assert (same.status_code, same.json()["code"]) == (422, "voucher.resubmitted_unchanged")
    body = {
        "plan_id": str(plan_id),
        "amount_fen": 1_000_000,
        "truth_declaration_version": voucher.declaration,
        "correction": "已补交上一年度审计报告",
    }
    again = await voucher.post("/applications", body, Role.ENTERPRISE, organisation_id=owner)
    assert again.status_code == 201, again.text
    assert await tasks_of(voucher, Role.ENTERPRISE, organisation_id=owner) == []
    seen = await voucher.decided(again.json()["application_id"])
    assert seen["correction"] == "已补交上一年度审计报告"


# The end of the year.


async def past_year_end(voucher: Voucher, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first second of the next year, before the year's end has done anything."""
    monkeypatch.setattr(scheduler, "_ANY_DUE", "SELECT $1::timestamptz IS NULL")
    async with voucher.runtime.pool.acquire() as connection:
        offset = await voucher.runtime.clock.move_to(connection, target=year_closes_at(YEAR) + timedelta(seconds=1))
    voucher.runtime.clock.take(offset)


@pytest.mark.requirement("R36")
async def test_a_revocation_after_the_years_end_goes_to_taken_back_and_not_to_the_plan(
    voucher: Voucher, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan_id = await voucher.plan(100_000)
    await granted(voucher, plan_id, 40_000)
    await voucher.platform.move_clock(year_closes_at(YEAR) - timedelta(days=1))
    case = (await revoke(voucher, 15_000)).json()
    before = await voucher.value("SELECT left_fen FROM plan WHERE id = $1", plan_id)
    await past_year_end(voucher, monkeypatch)
    approved = await voucher.post(f"/revocations/{case['id']}/approve", {}, Role.OPERATOR_LEAD, account_id=APPROVER)
    assert approved.status_code == 200, approved.text
    (account,) = await voucher.rows("SELECT * FROM quota_account")
    assert (account["available_fen"], account["taken_back_fen"], account["revoked_fen"]) == (25_000, 15_000, 0)
    assert await voucher.value("SELECT left_fen FROM plan WHERE id = $1", plan_id) == before
    movement = await voucher.rows("SELECT debit_account, credit_account FROM posting WHERE movement = 'revoke'")
    assert [tuple(row) for row in movement] == [("available", "taken_back")]


@pytest.mark.requirement("R26")
async def test_nothing_of_a_year_that_is_over_is_approved_published_or_raised(
    voucher: Voucher, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan_id = await voucher.plan(100_000)
    body = {"amount_fen": 5_000, "reason": "追加预算"}
    increases = f"/plans/{plan_id}/increases"
    increase = (await voucher.post(increases, body, Role.BUREAU_OFFICER, account_id=DRAFTER)).json()
    await past_year_end(voucher, monkeypatch)
    answers = [
        await voucher.post(f"/increases/{increase['id']}/approve", {}, Role.BUREAU_LEAD, account_id=APPROVER),
        await voucher.post(increases, body, Role.BUREAU_OFFICER, account_id=DRAFTER),
    ]
    assert [answer.json()["code"] for answer in answers] == ["voucher.plan_year_over"] * 2
    assert await voucher.value("SELECT total_fen FROM plan WHERE id = $1", plan_id) == 100_000


async def test_a_plan_that_opens_in_another_year_is_told_so_and_not_that_its_year_is_over(voucher: Voucher) -> None:
    """A15: the year to come is open to plans, so only the opening is wrong."""
    body = PLAN | {"year": YEAR + 1}
    answer = await voucher.post("/plans", body, Role.BUREAU_OFFICER, account_id=DRAFTER)
    assert (answer.status_code, answer.json()["code"]) == (422, "voucher.plan_opens_outside_year")
    assert answer.json()["detail"] == f"{YEAR + 1}年度发放计划的开放时间须在该年度内"


async def test_a_draft_of_a_year_that_is_over_waits_for_nobody(
    voucher: Voucher, monkeypatch: pytest.MonkeyPatch
) -> None:
    # So late that it would not have lapsed by itself.
    await voucher.platform.move_clock(datetime(YEAR, 12, 29, tzinfo=BEIJING))
    made = await voucher.post("/plans", PLAN, Role.BUREAU_OFFICER, account_id=DRAFTER)
    await past_year_end(voucher, monkeypatch)
    assert await tasks_of(voucher, Role.BUREAU_LEAD, account_id=APPROVER) == []
    late = await voucher.post(f"/plans/{made.json()['id']}/approve", {}, Role.BUREAU_LEAD, account_id=APPROVER)
    assert late.json()["code"] == "voucher.plan_year_over"


async def test_the_years_end_closes_every_task_of_its_year_and_says_so(voucher: Voucher) -> None:
    plan_id = await voucher.plan(200_000)
    await granted(voucher, plan_id, 40_000)
    case = (await revoke(voucher, 10_000)).json()
    await voucher.ticket(plan_id, 30_000)
    body = {"amount_fen": 5_000, "reason": "追加预算"}
    await voucher.post(f"/plans/{plan_id}/increases", body, Role.BUREAU_OFFICER, account_id=DRAFTER)
    roles = (Role.OPERATOR_CLERK, Role.OPERATOR_LEAD, Role.BUREAU_LEAD)
    waiting = {kind for role in roles for kind in await tasks_of(voucher, role, account_id=APPROVER)}
    assert waiting == {"application.review", "increase.approve", "revocation.approve"}
    await voucher.platform.move_clock(datetime(YEAR + 1, 1, 1, tzinfo=BEIJING))
    for role in roles:
        assert await tasks_of(voucher, role, account_id=APPROVER) == []
    for table in ("plan_increase", "revocation_case"):
        assert await voucher.value(f"SELECT state FROM {table}") == "lapsed"  # noqa: S608 - our own names
    late = await voucher.post(f"/revocations/{case['id']}/approve", {}, Role.OPERATOR_LEAD, account_id=APPROVER)
    assert late.json()["code"] == "proposal.lapsed"
    history = (await voucher.get(f"/revocations/{case['id']}/history", Role.AUDITOR)).json()["data"][::-1]
    assert [item["name"] for item in history] == ["propose_revocation", "lapse"]


# Small firms.


@pytest.mark.requirement("R59")
async def test_a_pack_for_small_firms_refuses_a_large_one_at_intake_and_at_the_grant(
    fresh_database: Callable[[], str],
) -> None:
    settings = {"voucher": {"policy_file": repository() / "policies/demo-city-2026.toml"}}
    async with open_platform([SERVICE], fresh_database, settings=settings) as platform:
        voucher = Voucher(platform)
        plan_id = await voucher.plan(20_000_000)
        large = await voucher.enterprise(an_enterprise(size_class="large"))
        refused = await voucher.apply(plan_id, large, 1_000_000)
        assert (refused.status_code, refused.json()["code"]) == (422, "voucher.not_small_firm")
        ticket = await voucher.ticket(plan_id, 1_000_000, an_enterprise(size_class="medium"))
        grown = OrganisationAuthenticated(
            version=0, organisation_id=voucher.enterprises[-1], party=an_enterprise(size_class="large")
        )
        await platform.feed(grown)
        late = await voucher.post(f"/applications/{ticket['id']}/grant", {}, Role.OPERATOR_CLERK)
        assert (late.status_code, late.json()["code"]) == (422, "voucher.not_small_firm")
