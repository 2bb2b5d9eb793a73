"""One paper serves one order however its number is written; drafts lose orders one by one; reads are recorded."""

from collections.abc import AsyncIterator, Callable
from datetime import datetime
from uuid import uuid4

import pytest

from embedded.sample_documents import paper_pdf
from shared.contracts.messages.order import OrderClaimed, OrderUnclaimed, RefundRefused, RefundRequested
from shared.contracts.permissions import Role
from tests.factories.settlement import ACCOUNTS, KINDS, NODE, OTHER_PROVIDER, PROVIDER, Flow, a_flow


@pytest.fixture
async def flow(fresh_database: Callable[[], str]) -> AsyncIterator[Flow]:
    async with a_flow(fresh_database) as running:
        yield running


DIGITAL = "24522000000000001234"


@pytest.mark.requirement("R76")
async def test_a_number_written_otherwise_is_the_same_number_of_each_kind(flow: Flow) -> None:
    mine, another = await flow.an_order(), await flow.an_order()
    claim = await flow.a_draft([mine, another])
    for kind, written, again in (
        ("invoice", DIGITAL, f"发票号码：00{DIGITAL}"),
        ("transfer", "ICBC-0001", "交易流水号：icbc 0001"),
        ("contract", "HT-2029-07", "合同编号：ＨＴ２０２９０７号"),
        ("usage", "YL-1", "用量账单编号：YL 001"),
    ):
        assert (await flow.put(claim, mine, kind, reference=written)).status_code == 200
        answer = await flow.put(claim, another, kind, reference=again)
        assert (answer.status_code, answer.json()["code"]) == (422, "settlement.duplicate_evidence"), kind
    assert (await flow.submit(claim)).json()["code"] == "settlement.evidence_incomplete"
    await flow.call("POST", f"/claims/{claim}/withdraw", json={"reason": "漏选", "order_ids": [str(another)]})
    assert (await flow.submit(claim)).status_code == 202
    theirs = await flow.an_order(provider_id=OTHER_PROVIDER)
    other = await flow.a_draft([theirs], organisation_id=OTHER_PROVIDER)
    for kind, again, status in (
        ("invoice", f"№{DIGITAL}", 422),
        ("transfer", "ICBC0001", 422),
        ("contract", "HT202907", 200),
        ("usage", "YL1", 200),
    ):
        answer = await flow.put(other, theirs, kind, reference=again, organisation_id=OTHER_PROVIDER)
        assert answer.status_code == status, (kind, answer.text)
    evidence = (await flow.claim(claim))["results"]
    (filed,) = [item for item in evidence if item["order_id"] == str(mine)]
    assert {piece["reference"] for piece in filed["evidence"]} == {DIGITAL, "ICBC-0001", "HT-2029-07", "YL-1"}


async def test_an_old_invoice_is_met_again_with_its_code_and_without(flow: Flow) -> None:
    orders = [await flow.an_order() for _ in range(4)]
    drafts = [await flow.a_draft([order]) for order in orders]
    for draft, order in zip(drafts, orders, strict=True):
        await flow.evidence(draft, [order])
    coded, bare, other_code, other_bare = zip(drafts, orders, strict=True)
    await flow.put(*coded, "invoice", reference="发票代码：5200231130 发票号码：00012345")
    await flow.put(*bare, "invoice", reference="12345")
    await flow.put(*other_code, "invoice", reference="052002000111 00012345")
    await flow.put(*other_bare, "invoice", reference="发票号码 77777")
    assert (await flow.submit(coded[0])).status_code == 202
    assert (await flow.submit(bare[0])).json()["code"] == "settlement.duplicate_evidence"
    assert (await flow.submit(other_code[0])).status_code == 202
    assert (await flow.submit(other_bare[0])).status_code == 202
    late = await flow.an_order()
    draft = await flow.a_draft([late])
    answer = await flow.put(draft, late, "invoice", reference="5200231130 00077777")
    assert answer.json()["code"] == "settlement.duplicate_evidence"


async def test_a_payment_reference_with_a_label_or_zeros_is_the_same_one(flow: Flow) -> None:
    requests = []
    for _ in range(2):
        order = await flow.an_order()
        requests.append((await flow.an_accepted([order]), order))
    await flow.platform.move_clock(NODE)
    asked = []
    for claim, order in requests:
        await flow.first_review(claim, order)
        await flow.bureau_review(claim, order)
        asked.append(await flow.a_request([claim]))
        await flow.approve(asked[-1], {order: (300_000, "")})
    assert (await flow.pay(asked[0], amount_fen=300_000, reference="拨付凭证号：0012")).status_code == 200
    answer = await flow.pay(asked[1], amount_fen=300_000, reference="12")
    assert (answer.status_code, answer.json()["code"]) == (422, "settlement.payment_reference_used")


async def test_one_order_leaves_a_draft_and_the_others_are_filed_with_their_own_papers(flow: Flow) -> None:
    orders = [await flow.an_order() for _ in range(3)]
    claim = await flow.a_draft(orders)
    await flow.evidence(claim, orders)
    gone = orders[0]
    shared_paper = paper_pdf(7_777)
    await flow.put(claim, gone, "usage", content=shared_paper)
    path = f"/claims/{claim}/withdraw"
    answer = await flow.call("POST", path, json={"reason": "漏开发票", "order_ids": [str(gone)]})
    assert (answer.status_code, answer.json()["state"]) == (200, "draft")
    again = await flow.call("POST", path, json={"reason": "漏开发票", "order_ids": [str(gone)]})
    assert (again.status_code, again.json()["code"]) == (409, "settlement.item_past_withdrawal")
    assert (await flow.put(claim, gone, "usage")).json()["code"] == "settlement.item_not_waiting"
    assert (await flow.put(claim, orders[1], "usage", content=shared_paper)).status_code == 200
    assert (await flow.submit(claim)).status_code == 202
    (fact,) = await flow.facts(claim)
    assert fact["data"]["order_ids"] == sorted(str(order) for order in orders[1:])
    assert str(gone) in [order["order_id"] for order in (await flow.call("GET", "/claimable-orders")).json()["data"]]


async def test_a_draft_without_any_order_left_is_discarded(flow: Flow) -> None:
    orders = [await flow.an_order() for _ in range(2)]
    claim = await flow.a_draft(orders)
    for order, state in zip(orders, ("draft", "withdrawn"), strict=True):
        body = {"reason": "改期", "order_ids": [str(order)]}
        assert (await flow.call("POST", f"/claims/{claim}/withdraw", json=body)).json()["state"] == state
    assert await flow.facts(claim) == []


async def test_sums_count_what_stands_and_not_what_was_withdrawn_refused_or_rejected(flow: Flow) -> None:
    orders = [await flow.an_order() for _ in range(4)]
    claim = await flow.a_submitted(orders)
    for order in orders[:3]:
        await flow.open(claim, order)
    await flow.refuse(claim, orders[3])
    body = {"reason": "合同有误", "order_ids": [str(orders[0])]}
    assert (await flow.call("POST", f"/claims/{claim}/withdraw", json=body)).status_code == 200
    await flow.platform.move_clock(NODE)
    await flow.first_review(claim, orders[1], passed=False)
    await flow.first_review(claim, orders[2])
    card = await flow.claim(claim)
    assert (card["claimed_fen"], card["items"], card["ended_items"]) == (300_000, 4, 3)
    await flow.bureau_review(claim, orders[2])
    request = await flow.a_request([claim])
    shown = (await flow.call("GET", f"/appropriations/{request}")).json()
    assert (shown["claimed_fen"], len(shown["items"])) == (300_000, 1)
    path = f"/appropriations/{request}/refuse"
    assert (await flow.call("POST", path, role=Role.BUREAU_LEAD, json={"reason": "预算不足"})).status_code == 200
    assert (await flow.call("GET", f"/appropriations/{request}")).json()["claimed_fen"] == 0
    assert (await flow.claim(claim))["claimed_fen"] == 0
    listed = (await flow.call("GET", "/claims")).json()["data"]
    assert [card["claimed_fen"] for card in listed] == [0]


async def test_a_question_on_a_claim_that_ended_waits_for_nobody_and_counts_nowhere(flow: Flow) -> None:
    order = await flow.an_order()
    claim = await flow.a_bureau_review([order])
    asked = await flow.call("POST", f"/claims/{claim}/questions", role=Role.BUREAU_OFFICER, json={"text": "用量？"})
    assert [task["kind"] for task in await flow.tasks(Role.OPERATOR_LEAD)] == ["answer_question"]
    assert (await flow.call("POST", f"/claims/{claim}/withdraw", json={"reason": "改期"})).status_code == 200
    assert await flow.tasks(Role.OPERATOR_LEAD) == []
    due_at = asked.json()["due_at"]
    await flow.platform.move_clock(datetime.fromisoformat(due_at))
    assert await flow.tasks(Role.BUREAU_LEAD) == []
    score = (await flow.call("GET", "/operator-score?year=2030", role=Role.BUREAU_LEAD)).json()
    assert (score["asked"], score["running"], score["overdue"]) == (0, 0, 0)


async def test_an_order_gets_nothing_within_a_request_with_a_reason_and_is_settled_so(flow: Flow) -> None:
    orders = [await flow.an_order(), await flow.an_order()]
    claim = await flow.a_passed(orders)
    request = await flow.a_request([claim])
    first, second = orders
    nothing = await flow.approve(request, {first: (0, "重复"), second: (0, "重复")})
    assert (nothing.status_code, nothing.json()["code"]) == (422, "settlement.nothing_approved")
    silent = await flow.approve(request, {first: (0, ""), second: (300_000, "")})
    assert silent.json()["code"] == "settlement.reduction_unexplained"
    approved = await flow.approve(request, {first: (0, "服务未交付"), second: (300_000, "")})
    assert (approved.status_code, approved.json()["approved_fen"]) == (200, 300_000)
    assert (await flow.pay(request, amount_fen=300_000)).status_code == 200
    fact = (await flow.facts(claim))[-1]
    assert fact["data"]["items"] == [
        {"order_id": str(order), "paid_fen": fen} for order, fen in sorted({first: 0, second: 300_000}.items())
    ]


async def test_a_rejected_order_is_a_task_and_is_not_filed_again_with_the_same_papers(flow: Flow) -> None:
    order, paper = await flow.an_order(), paper_pdf(4_242)
    claim = await flow.a_draft([order])
    papers = {kind: paper_pdf(5_000 + place) for place, kind in enumerate(KINDS)}
    for kind, content in papers.items():
        assert (await flow.put(claim, order, kind, content=content, reference=f"{kind}-9")).status_code == 200
    assert (await flow.submit(claim)).status_code == 202
    await flow.open(claim, order)
    await flow.platform.move_clock(NODE)
    assert (await flow.first_review(claim, order, passed=False)).status_code == 200
    await flow.platform.feed(OrderUnclaimed(version=0, order_id=order, claim_id=claim))
    (task,) = await flow.tasks(Role.PROVIDER)
    assert (task["kind"], task["subject_id"]) == ("refile_claim", str(claim))
    assert await flow.tasks(Role.PROVIDER, organisation_id=OTHER_PROVIDER) == []
    again = await flow.a_draft([order])
    assert [task["kind"] for task in await flow.tasks(Role.PROVIDER)] == ["submit_claim"]
    for kind, content in papers.items():
        assert (await flow.put(again, order, kind, content=content, reference=f"{kind}-9")).status_code == 200
    answer = await flow.submit(again)
    assert (answer.status_code, answer.json()["code"]) == (422, "settlement.evidence_unchanged")
    assert (await flow.put(again, order, "usage", content=paper)).status_code == 200
    assert (await flow.submit(again)).status_code == 202


async def test_tasks_show_a_provider_its_own_drafts_and_passed_claims_only(flow: Flow) -> None:
    passed = await flow.a_passed([await flow.an_order()])
    mine = await flow.a_draft([await flow.an_order()])
    theirs = await flow.a_draft([await flow.an_order(provider_id=OTHER_PROVIDER)], organisation_id=OTHER_PROVIDER)
    own = {(task["kind"], task["subject_id"]) for task in await flow.tasks(Role.PROVIDER)}
    assert own == {("request_appropriation", str(passed)), ("submit_claim", str(mine))}
    other = await flow.tasks(Role.PROVIDER, organisation_id=OTHER_PROVIDER)
    assert [(task["kind"], task["subject_id"]) for task in other] == [("submit_claim", str(theirs))]
    for role in (Role.OPERATOR_CLERK, Role.BUREAU_OFFICER, Role.BUREAU_LEAD, Role.FINANCE, Role.AUDITOR):
        assert await flow.tasks(role) == []


async def test_a_copy_that_lags_says_again_and_not_no(flow: Flow) -> None:
    order, given_back = await flow.an_order(), await flow.an_order()
    await flow.platform.feed(RefundRequested(version=0, order_id=order, lines=(1,)))
    await flow.platform.feed(OrderClaimed(version=0, order_id=given_back, claim_id=uuid4(), voucher_fen=300_000))
    for waiting in (order, given_back):
        answer = await flow.call("POST", "/claims", json={"order_ids": [str(waiting)]})
        assert (answer.status_code, answer.json()["code"]) == (409, "settlement.order_not_claimable_now")
    await flow.platform.feed(RefundRefused(version=0, order_id=order))
    await flow.platform.feed(OrderUnclaimed(version=0, order_id=given_back, claim_id=uuid4()))
    claim = await flow.a_draft([order, given_back])
    await flow.evidence(claim, [order, given_back])
    await flow.platform.feed(RefundRequested(version=0, order_id=order, lines=(1,)))
    assert (await flow.submit(claim)).json()["code"] == "settlement.order_not_claimable_now"
    await flow.platform.feed(RefundRefused(version=0, order_id=order))
    assert (await flow.submit(claim)).status_code == 202


async def test_a_not_now_is_not_kept_under_its_key(flow: Flow) -> None:
    order = await flow.an_order()
    await flow.platform.feed(RefundRequested(version=0, order_id=order, lines=(1,)))
    headers = flow.platform.headers(
        Role.PROVIDER, organisation_id=PROVIDER, account_id=ACCOUNTS[Role.PROVIDER], key="the-same-key"
    )

    async def draft() -> tuple[int, object]:
        body = {"order_ids": [str(order)]}
        answer = await flow.platform.client.post("/api/settlement/v1/claims", json=body, headers=headers)
        return answer.status_code, answer.json().get("retryable")

    assert await draft() == (409, True)
    await flow.platform.feed(RefundRefused(version=0, order_id=order))
    assert (await draft())[0] == 201


async def test_every_reading_of_a_claim_and_its_papers_is_recorded_for_auditors(flow: Flow) -> None:
    order = await flow.an_order()
    claim = await flow.a_submitted([order])
    document = f"/claims/{claim}/documents/{order}/invoice"
    assert (await flow.call("GET", document, role=Role.OPERATOR_CLERK)).status_code == 200
    assert (await flow.call("GET", f"/claims/{claim}", role=Role.BUREAU_OFFICER)).status_code == 200
    assert (await flow.call("GET", document, organisation_id=OTHER_PROVIDER)).status_code == 404
    assert (await flow.call("GET", "/claims", role=Role.FINANCE)).status_code == 200
    assert (await flow.call("GET", "/exports/payments?year=2030", role=Role.FINANCE)).status_code == 200
    path = "/evidence-reads"
    found = (await flow.call("GET", path, role=Role.AUDITOR)).json()["data"]
    assert [(read["what"], read["role"], read["account_id"]) for read in found] == [
        ("export", "finance", str(ACCOUNTS[Role.FINANCE])),
        ("claim", "bureau_officer", str(ACCOUNTS[Role.BUREAU_OFFICER])),
        ("document", "operator_clerk", str(ACCOUNTS[Role.OPERATOR_CLERK])),
    ]
    assert (found[2]["claim_id"], found[2]["order_id"], found[2]["kind"]) == (str(claim), str(order), "invoice")
    page = (await flow.call("GET", f"{path}?limit=1&claim_id={claim}", role=Role.AUDITOR)).json()
    rest = (await flow.call("GET", f"{path}?claim_id={claim}&cursor={page['next_cursor']}", role=Role.AUDITOR)).json()
    assert [read["what"] for read in (*page["data"], *rest["data"])] == ["claim", "document"]
    who = ACCOUNTS[Role.FINANCE]
    mine = (await flow.call("GET", f"{path}?account_id={who}&what=export", role=Role.AUDITOR)).json()["data"]
    assert len(mine) == 1
    for role in (Role.OPERATOR_LEAD, Role.FINANCE, Role.BUREAU_OFFICER):
        assert (await flow.call("GET", path, role=role)).status_code == 403


async def test_the_export_names_the_papers_as_written_and_to_auditors_who_acted(flow: Flow) -> None:
    order = await flow.an_order()
    claim = await flow.a_draft([order])
    await flow.evidence(claim, [order])
    await flow.put(claim, order, "invoice", reference=f"发票号码：{DIGITAL}")
    assert (await flow.submit(claim)).status_code == 202
    await flow.open(claim, order)
    await flow.platform.move_clock(NODE)
    await flow.first_review(claim, order)
    await flow.bureau_review(claim, order)
    request = await flow.a_request([claim])
    await flow.approve(request, {order: (300_000, "")})
    path = "/exports/payments?year=2030"
    (row,) = (await flow.call("GET", path, role=Role.AUDITOR)).json()["rows"]
    assert row["invoice_reference"] == f"发票号码：{DIGITAL}"
    assert f"核定拨付金额：{ACCOUNTS[Role.BUREAU_LEAD]}" in row["acts"]
    assert f"初审：{ACCOUNTS[Role.OPERATOR_CLERK]}" in row["acts"]
    (plain,) = (await flow.call("GET", path, role=Role.FINANCE)).json()["rows"]
    assert plain["acts"] == []
