"""The queue over HTTP: intake, allocation, review, freed money, and the public order."""

import asyncio
import base64
from datetime import UTC, date, datetime
from uuid import UUID, uuid4

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from services.voucher.domain.receipts import Receipt
from shared.contracts.messages.identity import OrganisationSuspended
from shared.contracts.permissions import Role
from tests.factories.voucher import an_enterprise
from tests.integration.voucher.conftest import APPROVER, DRAFTER, Voucher

CAP_FEN = 5_000_000


@pytest.mark.requirement("R30")
async def test_an_application_is_earmarked_and_a_grant_makes_it_usable_quota(voucher: Voucher) -> None:
    plan_id = await voucher.plan(10_000_000)
    ticket = await voucher.ticket(plan_id, 3_000_000)
    assert (ticket["state"], ticket["earmarked_fen"], ticket["ticket_no"]) == ("earmarked", 3_000_000, 1)
    granted = await voucher.post(f"/applications/{ticket['id']}/grant", {}, Role.OPERATOR_CLERK)
    assert granted.status_code == 200, granted.text
    assert granted.json()["state"] == "granted"
    owner = UUID(ticket["enterprise_id"])
    year = ticket["year"]
    account = (await voucher.get(f"/accounts/{year}", Role.ENTERPRISE, organisation_id=owner)).json()
    assert (account["available_fen"], account["granted_fen"], account["earmarked_fen"]) == (3_000_000, 3_000_000, 0)
    moves = (await voucher.get(f"/accounts/{year}/movements", Role.ENTERPRISE, organisation_id=owner)).json()
    assert [move["movement"] for move in moves["data"]] == ["grant", "earmark"]
    assert await voucher.check_replay(plan_id) == 2


@pytest.mark.requirement("R27")
async def test_what_does_not_fit_waits_and_freed_money_serves_the_waiting_list_in_order(voucher: Voucher) -> None:
    plan_id = await voucher.plan(5_000_000)
    first = await voucher.ticket(plan_id, 4_000_000)
    second = await voucher.ticket(plan_id, 3_000_000)
    third = await voucher.ticket(plan_id, 1_000_000)
    assert (second["state"], second["earmarked_fen"], second["waiting_fen"]) == ("waiting", 1_000_000, 2_000_000)
    assert (third["state"], third["earmarked_fen"], third["waiting_fen"]) == ("waiting", 0, 1_000_000)
    none = await voucher.post(f"/applications/{third['id']}/grant", {}, Role.OPERATOR_CLERK)
    assert none.json()["code"] == "voucher.nothing_earmarked"
    part = await voucher.post(f"/applications/{second['id']}/grant", {}, Role.OPERATOR_CLERK)
    assert (part.json()["state"], part.json()["granted_fen"]) == ("waiting", 1_000_000)
    refused = await voucher.post(f"/applications/{first['id']}/refuse", {"reason": "材料不实"}, Role.OPERATOR_CLERK)
    assert refused.json()["state"] == "refused"
    second, third = await voucher.decided(second["id"]), await voucher.application(third["id"])
    assert (second["state"], second["earmarked_fen"], second["waiting_fen"]) == ("earmarked", 2_000_000, 0)
    assert (third["state"], third["earmarked_fen"]) == ("earmarked", 1_000_000)
    assert await voucher.value("SELECT left_fen FROM plan") == 1_000_000
    assert await voucher.check_replay(plan_id) == 7


@pytest.mark.requirement("R26")
async def test_an_increase_needs_two_persons_and_serves_the_waiting_list(voucher: Voucher) -> None:
    plan_id = await voucher.plan(1_000_000)
    ticket = await voucher.ticket(plan_id, 3_000_000)
    body = {"amount_fen": 5_000_000, "reason": "省级追加"}
    drafted = await voucher.post(f"/plans/{plan_id}/increases", body, Role.BUREAU_OFFICER, account_id=DRAFTER)
    path = f"/increases/{drafted.json()['id']}/approve"
    same = await voucher.post(path, {}, Role.BUREAU_LEAD, account_id=DRAFTER)
    assert same.json()["code"] == "voucher.same_person"
    assert (await voucher.post(path, {}, Role.BUREAU_LEAD, account_id=APPROVER)).status_code == 200
    again = await voucher.post(path, {}, Role.BUREAU_LEAD, account_id=APPROVER)
    assert again.json()["code"] == "voucher.proposal_decided"
    ticket = await voucher.decided(ticket["id"])
    assert (ticket["state"], ticket["earmarked_fen"]) == ("earmarked", 3_000_000)
    await voucher.check_replay(plan_id)


@pytest.mark.requirement("R29")
async def test_the_yearly_cap_holds_over_several_applications(voucher: Voucher) -> None:
    plan_id = await voucher.plan(100_000_000)
    enterprise = await voucher.enterprise()
    above = await voucher.apply(plan_id, enterprise, CAP_FEN + 1)
    assert above.json()["code"] == "voucher.above_cap"
    first = (await voucher.apply(plan_id, enterprise, 4_000_000)).json()
    twice = await voucher.apply(plan_id, enterprise, 1)
    assert (twice.status_code, twice.json()["code"]) == (409, "voucher.application_open")
    await voucher.allocated()
    await voucher.post(f"/applications/{first['application_id']}/grant", {}, Role.OPERATOR_CLERK)
    second = await voucher.decided((await voucher.apply(plan_id, enterprise, 4_000_000)).json()["application_id"])
    assert (second["earmarked_fen"], second["waiting_fen"]) == (1_000_000, 0)
    await voucher.post(f"/applications/{second['id']}/grant", {}, Role.OPERATOR_CLERK)
    third = await voucher.decided((await voucher.apply(plan_id, enterprise, 1)).json()["application_id"])
    assert (third["state"], third["code"]) == ("refused", "voucher.cap_used")


@pytest.mark.requirement("R60")
async def test_who_may_not_apply_gets_no_ticket(voucher: Voucher) -> None:
    plan_id = await voucher.plan(100_000_000)
    young = msgspec.structs.replace(an_enterprise(), established_on=datetime.now(UTC).date())
    provider = msgspec.structs.replace(an_enterprise(), kind="provider")
    person = msgspec.structs.replace(an_enterprise(), legal_person=False)
    unknown = msgspec.structs.replace(an_enterprise(), authenticated=False)
    codes = []
    for party in (young, provider, person, unknown):
        answer = await voucher.apply(plan_id, await voucher.enterprise(party), 1)
        codes.append(answer.json()["code"])
    assert codes == [
        "voucher.registered_too_short",
        "voucher.not_enterprise",
        "voucher.not_legal_person",
        "voucher.not_authenticated",
    ]
    enterprise = await voucher.enterprise()
    suspended = msgspec.structs.replace(an_enterprise(), suspended_since=datetime(2018, 1, 1, tzinfo=UTC))
    await voucher.platform.feed(OrganisationSuspended(version=0, organisation_id=enterprise, party=suspended))
    assert (await voucher.apply(plan_id, enterprise, 1)).json()["code"] == "voucher.enterprise_suspended"
    assert (await voucher.apply(uuid4(), await voucher.enterprise(), 1)).status_code == 404
    assert await voucher.value("SELECT last_ticket_no FROM intake_counter") == 0


@pytest.mark.requirement("R25")
async def test_five_hundred_at_once_get_exactly_the_order_of_their_tickets(voucher: Voucher) -> None:
    plan_id = await voucher.plan(50_000_000)
    enterprises = [await voucher.enterprise() for _ in range(500)]
    answers = await asyncio.gather(*(voucher.apply(plan_id, e, 300_000 + 7 * i) for i, e in enumerate(enterprises)))
    assert {answer.status_code for answer in answers} == {201}
    assert sorted(answer.json()["ticket_no"] for answer in answers) == list(range(1, 501))
    await voucher.allocated()
    rows = await voucher.rows("SELECT * FROM application ORDER BY ticket_no")
    left_fen = 50_000_000
    for row in rows:
        wanted_fen = min(row["requested_fen"], left_fen)
        left_fen -= wanted_fen
        assert (row["earmarked_fen"], row["waiting_fen"]) == (wanted_fen, row["requested_fen"] - wanted_fen)
    assert left_fen == 0
    assert await voucher.value("SELECT left_fen FROM plan") == 0
    assert await voucher.value("SELECT sum(earmarked_fen) FROM quota_account") == 50_000_000
    # Some leave the head of the queue; what they free serves the first that wait, to the last fen.
    leaving = [row for row in rows if row["earmarked_fen"]][:40]
    for row in leaving:
        answer = await voucher.post(
            f"/applications/{row['id']}/withdraw", {}, Role.ENTERPRISE, organisation_id=row["enterprise_id"]
        )
        assert answer.status_code == 200, answer.text
    await voucher.allocated()
    after = await voucher.rows("SELECT * FROM application WHERE state <> 'withdrawn' ORDER BY ticket_no")
    assert sum(row["earmarked_fen"] for row in after) == 50_000_000
    served = [row["waiting_fen"] == 0 for row in after]
    assert served == sorted(served, reverse=True)
    assert await voucher.check_replay(plan_id) > 541


@pytest.mark.requirement("R31")
async def test_the_lane_keeps_a_share_for_listed_enterprises_until_its_end(voucher: Voucher) -> None:
    plan_id = await voucher.plan(10_000_000, lane_share_bp=2_000)
    plain = [await voucher.ticket(plan_id, 4_500_000) for _ in range(2)]
    assert [(t["earmarked_fen"], t["waiting_fen"]) for t in plain] == [(4_500_000, 0), (3_500_000, 1_000_000)]
    listed = await voucher.ticket(plan_id, 1_500_000, an_enterprise(listed=True))
    assert (listed["state"], listed["earmarked_fen"]) == ("earmarked", 1_500_000)
    assert await voucher.value("SELECT left_fen FROM plan") == 500_000
    async with voucher.runtime.work() as work:
        await work.connection.execute("UPDATE plan SET lane_until = $1", work.now)
    last = await voucher.ticket(plan_id, 1_000_000)
    second = await voucher.application(plain[1]["id"])
    assert (second["earmarked_fen"], second["waiting_fen"]) == (4_000_000, 500_000)
    assert (last["earmarked_fen"], last["waiting_fen"]) == (0, 1_000_000)
    await voucher.check_replay(plan_id)


async def test_a_receipt_can_be_checked_by_anyone_and_a_changed_one_fails(voucher: Voucher) -> None:
    plan_id = await voucher.plan(10_000_000)
    answer = await voucher.apply(plan_id, await voucher.enterprise(), 1_000)
    receipt = answer.json()["receipt"]
    client = voucher.platform.client
    good = await client.post("/api/voucher/v1/receipts/verify", json=receipt)
    assert good.json() == {"valid": True, "in_queue": True}
    spelt = {**receipt, "received_at": receipt["received_at"].replace("+00:00", "Z")}
    again = await client.post("/api/voucher/v1/receipts/verify", json=spelt)
    assert again.json()["valid"], "the same moment in another spelling is the same receipt"
    extremes = ("9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59")
    for moment in ("yesterday", receipt["received_at"].removesuffix("+00:00"), *extremes):
        unreadable = await client.post("/api/voucher/v1/receipts/verify", json={**receipt, "received_at": moment})
        assert not unreadable.json()["valid"]
    forged = await client.post("/api/voucher/v1/receipts/verify", json={**receipt, "ticket_no": 2})
    assert forged.json() == {"valid": False, "in_queue": False}
    (key,) = (await voucher.get("/receipt-keys")).json()
    public = Ed25519PublicKey.from_public_bytes(base64.b64decode(key["public_key"]))
    checked = msgspec.convert(receipt, Receipt)
    public.verify(checked.signature_bytes(), checked.signed_bytes())
    queue = (await voucher.get(f"/queue/{plan_id}")).json()
    assert queue["data"][0]["request_sha256"] == receipt["request_sha256"]
    assert "enterprise_id" not in queue["data"][0]


async def test_a_repeated_application_with_the_same_key_is_one_ticket(voucher: Voucher) -> None:
    plan_id = await voucher.plan(10_000_000)
    enterprise = await voucher.enterprise()
    headers = voucher.platform.headers(Role.ENTERPRISE, organisation_id=enterprise)
    body = {"plan_id": str(plan_id), "amount_fen": 5, "truth_declaration_version": voucher.declaration}
    url = "/api/voucher/v1/applications"
    first, again = [await voucher.platform.client.post(url, json=body, headers=headers) for _ in range(2)]
    assert first.json() == again.json()
    assert again.headers["Idempotent-Replayed"] == "true"
    assert await voucher.value("SELECT count(*) FROM application") == 1


async def test_a_token_without_an_organisation_sees_no_application(voucher: Voucher) -> None:
    mine = await voucher.ticket(await voucher.plan(10_000_000), 1_000)
    for path in ("/applications", "/accounts"):
        assert (await voucher.get(path, Role.ENTERPRISE)).json()["data"] == []
    assert (await voucher.get(f"/applications/{mine['id']}", Role.ENTERPRISE)).status_code == 404


async def test_a_regional_authority_whose_token_names_no_region_sees_nothing(voucher: Voucher) -> None:
    mine = await voucher.ticket(await voucher.plan(10_000_000), 1_000)
    for path in ("/applications", "/accounts"):
        assert (await voucher.get(path, Role.REGION)).json()["data"] == []
    assert (await voucher.get(f"/applications/{mine['id']}", Role.REGION)).status_code == 404


async def test_applications_and_accounts_are_read_within_the_callers_scope(voucher: Voucher) -> None:
    plan_id = await voucher.plan(10_000_000)
    mine = await voucher.ticket(plan_id, 1_000)
    other = await voucher.ticket(plan_id, 1_000, an_enterprise(region="520300"))
    own = UUID(mine["enterprise_id"])
    foreign = await voucher.get(f"/applications/{other['id']}", Role.ENTERPRISE, organisation_id=own)
    assert foreign.status_code == 404
    stolen = await voucher.post(f"/applications/{other['id']}/withdraw", {}, Role.ENTERPRISE, organisation_id=own)
    assert stolen.status_code == 404
    listed = (await voucher.get("/applications", Role.ENTERPRISE, organisation_id=own)).json()
    assert [item["id"] for item in listed["data"]] == [mine["id"]]
    region = (await voucher.get("/applications", Role.REGION, region="520300")).json()
    assert [item["id"] for item in region["data"]] == [other["id"]]
    assert len((await voucher.get("/accounts", Role.AUDITOR)).json()["data"]) == 2
    assert (await voucher.get("/accounts", Role.PROVIDER, organisation_id=own)).status_code == 403
    assert (await voucher.get("/proof", Role.FINANCE)).json()["holds"] is True
    assert (await voucher.get("/proof", Role.ENTERPRISE, organisation_id=own)).status_code == 403
    tasks = (await voucher.get("/tasks", Role.OPERATOR_CLERK)).json()["data"]
    assert [task["kind"] for task in tasks] == ["application.review"] * 2
    assert all(date.fromisoformat(task["due_at"][:10]) >= datetime.now(UTC).date() for task in tasks)


@pytest.mark.requirement("R36")
async def test_a_revocation_needs_two_persons_and_returns_money_to_the_plan(voucher: Voucher) -> None:
    plan_id = await voucher.plan(3_000_000)
    ticket = await voucher.ticket(plan_id, 3_000_000)
    waiting = await voucher.ticket(plan_id, 2_000_000)
    await voucher.post(f"/applications/{ticket['id']}/grant", {}, Role.OPERATOR_CLERK)
    body = {
        "enterprise_id": ticket["enterprise_id"], "year": ticket["year"], "amount_fen": 1_200_000, "reason": "骗取补贴",
    }  # fmt: skip
    proposed = await voucher.post("/revocations", body, Role.OPERATOR_CLERK, account_id=DRAFTER)
    path = f"/revocations/{proposed.json()['id']}/approve"
    same = await voucher.post(path, {}, Role.OPERATOR_LEAD, account_id=DRAFTER)
    assert same.json()["code"] == "voucher.same_person"
    assert (await voucher.post(path, {}, Role.OPERATOR_LEAD, account_id=APPROVER)).status_code == 200
    waiting = await voucher.decided(waiting["id"])
    assert (waiting["earmarked_fen"], waiting["waiting_fen"]) == (1_200_000, 800_000)
    account = (await voucher.rows("SELECT * FROM quota_account WHERE revoked_fen > 0"))[0]
    assert (account["available_fen"], account["revoked_fen"]) == (1_800_000, 1_200_000)
    await voucher.check_replay(plan_id)
