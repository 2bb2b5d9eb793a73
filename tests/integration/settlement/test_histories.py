"""Who did what to a claim, a request and an override: auditors and supervisors see the person, parties the role."""

from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import UUID

import pytest

from shared.contracts.permissions import Role
from tests.factories.settlement import ACCOUNTS, OTHER_PROVIDER, SECOND_LEAD, Flow, a_flow

SEE_PERSONS = (Role.AUDITOR, Role.BUREAU_OFFICER, Role.BUREAU_LEAD)
SEE_ROLES = (Role.PROVIDER, Role.OPERATOR_CLERK, Role.OPERATOR_LEAD, Role.FINANCE)


@pytest.fixture
async def flow(fresh_database: Callable[[], str]) -> AsyncIterator[Flow]:
    async with a_flow(fresh_database) as running:
        yield running


async def history(flow: Flow, path: str, role: Role = Role.AUDITOR, **others: Any) -> list[dict[str, Any]]:
    """The decisions of a history, oldest first, over as many pages as it has."""
    found: list[dict[str, Any]] = []
    cursor = None
    while True:
        params = {"limit": 3} | ({"cursor": cursor} if cursor else {})
        answer = await flow.call("GET", f"{path}/history", role=role, params=params, **others)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        assert len(page["data"]) <= 3
        found += page["data"]
        cursor = page["next_cursor"]
        if not page["has_more"]:
            break
    assert len({item["id"] for item in found}) == len(found)
    assert [item["at"] for item in found] == sorted((item["at"] for item in found), reverse=True)
    return [item for item in reversed(found) if item["source"] == "decision"]


def told(items: list[dict[str, Any]]) -> list[tuple[str, str, str, str]]:
    return [(item["name"], item["role"], item["before"], item["after"]) for item in items]


async def paid(flow: Flow) -> tuple[UUID, UUID, UUID]:
    """A claim of one order, its override and its paid request."""
    order = await flow.an_order()
    claim = await flow.an_in_review([order])
    assert (await flow.first_review(claim, order)).status_code == 200
    asked = await flow.call("POST", f"/claims/{claim}/questions", role=Role.BUREAU_OFFICER, json={"text": "用量？"})
    answering = f"/questions/{asked.json()['id']}/answer"
    await flow.call("POST", answering, role=Role.OPERATOR_CLERK, json={"text": "附用量"})
    await flow.tie()
    override = await flow.overridden(claim, order)
    assert (await flow.bureau_review(claim, order)).status_code == 200
    request = await flow.a_request([claim])
    assert (await flow.approve(request, {order: (250_000, "核减")})).status_code == 200
    assert (await flow.pay(request, amount_fen=250_000)).status_code == 200
    return claim, UUID(str(override)), request


@pytest.mark.requirement("R7")
@pytest.mark.requirement("R8")
@pytest.mark.requirement("R9")
async def test_a_claim_a_request_and_an_override_tell_who_did_what_when_and_why(flow: Flow) -> None:
    claim, override, request = await paid(flow)
    acts = await history(flow, f"/claims/{claim}")
    assert told(acts) == [
        ("claim.draft", "provider", "", "draft"),
        *[("evidence.file", "provider", "", "")] * 4,
        ("claim.submit", "provider", "draft", "submitted"),
        ("window.close", "system", "accepted", "in_review"),
        ("item.first_review", "operator_clerk", "open", "passed"),
        ("question.ask", "bureau_officer", "", ""),
        ("question.answer", "operator_clerk", "", ""),
        ("override.propose", "bureau_officer", "", ""),
        ("override.approve", "bureau_lead", "", ""),
        ("item.bureau_review", "bureau_officer", "passed", "endorsed"),
        ("appropriation.request", "provider", "", "requested"),
        ("appropriation.approve", "bureau_lead", "requested", "approved"),
        ("appropriation.pay", "finance", "approved", "paid"),
    ]
    reviewed = next(item for item in acts if item["name"] == "item.first_review")
    assert (reviewed["ground"], reviewed["rule"]) == ("真实性：材料与业务一致；有效性：服务已交付并在使用", "A23")
    for role in SEE_PERSONS:
        items = {item["name"]: item["account_id"] for item in await history(flow, f"/claims/{claim}", role)}
        assert items["item.first_review"] == str(ACCOUNTS[Role.OPERATOR_CLERK]), role
        assert items["appropriation.pay"] == str(ACCOUNTS[Role.FINANCE]), role
    assert told(await history(flow, f"/appropriations/{request}")) == told(acts)[-3:]
    lifted = await history(flow, f"/overrides/{override}")
    assert [(item["name"], item["account_id"]) for item in lifted] == [
        ("override.propose", str(ACCOUNTS[Role.BUREAU_OFFICER])),
        ("override.approve", str(SECOND_LEAD)),
    ]


@pytest.mark.requirement("R8")
async def test_parties_and_those_who_do_not_supervise_see_roles_and_a_provider_nothing_of_staff_matters(
    flow: Flow,
) -> None:
    claim, override, request = await paid(flow)
    for role in SEE_ROLES:
        for path in (f"/claims/{claim}", f"/appropriations/{request}"):
            items = await history(flow, path, role)
            assert {item["account_id"] for item in items} == {None}, (role, path)
            assert all(item["role"] for item in items)
    own = {item["name"] for item in await history(flow, f"/claims/{claim}", Role.PROVIDER)}
    assert not any(name.startswith(("question.", "override.")) for name in own)
    assert {"item.first_review", "item.bureau_review", "appropriation.approve"} <= own
    for path in (f"/claims/{claim}", f"/appropriations/{request}"):
        stranger = await flow.call("GET", f"{path}/history", organisation_id=OTHER_PROVIDER)
        assert stranger.status_code == 404, path
    assert (await flow.call("GET", f"/overrides/{override}/history")).status_code == 403
    assert (await flow.call("GET", f"/claims/{claim}/history", role=Role.REGION)).status_code == 403


async def test_the_history_of_a_draft_is_its_providers_own_and_what_staff_read_is_recorded(flow: Flow) -> None:
    draft = await flow.a_draft([await flow.an_order()])
    assert [item["name"] for item in await history(flow, f"/claims/{draft}", Role.PROVIDER)] == ["claim.draft"]
    assert (await flow.call("GET", f"/claims/{draft}/history", role=Role.AUDITOR)).status_code == 404
    claim = await flow.a_submitted([await flow.an_order()])
    await history(flow, f"/claims/{claim}", Role.PROVIDER)
    await flow.call("GET", f"/claims/{claim}/history", role=Role.OPERATOR_CLERK)
    reads = (await flow.call("GET", f"/evidence-reads?claim_id={claim}", role=Role.AUDITOR)).json()["data"]
    assert [(read["what"], read["kind"], read["role"]) for read in reads] == [("claim", "history", "operator_clerk")]


async def test_a_request_that_its_last_withdrawal_empties_says_who_emptied_it(flow: Flow) -> None:
    claim = await flow.a_passed([await flow.an_order()])
    request = await flow.a_request([claim])
    body = {"reason": "改期申请"}
    assert (await flow.call("POST", f"/claims/{claim}/withdraw", json=body)).status_code == 200
    last = (await history(flow, f"/appropriations/{request}"))[-1]
    assert (last["name"], last["role"], last["before"], last["after"], last["ground"]) == (
        "appropriation.withdraw",
        "provider",
        "requested",
        "withdrawn",
        "改期申请",
    )
