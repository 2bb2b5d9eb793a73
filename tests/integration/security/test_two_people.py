"""What takes two people is approved by another one, while it stands, and as it was proposed; over all such acts."""

import ast
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from embedded.platform import SERVICES
from services.catalog.service import SERVICE as CATALOG
from services.identity.handlers.staff import StaffAct
from services.identity.service import SERVICE as IDENTITY
from services.voucher.service import SERVICE as VOUCHER
from shared.contracts.permissions import FOUR_EYES, Permission, Role
from shared.runtime.service.service import Service
from tests.factories.catalog import PROVIDER_A, Catalog
from tests.factories.harness import open_platform
from tests.factories.settlement import a_flow
from tests.factories.staff import SETTINGS
from tests.integration.security.platform_fixture import Estate
from tests.integration.security.two_people import (
    FIRST,
    REVIEWS,
    Blacklist,
    Delisting,
    Desk,
    FreshDatabase,
    Letter,
    Lifting,
    Money,
    Override,
    Staff,
)

CHECKOUT = Path(__file__).parents[3]
SECOND_ACTS = frozenset({*FOUR_EYES.values(), Permission.IDENTITY_STAFF_APPROVE, Permission.CATALOG_PRODUCT_DELIST})
"""Whoever holds one of these is somebody's second person."""

PROPOSED_BY = {"proposed_by", "drafted_by"}
RUNTIME = frozenset(
    {
        *("outbox", "resend", "relay_partition", "inbox", "cursor", "parked", "retry"),
        *("idempotency", "timer", "lease", "clock"),
    }
)
"""Tables that turn without anybody's decision."""

TEMPTING: Mapping[str, Any] = {
    "total_fen": 1,
    "amount_fen": 1,
    "roles": ["platform_admin"],
    "sign_in_name": "somebody-else",
    "credit_code": "91520100MA6DK0X17T",
    "number": "another one",
    "ground": "g1_illegal",
    "evidence": "another one",
    "event": "another one",
}
"""What an approver might want to be approved instead."""


@asynccontextmanager
async def alone(make: FreshDatabase, service: Service, desk: type[Desk], **others: Any) -> AsyncIterator[Desk]:
    """A desk on a platform of one service."""
    async with open_platform([service], make, settings={"identity": SETTINGS}) as platform:
        await platform.settle()
        yield desk(platform, service.name, **others)


@asynccontextmanager
async def at_catalog(make: FreshDatabase) -> AsyncIterator[Desk]:
    """A desk on a catalog that knows a provider."""
    async with open_platform([CATALOG], make) as platform:
        catalog = Catalog(platform)
        await catalog.feed_party(PROVIDER_A)
        yield Delisting(platform, "catalog", catalog=catalog)


@asynccontextmanager
async def at_settlement(make: FreshDatabase) -> AsyncIterator[Desk]:
    """A desk on settlement."""
    async with a_flow(make) as flow:
        yield Override(flow.platform, "settlement", flow=flow)


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """One act that takes two people."""

    open: Callable[[FreshDatabase], AbstractAsyncContextManager[Desk]]
    table: str
    approval: str
    """The operation by which the second person approves."""
    others: frozenset[str] = frozenset()
    """What else there is to do with a proposal; nothing of it changes what was proposed."""
    same_person: str
    ended: Mapping[str, str] = field(default_factory=dict)
    """How a proposal ends, and the code of an approval that comes afterwards; what may be proposed again ends first."""
    never: Mapping[str, str] = field(default_factory=dict)
    """How it never ends, and why."""


def staff(act: StaffAct) -> Act:
    """An act on a staff account."""
    code = "identity.proposal_not_open"
    return Act(
        open=lambda make: alone(make, IDENTITY, Staff, act=act),
        table="identity.staff_proposal",
        approval="identity POST /staff-proposals/{proposal_id}/approve",
        others=frozenset({"identity POST /staff-proposals/{proposal_id}/refuse"}),
        same_person="identity.same_person",
        ended=dict.fromkeys(("refused", "withdrawn", "approved", "lapsed"), code),
    )


def ways(place: str, *names: str) -> frozenset[str]:
    """Operations below a place."""
    return frozenset(f"{place}/{name}" for name in names)


WAITS = "the external decision behind it does not age; what waits longer than a week is proposed again"
LIFTING = "identity POST /blacklist/liftings/{lifting_id}"
ENTRY = "identity POST /blacklist/{entry_id}"
PLAN, INCREASE = "voucher POST /plans/{plan_id}", "voucher POST /increases/{increase_id}"
REVOCATION, OVERRIDE = "voucher POST /revocations/{revocation_id}", "settlement POST /overrides/{override_id}"
DELISTING = "catalog POST /delistings/{delisting_id}"
LETTER = "voucher POST /dead-letters/{event_id}"
LISTED = dict.fromkeys(("refused", "withdrawn", "approved"), "identity.blacklist_entry_not_open")
DECIDED = dict.fromkeys(("refused", "withdrawn", "approved", "lapsed"), "voucher.proposal_decided")

ACTS: dict[str, Act] = {
    **{f"staff {act.value}": staff(act) for act in StaffAct},
    "blacklisting": Act(
        open=lambda make: alone(make, IDENTITY, Blacklist),
        table="identity.blacklist_entry",
        approval=f"{ENTRY}/approve",
        others=ways(ENTRY, "refuse", "withdraw", "liftings"),
        same_person="identity.same_person",
        ended=LISTED,
        never={"lapsed": WAITS},
    ),
    "lifting": Act(
        open=lambda make: alone(make, IDENTITY, Lifting),
        table="identity.blacklist_lifting",
        approval=f"{LIFTING}/approve",
        others=ways(LIFTING, "refuse", "withdraw"),
        same_person="identity.same_person",
        ended=LISTED,
        never={"lapsed": WAITS},
    ),
    "plan": Act(
        open=lambda make: alone(make, VOUCHER, Money),
        table="voucher.plan",
        approval=f"{PLAN}/approve",
        others=ways(PLAN, "refuse", "withdraw", "publish", "increases"),
        same_person="voucher.same_person",
        ended={
            **dict.fromkeys(("refused", "withdrawn", "approved"), "voucher.plan_state"),
            "lapsed": "voucher.plan_year_over",
        },
    ),
    "increase": Act(
        open=lambda make: alone(make, VOUCHER, Money, kind="increases"),
        table="voucher.plan_increase",
        approval=f"{INCREASE}/approve",
        others=ways(INCREASE, "refuse", "withdraw"),
        same_person="voucher.same_person",
        # The year's end closes the plan itself.
        ended={**DECIDED, "lapsed": "voucher.plan_state"},
    ),
    "revocation": Act(
        open=lambda make: alone(
            make, VOUCHER, Money, kind="revocations", first=Role.OPERATOR_CLERK, second=Role.OPERATOR_LEAD
        ),
        table="voucher.revocation_case",
        approval=f"{REVOCATION}/approve",
        others=ways(REVOCATION, "refuse", "withdraw"),
        same_person="voucher.same_person",
        ended={**DECIDED, "lapsed": "proposal.lapsed"},
    ),
    "delisting": Act(
        open=at_catalog,
        table="catalog.delisting",
        approval=f"{DELISTING}/decision",
        others=ways(DELISTING, "statement", "withdraw"),
        same_person="catalog.delisting_same_person",
        ended=dict.fromkeys(("refused", "withdrawn", "approved", "lapsed"), "catalog.delisting_decided"),
    ),
    "override": Act(
        open=at_settlement,
        table="settlement.override",
        approval=f"{OVERRIDE}/approve",
        others=ways(OVERRIDE, "refuse", "withdraw"),
        same_person="settlement.same_person",
        ended=dict.fromkeys(("refused", "withdrawn", "approved", "lapsed"), "settlement.override_not_open"),
    ),
    "replay": Act(
        open=lambda make: alone(make, VOUCHER, Letter),
        table="voucher.dead_letter",
        approval=f"{LETTER}/replay-approvals",
        others=ways(LETTER, "replay-proposals"),
        same_person="dead_letter.same_person",
        ended={"approved": "resource.not_found", "lapsed": "dead_letter.replay_not_proposed"},
        never=dict.fromkeys(
            ("refused", "withdrawn"), "a proposal to replay is only the wish to; it ends after seven days by itself"
        ),
    ),
}
ENDINGS = ("approved", "lapsed", "refused", "withdrawn")


async def end(desk: Desk, proposal: str, how: str) -> None:
    """A proposal ends."""
    if how == "lapsed":
        await desk.lapse(proposal)
        return
    ends = {"approved": desk.approve, "refused": desk.refuse, "withdrawn": desk.withdraw}[how]
    answer = await ends(proposal)
    assert answer.is_success, answer.text


async def everything(desk: Desk) -> dict[str, list[str]]:
    """Every row of a service that somebody decided about, decisions, facts and notices included."""
    await desk.platform.settle()
    runtime = desk.platform.runtime(desk.service)
    async with runtime.reading() as connection:
        return {
            name: sorted(row["row"] for row in await connection.fetch(f'SELECT t::text AS row FROM "{name}" t'))  # noqa: S608 - names of our own
            for name in sorted({table.name for table in runtime.service.metadata.tables.values()} - RUNTIME)
        }


def said(answer: httpx.Response) -> tuple[int, str]:
    """Status and code."""
    return answer.status_code, str(answer.json().get("code"))


@pytest.mark.parametrize("name", sorted(ACTS))
async def test_another_person_approves_what_was_proposed_and_nothing_else_and_its_proposer_does_not(
    fresh_database: FreshDatabase, name: str
) -> None:
    async with ACTS[name].open(fresh_database) as desk:
        proposal = await desk.propose()
        before = await everything(desk)
        assert said(await desk.approve(proposal, by=FIRST)) == (422, ACTS[name].same_person)
        assert await everything(desk) == before
        for tempting, value in TEMPTING.items():
            answer = await desk.approve(proposal, body={tempting: value})
            if answer.is_success:
                # A route without a body reads none.
                break
            assert said(answer) == (400, "request.malformed")
            assert await everything(desk) == before
        else:
            assert (await desk.approve(proposal)).is_success
        found, proposed = await desk.done(proposal)
        assert found == proposed


async def refused_after(desk: Desk, how: str, code: str) -> None:
    """A proposal ends; an approval afterwards is refused and changes nothing."""
    proposal = await desk.propose()
    await end(desk, proposal, how)
    before = await everything(desk)
    answer = await desk.approve(proposal)
    assert (how, answer.json()["code"]) == (how, code)
    assert answer.status_code in {404, 409, 422}
    assert await everything(desk) == before


@pytest.mark.parametrize("name", sorted(ACTS))
async def test_what_was_refused_withdrawn_or_approved_is_not_approved_any_more_and_nothing_changes(
    fresh_database: FreshDatabase, name: str
) -> None:
    async with ACTS[name].open(fresh_database) as desk:
        for how, code in ACTS[name].ended.items():
            if how != "lapsed":
                await refused_after(desk, how, code)


@pytest.mark.parametrize("name", sorted(name for name, act in ACTS.items() if "lapsed" in act.ended))
async def test_what_nobody_approved_in_time_is_not_approved_any_more_and_nothing_changes(
    fresh_database: FreshDatabase, name: str
) -> None:
    async with ACTS[name].open(fresh_database) as desk:
        await refused_after(desk, "lapsed", ACTS[name].ended["lapsed"])


async def test_an_approval_of_another_version_than_the_one_that_was_shown_is_refused(
    fresh_database: FreshDatabase,
) -> None:
    async with at_settlement(fresh_database) as desk:
        proposal = await desk.propose()
        before = await everything(desk)
        headers = desk.platform.headers(Role.BUREAU_LEAD, service="settlement", account_id=UUID(int=72))
        path = f"/api/settlement/v1/overrides/{proposal}/approve"
        answer = await desk.platform.client.post(path, json={"reason": "同意"}, headers={**headers, "If-Match": '"2"'})
        assert answer.status_code == 412
        assert await everything(desk) == before


# That no act is missing.


@pytest.mark.parametrize("name", sorted(ACTS))
def test_every_act_says_how_it_ends_or_why_it_never_does(name: str) -> None:
    act = ACTS[name]
    assert sorted([*act.ended, *act.never]) == sorted(ENDINGS)


def test_every_table_of_proposals_has_its_act() -> None:
    tables = {
        f"{service.name}.{table.name}"
        for service in SERVICES
        for table in service.metadata.tables.values()
        if PROPOSED_BY & set(table.columns.keys())
    }
    letters = {f"{service.name}.dead_letter" for service in SERVICES}
    assert tables - letters == {act.table for act in ACTS.values()} - letters
    assert letters & {act.table for act in ACTS.values()}, "what the runtime keeps is the same in each service"


def second_of(approval: str) -> str:
    """An operation as every service has it, where it is the runtime's."""
    return approval.replace("voucher POST /dead-letters", "* POST /dead-letters")


@pytest.mark.asyncio(loop_scope="session")
async def test_every_operation_of_a_second_person_has_its_act(estate: Estate) -> None:
    known = {second_of(title) for act in ACTS.values() for title in (act.approval, *act.others)}
    found = {
        operation.title if "/dead-letters" not in operation.path else f"* POST {operation.path}"
        for operation in estate.operations
        if operation.method != "GET" and operation.permissions and operation.permissions & SECOND_ACTS
    }
    assert found - known - REVIEWS.keys() == set()
    assert REVIEWS.keys() - found == set(), "no exception outlives its route"


@pytest.mark.asyncio(loop_scope="session")
async def test_nothing_but_what_is_written_is_done_with_a_proposal(estate: Estate) -> None:
    """A route that rewrites a proposal would change what is approved after it was shown."""
    unknown = {
        operation.title
        for operation in estate.operations
        for act in ACTS.values()
        if operation.method != "GET"
        and operation.title.startswith(act.approval.rpartition("/")[0].split(" ")[0] + " ")
        and operation.path.startswith(act.approval.split(" ")[2].rpartition("/")[0] + "/")
    }
    written = {title for act in ACTS.values() for title in (act.approval, *act.others)}
    assert unknown == written


def test_every_review_names_a_test_that_exists() -> None:
    for test in REVIEWS.values():
        file, _, name = test.partition("::")
        tree = ast.parse((CHECKOUT / file).read_text("utf-8"))
        assert name in {node.name for node in tree.body if isinstance(node, ast.AsyncFunctionDef)}, test


def test_the_command_line_lets_a_second_person_approve_dead_letters_and_nothing_else() -> None:
    seconds = {f"Permission.{permission.name}" for permission in SECOND_ACTS}
    naming = {
        file.name
        for file in (CHECKOUT / "operations").rglob("*.py")
        if any(name in file.read_text("utf-8") for name in seconds)
    }
    assert naming == {"dead_letters.py"}
