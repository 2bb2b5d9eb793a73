"""Every proposal waits for its second person for the same time, and then it is made again or left; over all acts."""

from collections.abc import Mapping
from uuid import UUID

import pytest

from services.identity.handlers.staff import StaffAct
from shared.contracts.permissions import Role
from shared.kernel.proposals import PROPOSAL_DAYS
from tests.factories.deadlines import LAPSE_TIMERS
from tests.integration.security.test_two_people import ACTS, at_catalog, everything, said
from tests.integration.security.two_people import (
    FIRST,
    SECOND,
    Blacklist,
    Delisting,
    Desk,
    FreshDatabase,
    Letter,
    Money,
    Override,
    Staff,
)

LAPSED = (409, "proposal.lapsed")
OTHERWISE: Mapping[str, tuple[int, str]] = {
    **{f"staff {act.value}": (409, "identity.proposal_not_open") for act in StaffAct},
    "replay": (409, "dead_letter.replay_not_proposed"),
    "plan": (409, "voucher.plan_state"),
}
"""What is said of a proposal whose time is over, where it was said before all others lapsed as well."""
SECOND_ROLES: Mapping[type[Desk], Role] = {
    Staff: Role.PLATFORM_ADMIN,
    Blacklist: Role.BUREAU_LEAD,
    Delisting: Role.OPERATOR_LEAD,
    Override: Role.BUREAU_LEAD,
}


async def is_task(desk: Desk, proposal: str) -> bool:
    """Whether the second person is told to decide it; a replay is looked for among the dead letters."""
    if isinstance(desk, Letter):
        return False
    kind = next((SECOND_ROLES[kind] for kind in SECOND_ROLES if isinstance(desk, kind)), None)
    role = desk.second if isinstance(desk, Money) else kind
    assert role is not None
    answer = await desk.call("/tasks", None, role=role, by=SECOND, method="GET")
    assert answer.is_success, answer.text
    return proposal in {task["subject_id"] for task in answer.json()["data"]}


@pytest.mark.parametrize("name", sorted(ACTS))
async def test_every_proposal_waits_a_week_and_no_longer_and_may_then_be_made_again(
    fresh_database: FreshDatabase, name: str
) -> None:
    async with ACTS[name].open(fresh_database) as desk:
        proposal = await desk.propose()
        assert await is_task(desk, proposal) != isinstance(desk, Letter)
        await desk.pass_days(PROPOSAL_DAYS)
        assert not await is_task(desk, proposal)
        before = await everything(desk)
        assert said(await desk.approve(proposal)) == OTHERWISE.get(name, LAPSED)
        assert await everything(desk) == before
        again = await (desk.propose_again() if isinstance(desk, Delisting) else desk.propose())
        assert await is_task(desk, again) != isinstance(desk, Letter)
        assert (await desk.approve(again)).is_success
        assert not (await desk.approve(proposal)).is_success


@pytest.mark.parametrize("name", sorted(set(ACTS) - {"replay"}))
async def test_a_proposal_is_approved_on_its_last_day(fresh_database: FreshDatabase, name: str) -> None:
    async with ACTS[name].open(fresh_database) as desk:
        proposal = await desk.propose()
        await desk.pass_days(PROPOSAL_DAYS - 1)
        assert (await desk.approve(proposal)).is_success


@pytest.mark.parametrize("name", sorted(LAPSE_TIMERS))
async def test_what_nobody_decided_in_a_week_is_shown_as_ended_and_its_proposer_is_told(
    fresh_database: FreshDatabase, name: str
) -> None:
    async with ACTS[name].open(fresh_database) as desk:
        proposal = UUID(await desk.propose())
        state = f"SELECT state FROM {ACTS[name].table.split('.')[1]} WHERE id = $1"  # noqa: S608 - our own names
        waiting = await desk.row(state, proposal)
        await desk.pass_days(PROPOSAL_DAYS)
        await desk.platform.settle()
        assert waiting == {"state": "draft" if name == "plan" else "proposed"}
        assert await desk.row(state, proposal) == {"state": "withdrawn" if name == "plan" else "lapsed"}
        notice = await desk.row("SELECT recipient, text FROM notice WHERE event = 'proposal.lapsed'")
        assert notice["recipient"] == f"account:{FIRST}"
        assert f"已满{PROPOSAL_DAYS}日未获批准" in notice["text"]


@pytest.mark.parametrize("name", sorted(LAPSE_TIMERS))
async def test_a_timer_of_a_proposal_that_fires_early_does_nothing_and_waits_for_its_moment(
    fresh_database: FreshDatabase, name: str
) -> None:
    service, kind = LAPSE_TIMERS[name]
    async with ACTS[name].open(fresh_database) as desk:
        proposal = UUID(await desk.propose())
        timer = await desk.row("SELECT due_at FROM timer WHERE kind = $1 AND key = $2", kind, proposal)
        before = await everything(desk)
        runtime = desk.platform.runtime(service)
        async with runtime.work() as work:
            await work.connection.execute("DELETE FROM timer WHERE kind = $1 AND key = $2", kind, proposal)
            await runtime.service.timers[kind](work, [proposal])
        assert await everything(desk) == before
        assert timer
        assert await desk.row("SELECT due_at FROM timer WHERE kind = $1 AND key = $2", kind, proposal) == timer


async def test_a_delisting_is_not_approved_without_the_statement_that_came_meanwhile(
    fresh_database: FreshDatabase,
) -> None:
    async with at_catalog(fresh_database) as desk:
        proposal = await desk.propose()
        assert isinstance(desk, Delisting)
        heard = await desk.catalog.as_provider("POST", f"/delistings/{proposal}/statement", {"statement": "已整改"})
        assert heard.is_success, heard.text
        before = await everything(desk)
        headers = desk.platform.headers(Role.OPERATOR_LEAD, service="catalog", account_id=SECOND)
        path = f"/api/catalog/v1/delistings/{proposal}/decision"
        body = {"approve": True, "reason": "证据充分"}
        unread = await desk.platform.client.post(path, json=body, headers={**headers, "If-Match": '"1"'})
        assert said(unread) == (412, "request.version_mismatch")
        assert await everything(desk) == before
        read = await desk.platform.client.post(
            path, json=body, headers={**headers, "Idempotency-Key": "read", "If-Match": '"2"'}
        )
        assert read.is_success, read.text
