"""Claims from the draft to the window, over HTTP and the claim saga's commands."""

import asyncio
from collections.abc import AsyncIterator, Callable
from uuid import UUID, uuid4

import httpx
import pytest

from embedded.sample_documents import paper_pdf, paper_png
from shared.contracts.messages.base import Refused
from shared.contracts.messages.order import OrderRefunded, OrderUnclaimed, RefundRefused, RefundRequested
from shared.contracts.messages.settlement import ItemOpened
from shared.contracts.permissions import Role
from tests.factories.settlement import ACCOUNTS, KINDS, NODE, OTHER_PROVIDER, PROVIDER, Flow, a_flow


@pytest.fixture
async def flow(fresh_database: Callable[[], str]) -> AsyncIterator[Flow]:
    async with a_flow(fresh_database) as running:
        yield running


async def claimable(flow: Flow, organisation_id: UUID = PROVIDER) -> list[str]:
    answer = await flow.call("GET", "/claimable-orders", organisation_id=organisation_id)
    assert answer.status_code == 200, answer.text
    return [order["order_id"] for order in answer.json()["data"]]


@pytest.mark.requirement("R76")
async def test_a_provider_sees_its_own_confirmed_orders_as_claimable(flow: Flow) -> None:
    order = await flow.an_order()
    other = await flow.an_order(provider_id=OTHER_PROVIDER)
    await flow.an_order(voucher_fen=0)
    assert await claimable(flow) == [str(order)]
    assert await claimable(flow, OTHER_PROVIDER) == [str(other)]


@pytest.mark.requirement("R73")
async def test_an_order_under_refund_is_not_claimable_until_the_refund_is_refused(flow: Flow) -> None:
    order = await flow.an_order()
    await flow.platform.feed(RefundRequested(version=0, order_id=order, lines=(1,)))
    assert await claimable(flow) == []
    await flow.platform.feed(RefundRefused(version=0, order_id=order))
    assert await claimable(flow) == [str(order)]


async def test_a_claim_that_comes_before_the_news_of_a_refused_refund_is_told_again_and_not_no(flow: Flow) -> None:
    async def claim() -> httpx.Response:
        return await flow.platform.client.post("/api/settlement/v1/claims", json=body, headers=headers)

    order = await flow.an_order()
    await flow.platform.feed(RefundRequested(version=0, order_id=order, lines=(1,)))
    headers = flow.platform.headers(Role.PROVIDER, organisation_id=PROVIDER, account_id=ACCOUNTS[Role.PROVIDER])
    body = {"order_ids": [str(order)]}
    early = await claim()
    assert (early.status_code, early.json()["code"]) == (409, "settlement.order_not_claimable_now")
    assert early.json()["retryable"]
    assert early.headers["Retry-After"] == "1"
    await flow.platform.feed(RefundRefused(version=0, order_id=order))
    again = await claim()
    assert (again.status_code, "Idempotent-Replayed" in again.headers) == (201, False)


async def test_a_wholly_refunded_order_is_not_claimable(flow: Flow) -> None:
    order = await flow.an_order()
    await flow.platform.feed(OrderRefunded(version=0, order_id=order, lines=(1,), voucher_fen=300_000, whole=True))
    assert await claimable(flow) == []


async def test_a_draft_takes_no_order_of_somebody_else(flow: Flow) -> None:
    other = await flow.an_order(provider_id=OTHER_PROVIDER)
    answer = await flow.call("POST", "/claims", json={"order_ids": [str(other)]})
    assert answer.status_code == 422
    assert answer.json()["code"] == "settlement.order_not_claimable"


@pytest.mark.parametrize("count", [0, 201])
async def test_a_draft_has_1_to_200_orders(flow: Flow, count: int) -> None:
    answer = await flow.call("POST", "/claims", json={"order_ids": [str(uuid4()) for _ in range(count)]})
    assert answer.status_code == 400


@pytest.mark.requirement("R76")
async def test_a_draft_names_each_order_once(flow: Flow) -> None:
    order = str(await flow.an_order())
    answer = await flow.call("POST", "/claims", json={"order_ids": [order, order]})
    assert (answer.status_code, answer.json()["code"]) == (400, "request.malformed")
    assert "列表中有重复的项" in answer.json()["detail"]


async def test_an_empty_list_of_orders_withdraws_nothing(flow: Flow) -> None:
    """Q13: a claim is withdrawn as a whole only where the request names no orders at all."""
    claim = await flow.a_draft([await flow.an_order()])
    answer = await flow.call("POST", f"/claims/{claim}/withdraw", json={"reason": "漏选", "order_ids": []})
    assert (answer.status_code, answer.json()["code"]) == (400, "request.malformed")
    assert (await flow.claim(claim))["state"] == "draft"
    assert (await flow.call("POST", f"/claims/{claim}/withdraw", json={"reason": "不再申请"})).status_code == 200


@pytest.mark.requirement("R76")
async def test_a_claim_without_all_four_kinds_of_evidence_is_not_taken(flow: Flow) -> None:
    order = await flow.an_order()
    claim = await flow.a_draft([order])
    for kind in KINDS[:3]:
        assert (await flow.put(claim, order, kind)).status_code == 200
    answer = await flow.submit(claim)
    assert answer.status_code == 422
    assert answer.json()["code"] == "settlement.evidence_incomplete"
    assert answer.json()["facts"]["missing"] == [{"order_id": str(order), "kind": "usage"}]


@pytest.mark.requirement("R10")
async def test_a_claim_is_filed_with_the_declaration_in_force_only(flow: Flow) -> None:
    order = await flow.an_order()
    claim = await flow.a_draft([order])
    await flow.evidence(claim, [order])
    answer = await flow.call("POST", f"/claims/{claim}/submit", json={"declaration_version": "0.9.0"})
    assert answer.status_code == 422
    assert answer.json()["code"] == "settlement.declaration_outdated"


async def test_an_invoice_without_its_number_is_refused(flow: Flow) -> None:
    order = await flow.an_order()
    claim = await flow.a_draft([order])
    answer = await flow.call("PUT", f"/claims/{claim}/documents/{order}/invoice", content=paper_pdf(1))
    assert answer.json()["code"] == "settlement.evidence_reference_missing"


async def test_a_file_that_is_no_document_is_refused(flow: Flow) -> None:
    order = await flow.an_order()
    claim = await flow.a_draft([order])
    assert (await flow.put(claim, order, "usage", content=b"MZ program")).status_code == 415


async def test_evidence_is_stored_sealed_and_read_back_by_reviewers_of_a_filed_claim(flow: Flow) -> None:
    order = await flow.an_order()
    claim = await flow.a_draft([order])
    content = paper_png(77)
    path = f"/claims/{claim}/documents/{order}/usage"
    await flow.evidence(claim, [order])
    assert (await flow.put(claim, order, "usage", content=content)).status_code == 200
    assert (await flow.call("GET", path, role=Role.OPERATOR_CLERK)).status_code == 404
    assert (await flow.submit(claim)).status_code == 202
    answer = await flow.call("GET", path, role=Role.OPERATOR_CLERK)
    assert (answer.content, answer.headers["content-type"]) == (content, "image/png")
    assert (await flow.call("GET", path, organisation_id=OTHER_PROVIDER)).status_code == 404
    settings = flow.platform.runtime("settlement").settings
    folder = settings.documents_folder  # type: ignore[attr-defined] # settlement's own settings
    assert all(content not in file.read_bytes() for file in folder.rglob("*") if file.is_file())


@pytest.mark.requirement("R77")
async def test_a_submitted_claim_is_told_with_its_orders_and_its_window(flow: Flow) -> None:
    order = await flow.an_order()
    claim = await flow.a_submitted([order])
    [fact] = await flow.facts(claim)
    assert fact["type"] == "settlement.claim_submitted.v1"
    assert fact["data"]["order_ids"] == [str(order)]
    assert fact["data"]["window_closes_on"] == "2030-03-31"
    assert fact["data"]["version"] == 1
    detail = await flow.claim(claim)
    assert (detail["state"], detail["results"][0]["state"]) == ("submitted", "submitted")
    assert await claimable(flow) == []


@pytest.mark.requirement("R74")
async def test_a_submitted_claim_is_not_edited(flow: Flow) -> None:
    order = await flow.an_order()
    claim = await flow.a_submitted([order])
    assert (await flow.put(claim, order, "usage")).json()["code"] == "settlement.claim_not_draft"
    assert (await flow.submit(claim)).json()["code"] == "settlement.claim_not_draft"


async def test_the_saga_opens_and_refuses_items_one_by_one(flow: Flow) -> None:
    first, second = await flow.an_order(), await flow.an_order()
    claim = await flow.a_submitted([first, second])
    await flow.open(claim, first, voucher_fen=300_000)
    assert (await flow.claim(claim))["state"] == "submitted"
    await flow.refuse(claim, second)
    detail = await flow.claim(claim)
    results = {item["order_id"]: item for item in detail["results"]}
    assert detail["state"] == "accepted"
    assert (results[str(first)]["state"], results[str(first)]["claimed_fen"]) == ("open", 300_000)
    assert (results[str(second)]["state"], results[str(second)]["refusal_article"]) == ("refused", "A20")
    assert str(second) in await claimable(flow)


async def test_a_command_sent_twice_is_answered_twice_and_acts_once(flow: Flow) -> None:
    order = await flow.an_order()
    claim = await flow.a_submitted([order])
    await flow.open(claim, order)
    await flow.open(claim, order)
    await flow.platform.settle()
    assert [fact["sequence"] for fact in await flow.facts(claim)] == [1, 2]
    assert flow.replies == [ItemOpened(claim_id=claim, order_id=order)] * 2


async def test_an_item_that_was_opened_cannot_be_refused_afterwards(flow: Flow) -> None:
    order = await flow.an_order()
    claim = await flow.an_accepted([order])
    await flow.refuse(claim, order)
    await flow.platform.settle()
    assert (await flow.claim(claim))["results"][0]["state"] == "open"
    refused = flow.replies[-1]
    assert isinstance(refused, Refused)
    assert refused.code == "settlement.item_already_answered"


async def test_a_claim_is_refused_when_no_order_could_be_claimed(flow: Flow) -> None:
    order = await flow.an_order()
    claim = await flow.a_submitted([order])
    await flow.refuse(claim, order)
    assert (await flow.claim(claim))["state"] == "refused"
    assert (await flow.notices(Role.PROVIDER))[0]["reason"] == "订单退款申请未结。"


@pytest.mark.requirement("R77")
async def test_accepted_claims_of_a_window_go_to_review_together_at_the_node(flow: Flow) -> None:
    orders = [await flow.an_order() for _ in range(2)]
    claims = [await flow.an_accepted([order]) for order in orders]
    answer = await flow.first_review(claims[0], orders[0])
    assert answer.json()["code"] == "settlement.claim_not_in_first_review"
    await flow.platform.move_clock(NODE)
    states = {(await flow.claim(claim))["state"] for claim in claims}
    assert states == {"in_review"}
    tasks = await flow.call("GET", "/tasks", role=Role.OPERATOR_CLERK)
    assert [task["kind"] for task in tasks.json()["data"]] == ["first_review", "first_review"]


@pytest.mark.requirement("R77")
async def test_a_claim_unanswered_at_the_node_rolls_to_the_next(flow: Flow) -> None:
    order = await flow.an_order()
    claim = await flow.a_submitted([order])
    await flow.platform.move_clock(NODE)
    detail = await flow.claim(claim)
    assert (detail["state"], detail["window_closes_on"]) == ("submitted", "2030-06-30")
    assert (await flow.notices(Role.PROVIDER))[0]["event"] == "claim.rolled_over"
    await flow.open(claim, order)
    assert (await flow.claim(claim))["window_closes_on"] == "2030-06-30"


@pytest.mark.requirement("R76")
async def test_a_withdrawn_item_leaves_the_claim_and_its_order_is_told(flow: Flow) -> None:
    first, second = await flow.an_order(), await flow.an_order()
    claim = await flow.an_accepted([first, second])
    body = {"reason": "合同有误", "order_ids": [str(first)]}
    assert (await flow.call("POST", f"/claims/{claim}/withdraw", json=body)).status_code == 200
    facts = await flow.facts(claim)
    assert [fact["data"]["version"] for fact in facts] == [1, 2, 3]
    assert facts[-1]["type"] == "settlement.claim_item_ended.v1"
    assert (facts[-1]["data"]["order_id"], facts[-1]["data"]["reason"]) == (str(first), "合同有误")
    assert (await flow.claim(claim))["state"] == "accepted"
    body = {"reason": "全部撤回"}
    assert (await flow.call("POST", f"/claims/{claim}/withdraw", json=body)).json()["state"] == "withdrawn"


async def test_a_claim_is_not_withdrawn_while_its_orders_are_being_locked(flow: Flow) -> None:
    claim = await flow.a_submitted([await flow.an_order()])
    answer = await flow.call("POST", f"/claims/{claim}/withdraw", json={"reason": "误报"})
    assert (answer.status_code, answer.json()["code"]) == (409, "settlement.claim_unanswered")


async def test_a_discarded_draft_tells_nobody(flow: Flow) -> None:
    order = await flow.an_order()
    claim = await flow.a_draft([order])
    answer = await flow.call("POST", f"/claims/{claim}/withdraw", json={"reason": "误报"})
    assert answer.json()["state"] == "withdrawn"
    assert await flow.facts(claim) == []
    assert await claimable(flow) == [str(order)]


@pytest.mark.requirement("R76")
async def test_one_invoice_number_serves_one_order_of_one_provider_only(flow: Flow) -> None:
    mine, theirs = await flow.an_order(), await flow.an_order(provider_id=OTHER_PROVIDER)
    claim = await flow.a_draft([mine])
    await flow.evidence(claim, [mine])
    assert (await flow.put(claim, mine, "invoice", reference="24522000-0000 0001234")).status_code == 200
    assert (await flow.submit(claim)).status_code == 202
    other = await flow.a_draft([theirs], organisation_id=OTHER_PROVIDER)
    answer = await flow.put(
        other, theirs, "invoice", reference="２４５２２００００００００００１２３４", organisation_id=OTHER_PROVIDER
    )
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (422, "settlement.duplicate_evidence")
    assert problem["article"] == "A22"
    assert str(PROVIDER) not in answer.text
    assert str(mine) not in answer.text


@pytest.mark.requirement("R76")
async def test_of_two_drafts_with_one_file_the_first_filed_has_it(flow: Flow) -> None:
    mine, theirs = await flow.an_order(), await flow.an_order(provider_id=OTHER_PROVIDER)
    first = await flow.a_draft([mine])
    second = await flow.a_draft([theirs], organisation_id=OTHER_PROVIDER)
    await flow.evidence(first, [mine])
    await flow.evidence(second, [theirs], organisation_id=OTHER_PROVIDER)
    contract = paper_pdf(9_999)
    await flow.put(first, mine, "contract", content=contract)
    await flow.put(second, theirs, "contract", content=contract, organisation_id=OTHER_PROVIDER)
    assert (await flow.submit(second, organisation_id=OTHER_PROVIDER)).status_code == 202
    answer = await flow.submit(first)
    assert (answer.status_code, answer.json()["code"]) == (422, "settlement.duplicate_evidence")
    assert (await flow.claim(first))["state"] == "draft"


@pytest.mark.requirement("R76")
async def test_papers_of_a_withdrawn_item_serve_their_own_order_again_and_no_other(flow: Flow) -> None:
    order, another = await flow.an_order(), await flow.an_order()
    claim = await flow.a_draft([order])
    await flow.evidence(claim, [order])
    usage = paper_pdf(8_888)
    await flow.put(claim, order, "usage", content=usage)
    await flow.submit(claim)
    await flow.open(claim, order)
    await flow.call("POST", f"/claims/{claim}/withdraw", json={"reason": "补正"})
    await flow.platform.feed(OrderUnclaimed(version=0, order_id=order, claim_id=claim))
    again = await flow.a_draft([order, another])
    assert (await flow.put(again, order, "usage", content=usage)).status_code == 200
    answer = await flow.put(again, another, "usage", content=usage)
    assert answer.json()["code"] == "settlement.duplicate_evidence"


async def test_a_provider_sees_no_claim_of_another_and_staff_see_no_draft(flow: Flow) -> None:
    claim = await flow.a_submitted([await flow.an_order()])
    draft = await flow.a_draft([await flow.an_order()])
    for path in (f"/claims/{claim}", f"/claims/{draft}"):
        assert (await flow.call("GET", path, organisation_id=OTHER_PROVIDER)).status_code == 404
    withdraw = f"/claims/{claim}/withdraw"
    answer = await flow.call("POST", withdraw, json={"reason": "x"}, organisation_id=OTHER_PROVIDER)
    assert answer.status_code == 404
    listed = await flow.call("GET", "/claims", organisation_id=OTHER_PROVIDER)
    assert listed.json()["data"] == []
    seen = await flow.call("GET", "/claims", role=Role.AUDITOR)
    assert [card["id"] for card in seen.json()["data"]] == [str(claim)]
    assert (await flow.call("GET", "/claims", role=Role.ENTERPRISE, organisation_id=PROVIDER)).status_code == 403
    assert (await flow.call("GET", "/claims", role=Role.REGION)).status_code == 403


async def test_claims_are_listed_in_pages_newest_first(flow: Flow) -> None:
    claims = [str(await flow.a_draft([await flow.an_order()])) for _ in range(3)]
    first = (await flow.call("GET", "/claims?limit=2")).json()
    rest = (await flow.call("GET", f"/claims?limit=2&cursor={first['next_cursor']}")).json()
    assert [card["id"] for card in first["data"] + rest["data"]] == claims[::-1]
    assert (first["has_more"], rest["has_more"]) == (True, False)


async def test_coming_windows_are_shown_with_their_claims(flow: Flow) -> None:
    await flow.a_submitted([await flow.an_order()])
    windows = (await flow.call("GET", "/windows")).json()
    assert [window["closes_on"] for window in windows] == ["2030-12-31", "2030-09-30", "2030-06-30", "2030-03-31"]
    assert windows[-1]["by_state"] == {"submitted": 1}


@pytest.mark.requirement("R76")
async def test_of_claims_filed_at_once_with_one_paper_one_is_taken(flow: Flow) -> None:
    content, drafts = paper_pdf(7_777), []
    for _ in range(3):
        order = await flow.an_order()
        draft = await flow.a_draft([order])
        await flow.evidence(draft, [order])
        await flow.put(draft, order, "contract", content=content)
        drafts.append(draft)
    answers = await asyncio.gather(*(flow.submit(draft) for draft in drafts))
    assert sorted(answer.status_code for answer in answers) == [202, 422, 422]


async def test_one_order_in_two_drafts_is_filed_once(flow: Flow) -> None:
    order = await flow.an_order()
    drafts = [await flow.a_draft([order]) for _ in range(2)]
    contents = {
        kind: paper_pdf(6_000 + place) for place, kind in enumerate(("invoice", "contract", "transfer", "usage"))
    }
    for draft in drafts:
        for kind, content in contents.items():
            assert (await flow.put(draft, order, kind, content=content, reference=f"{kind}-1")).status_code == 200
    answers = await asyncio.gather(*(flow.submit(draft) for draft in drafts))
    assert sorted(answer.status_code for answer in answers) == [202, 422]
    assert {answer.json().get("code") for answer in answers} == {None, "settlement.order_not_claimable"}


async def test_a_repeated_upload_answers_as_the_first_and_keeps_one_file(flow: Flow) -> None:
    order = await flow.an_order()
    draft = await flow.a_draft([order])
    path = f"/api/settlement/v1/claims/{draft}/documents/{order}/usage"
    headers = flow.platform.headers(Role.PROVIDER, organisation_id=PROVIDER, account_id=uuid4())
    answers = [await flow.platform.client.put(path, headers=headers, content=paper_pdf(5_555)) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[1].headers["idempotent-replayed"] == "true"
    folder = flow.platform.runtime("settlement").settings.documents_folder  # type: ignore[attr-defined] # its own
    assert len([file for file in folder.rglob("*") if file.is_file()]) == 1
