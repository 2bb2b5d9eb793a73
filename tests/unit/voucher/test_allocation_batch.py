"""A batch of the allocator is decided without a database: the waiting list first, and each fen is booked once."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

import msgspec
import pytest

from services.voucher.domain.accounts import QuotaAccount
from services.voucher.domain.allocation import EntryKind
from services.voucher.domain.allocation_batch import CAP_USED, AllocationBatch, after_decision
from services.voucher.domain.queue import Application, Plan, QueuedTicket
from services.voucher.domain.states import ApplicationState, PlanState

NOW = datetime(2030, 2, 4, tzinfo=UTC)
DUE = NOW + timedelta(days=7)
PLAN, ANNA, BEN = UUID(int=1), UUID(int=11), UUID(int=12)


def a_plan(**changes: Any) -> Plan:
    """A published plan with 100 fen left of 100, and a cap of 60."""
    plan = Plan(
        id=PLAN, year=2030, state=PlanState.PUBLISHED, total_fen=100, left_fen=100, earmarked_fen=0, lane_left_fen=0,
        lane_share_bp=0, lane_until=None, cap_fen=60, closes_at=NOW + timedelta(days=300), pack_version="1",
        decided_to=0, last_decision_no=1, allocator_epoch=1, version=3,
    )  # fmt: skip
    changed: Plan = msgspec.structs.replace(plan, **changes)
    return changed


def a_new_ticket(number: int, owner: UUID, asked_fen: int) -> QueuedTicket:
    """A ticket without a decision."""
    return QueuedTicket(number, owner, asked_fen, False, UUID(int=100 + number), "520100", None)  # noqa: FBT003 - columns in their order


def a_waiting(number: int, owner: UUID, waiting_fen: int, *, earmarked_fen: int = 0) -> Application:
    """An application that waits for some of what it asked for."""
    return Application(
        id=UUID(int=100 + number), plan_id=PLAN, year=2030, ticket_no=number, enterprise_id=owner, region="520100",
        listed=False, requested_fen=60, state=ApplicationState.WAITING, earmarked_fen=earmarked_fen, granted_fen=0,
        waiting_fen=waiting_fen, code="", reason="", decided_at=NOW, review_due_at=None, version=1,
    )  # fmt: skip


def an_account(owner: UUID, *, earmarked_fen: int) -> QuotaAccount:
    """The account of an enterprise that has an earmark."""
    return QuotaAccount(
        id=UUID(int=1_000), plan_id=PLAN, enterprise_id=owner, year=2030, cap_fen=60, earmarked_fen=earmarked_fen
    )


def ids() -> Callable[[], UUID]:
    """Ids in order."""
    numbers = count(5_000)
    return lambda: UUID(int=next(numbers))


@pytest.mark.requirement("R25")
def test_the_waiting_list_is_served_before_new_tickets_and_every_fen_is_booked_once() -> None:
    plan = a_plan(left_fen=50, earmarked_fen=50, decided_to=1, last_decision_no=2)
    batch = AllocationBatch(plan, now=NOW, new_id=ids())
    waiting = [a_waiting(1, ANNA, 10, earmarked_fen=50)]
    batch.decide([an_account(ANNA, earmarked_fen=50)], waiting, [a_new_ticket(2, BEN, 60)])
    assert [(e.kind, e.ticket_no, e.amount_fen, e.waiting_fen) for e in batch.entries()] == [
        (EntryKind.WAITING, 1, 10, 0),
        (EntryKind.TICKET, 2, 40, 20),
    ]
    ((before, after),) = batch.changed_accounts()
    ((opened, region),) = batch.opened_accounts()
    assert (before.earmarked_fen, after.earmarked_fen) == (50, 60)
    assert (opened.enterprise_id, opened.earmarked_fen, region) == (BEN, 40, "520100")
    assert [(e.account_id, e.amount_fen) for e in batch.earmarks] == [(before.id, 10), (opened.id, 40)]
    left = batch.plan_after()
    assert (left.left_fen, left.earmarked_fen, left.decided_to, left.last_decision_no) == (0, 100, 2, 4)


def test_an_account_that_a_batch_opened_is_not_written_as_a_changed_one_too() -> None:
    batch = AllocationBatch(a_plan(), now=NOW, new_id=ids())
    batch.decide([], [], [a_new_ticket(1, ANNA, 20), a_new_ticket(2, ANNA, 20)])
    assert [account.earmarked_fen for account, _ in batch.opened_accounts()] == [40]
    assert batch.changed_accounts() == []


def test_the_lane_ends_with_the_first_batch_after_its_time() -> None:
    lane = a_plan(lane_left_fen=30, lane_until=NOW)
    early = AllocationBatch(lane, now=NOW - timedelta(seconds=1), new_id=ids())
    assert (early.entries(), early.plan_after().lane_left_fen) == ([], 30)
    ended = AllocationBatch(lane, now=NOW, new_id=ids())
    assert [entry.kind for entry in ended.entries()] == [EntryKind.LANE_END]
    assert (ended.only_listed, ended.plan_after().lane_left_fen) == (False, 0)


@pytest.mark.parametrize(
    ("waiting_fen", "left_fen", "account_fen", "state", "code"),
    [
        pytest.param(20, 100, 40, ApplicationState.EARMARKED, "", id="all of it"),
        pytest.param(20, 15, 40, ApplicationState.WAITING, "", id="some of it"),
        pytest.param(20, 100, 60, ApplicationState.CLOSED, CAP_USED, id="nothing, as the cap is used"),
    ],
)
def test_an_application_that_waited_is_as_its_decision_says(
    waiting_fen: int, left_fen: int, account_fen: int, state: ApplicationState, code: str
) -> None:
    batch = AllocationBatch(a_plan(left_fen=left_fen), now=NOW, new_id=ids())
    waiting = a_waiting(1, ANNA, waiting_fen)
    batch.decide([an_account(ANNA, earmarked_fen=account_fen)], [waiting], [])
    after = after_decision(waiting, batch.served[0], now=NOW, review_due_at=DUE)
    assert (after.state, after.code, after.version) == (state, code, 2)
    assert after.review_due_at == (DUE if after.earmarked_fen else None)
