"""Yearly plans: drafted and approved by two persons of the bureau, published by the operator, raised by two persons."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any
from uuid import UUID

from services.voucher.domain.accounts import Posting
from services.voucher.domain.allocation import EntryKind, Pool, enter
from services.voucher.domain.refusals import (
    PlanExists,
    PlanOpensOutsideYear,
    PlanStateWrong,
    PlanTooLarge,
    PlanYearOver,
    ProposalDecided,
    SamePerson,
)
from services.voucher.domain.states import PLAN_MOVES, IncreaseState, LedgerAccount, Movement, PlanState
from services.voucher.handlers.allocation import wake_allocator
from services.voucher.store import ledger, plans, queue
from shared.contracts.messages.voucher import PlanApproved, PlanDrafted, PlanIncreased, PlanPublished, PlanWithdrawn
from shared.kernel.calendar import business_year, day_closes_at, year_closes_at
from shared.kernel.ids import made_at
from shared.kernel.money import MAX_FEN
from shared.kernel.proposals import LAPSE_REASON, check_in_time, lapsed_before, lapses_at
from shared.runtime.work import SYSTEM, Actor, Decision, NotFound, Notice, Work

YEAR_END_TIMER = "voucher.year_end"
DRAFT_TIMER = "plan_draft_lapses"
INCREASE_TIMER = "plan_increase_lapses"


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftPlan:
    """The bureau drafts the plan of a year. `lane_share_bp` None takes the pack's."""

    year: int
    total_fen: int
    lane_share_bp: int | None
    opens_at: datetime
    by: Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class DecidePlan:
    """The next step of a plan: approve or publish."""

    plan_id: UUID
    by: Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftIncrease:
    """The bureau drafts more money for a published plan."""

    plan_id: UUID
    amount_fen: int
    reason: str
    by: Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class ApproveIncrease:
    """A second person of the bureau approves an increase."""

    increase_id: UUID
    by: Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanResult:
    """A year's issue plan; `ended_reason` is why a draft was refused or withdrawn. Source: A15, R14."""

    id: UUID
    year: int
    state: str
    total_fen: int
    left_fen: int
    earmarked_fen: int
    lane_share_bp: int
    lane_left_fen: int
    lane_until: datetime | None
    cap_fen: int
    opens_at: datetime
    closes_at: datetime
    ended_reason: str
    pack_version: str
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class IncreaseResult:
    """A proposed increase of a plan and what became of it; `ended_reason` is why it was refused or withdrawn."""

    id: UUID
    plan_id: UUID
    amount_fen: int
    reason: str
    state: str
    drafted_at: datetime
    ended_reason: str = ""
    ended_at: datetime | None = None
    version: int


async def draft_plan(work: Work, command: DraftPlan) -> PlanResult:
    """Draft the year's only plan. Emits voucher.plan_drafted. Source: A15, R26.

    Raises: PlanYearOver, PlanOpensOutsideYear, PlanExists.
    """
    closes_at = year_closes_at(command.year)
    if command.year < business_year(work.now):
        raise PlanYearOver(year=command.year)
    if business_year(command.opens_at) != command.year:
        raise PlanOpensOutsideYear(year=command.year, pointer="/opens_at")
    await _make_room(work, command.year)
    lane = work.pack.priority_lane
    share_bp = lane.share_bp if command.lane_share_bp is None else command.lane_share_bp
    plan_id = work.new_id()
    values: dict[str, Any] = {
        "id": plan_id,
        "year": command.year,
        "state": PlanState.DRAFT.value,
        "total_fen": command.total_fen,
        "lane_share_bp": share_bp,
        "lane_until": day_closes_at(lane.until) if lane.until else (closes_at if share_bp else None),
        "cap_fen": work.pack.cap_fen,
        "opens_at": command.opens_at,
        "closes_at": closes_at,
        "drafted_by": command.by.account_id,
        "pack_version": work.pack.version,
        "version": 1,
    }
    await plans.insert_plan(work, values)
    work.set_timer(DRAFT_TIMER, key=plan_id, due_at=lapses_at(made_at(plan_id)))
    work.emit(PlanDrafted(version=1, plan_id=plan_id, year=command.year, total_fen=command.total_fen))
    _decided(work, plan_id, "draft", command.by, after=PlanState.DRAFT)
    return await _result(work, plan_id)


async def _make_room(work: Work, year: int) -> None:
    """Give a draft up that nobody approved in time; the year may have another one. Raises: PlanExists.

    Emits voucher.plan_withdrawn.
    """
    plan_id = await plans.plan_of_year(work.connection, year)
    if plan_id is None:
        return
    row = await lock(work, plan_id)
    if row["state"] != PlanState.DRAFT or made_at(plan_id) > lapsed_before(work.now):
        raise PlanExists(year=year)
    await give_up(work, row)


async def give_up(work: Work, row: Any) -> None:  # noqa: ANN401 - a record
    """Withdraw a locked draft that nobody approved in time. Emits voucher.plan_withdrawn."""
    ended = {"ended_reason": LAPSE_REASON, "ended_at": work.now}
    await advance(work, row, PlanState.WITHDRAWN, SYSTEM, PlanWithdrawn, ended, ground="lapsed")


async def approve_plan(work: Work, command: DecidePlan) -> PlanResult:
    """A second person approves. Emits voucher.plan_approved. Source: A15, R8.

    Raises: SamePerson, ProposalLapsed, PlanStateWrong, PlanYearOver.
    """
    row = await lock(work, command.plan_id)
    if work.now >= row["closes_at"]:
        raise PlanYearOver(year=row["year"])
    if row["drafted_by"] == command.by.account_id:
        raise SamePerson
    if row["state"] == PlanState.DRAFT:
        check_in_time(made_at(command.plan_id), now=work.now)
    return await advance(
        work, row, PlanState.APPROVED, command.by, PlanApproved, {"approved_by": command.by.account_id}
    )


async def publish_plan(work: Work, command: DecidePlan) -> PlanResult:
    """The operator publishes; from `opens_at` on applications are taken. Source: A15, R14, R26.

    Emits voucher.plan_published. Raises: PlanStateWrong, PlanYearOver.
    """
    row = await lock(work, command.plan_id)
    if work.now >= row["closes_at"]:
        raise PlanYearOver(year=row["year"])

    def published(**identity: Any) -> PlanPublished:  # noqa: ANN401 - the identity of a plan's fact
        return PlanPublished(**identity, opens_at=row["opens_at"], closes_at=row["closes_at"])

    empty = Pool(left_fen=0, lane_left_fen=0, cap_fen=row["cap_fen"], last_decision_no=0, decided_to=0)
    pool, entry = enter(empty, kind=EntryKind.OPEN, amount_fen=row["total_fen"], lane_share_bp=row["lane_share_bp"])
    changes = {
        "left_fen": pool.left_fen,
        "lane_left_fen": pool.lane_left_fen,
        "last_decision_no": pool.last_decision_no,
        "pack_version": work.pack.version,
    }
    await advance(work, row, PlanState.PUBLISHED, command.by, published, changes)
    await plans.open_counter(work, command.plan_id)
    plan = await queue.lock_plan(work.connection, command.plan_id)
    if plan is not None:
        await queue.insert_entries(work, plan, [entry])
    _post(work, command.plan_id, Movement.OPEN, f"{command.plan_id}/open", row["total_fen"], "plan")
    work.set_timer(YEAR_END_TIMER, key=command.plan_id, due_at=row["closes_at"])
    return await _result(work, command.plan_id)


async def draft_increase(work: Work, command: DraftIncrease) -> IncreaseResult:
    """Propose more money for a published plan. Source: A15. Raises: PlanStateWrong, PlanYearOver, PlanTooLarge."""
    row = await lock(work, command.plan_id)
    if row["state"] != PlanState.PUBLISHED:
        raise PlanStateWrong(state=row["state"])
    if work.now >= row["closes_at"]:
        raise PlanYearOver(year=row["year"])
    if row["total_fen"] + command.amount_fen > MAX_FEN:
        raise PlanTooLarge
    values: dict[str, Any] = {
        "id": work.new_id(),
        "plan_id": command.plan_id,
        "amount_fen": command.amount_fen,
        "reason": command.reason,
        "state": IncreaseState.PROPOSED.value,
        "drafted_by": command.by.account_id,
        "drafted_at": work.now,
        "version": 1,
    }
    await plans.insert_increase(work, values)
    work.set_timer(INCREASE_TIMER, key=values["id"], due_at=lapses_at(work.now))
    _decided(work, command.plan_id, "propose_increase", command.by, ground=command.reason)
    return increase_of(values)


async def approve_increase(work: Work, command: ApproveIncrease) -> IncreaseResult:
    """Raise the plan; the waiting list is served first. Emits voucher.plan_increased. Source: A15, Q3.

    Raises: SamePerson, ProposalDecided, ProposalLapsed, PlanStateWrong, PlanYearOver.
    """
    found = await plans.find_increase(work.connection, command.increase_id)
    if found is None:
        raise NotFound
    if found["drafted_by"] == command.by.account_id:
        raise SamePerson
    plan = await queue.lock_plan(work.connection, found["plan_id"])
    if plan is None or plan.state is not PlanState.PUBLISHED:
        raise PlanStateWrong(state="" if plan is None else plan.state.value)
    if work.now >= plan.closes_at:
        raise PlanYearOver(year=plan.year)
    if found["state"] in {IncreaseState.PROPOSED, IncreaseState.LAPSED}:
        check_in_time(found["drafted_at"], now=work.now)
    if not await plans.decide_increase(work, command.increase_id, approved_by=command.by.account_id):
        raise ProposalDecided
    amount_fen = found["amount_fen"]
    pool, entry = enter(plan.pool(), kind=EntryKind.INCREASE, amount_fen=amount_fen)
    after = plan.after(pool, total_fen=plan.total_fen + amount_fen, version=plan.version + 1)
    await queue.insert_entries(work, plan, [entry])
    await queue.save_plan(work, after)
    _post(work, plan.id, Movement.INCREASE, f"{command.increase_id}/increase", amount_fen, found["reason"])
    work.emit(PlanIncreased(version=after.version, plan_id=plan.id, year=plan.year, total_fen=after.total_fen))
    _decided(work, plan.id, "approve_increase", command.by, ground=found["reason"])
    wake_allocator(work)
    values = {**found, "state": IncreaseState.APPROVED, "approved_by": command.by.account_id, "version": 2}
    return increase_of(values)


def increase_of(values: Mapping[str, Any]) -> IncreaseResult:
    """The answer to an act on an increase, of its stored values; those it has no column for keep their defaults."""
    names = [field.name for field in fields(IncreaseResult) if field.name in values]
    return IncreaseResult(**{name: values[name] for name in names})


async def lock(work: Work, plan_id: UUID) -> Any:  # noqa: ANN401 - a record
    """The whole row of a plan, locked. Raises: NotFound."""
    row = await plans.lock_plan_row(work.connection, plan_id)
    if row is None:
        raise NotFound
    return row


async def advance(  # noqa: PLR0913, PLR0917 - one step of a plan
    work: Work,
    row: Any,  # noqa: ANN401 - a record
    after: PlanState,
    by: Actor,
    fact: Callable[..., Any],
    changes: dict[str, Any],
    ground: str = "",
) -> PlanResult:
    """Take one step of a locked plan, say its fact and record who decided. Raises: PlanStateWrong."""
    before = PlanState(row["state"])
    if not PLAN_MOVES.allows(before, after):
        raise PlanStateWrong(state=before.value)
    version = row["version"] + 1
    await plans.update_plan(work, row["id"], {"state": after.value, "version": version, **changes})
    work.emit(fact(version=version, plan_id=row["id"], year=row["year"], total_fen=row["total_fen"]))
    _decided(work, row["id"], after.value, by, ground=ground, before=before, after=after)
    return await _result(work, row["id"])


def _decided(  # noqa: PLR0913 - the parts of a decision
    work: Work, plan_id: UUID, act: str, by: Actor, *, ground: str = "", before: str = "", after: str = ""
) -> None:
    work.decide(
        Decision(
            subject_type="plan", subject_id=plan_id, act=act, by=by, rule="A15", ground=ground,
            before=str(before), after=str(after),
        )
    )  # fmt: skip
    if after == PlanState.DRAFT:
        text = "有新的年度发放计划草案待审批"
        work.notify(
            Notice(
                recipient="role:bureau_lead", subject_type="plan", subject_id=plan_id, event="plan.drafted",
                text=text, article="A15",
            )
        )  # fmt: skip


def _post(  # noqa: PLR0913, PLR0917 - the parts of a posting
    work: Work, plan_id: UUID, movement: Movement, key: str, amount_fen: int, reason: str
) -> None:
    posting = Posting(
        business_key=key,
        plan_id=plan_id,
        account_id=None,
        movement=movement,
        debit=LedgerAccount.TOTAL,
        credit=LedgerAccount.LEFT,
        amount_fen=amount_fen,
        reason=reason,
        rule="A15",
    )
    ledger.move(work, [], [posting])


async def _result(work: Work, plan_id: UUID) -> PlanResult:
    row = await lock(work, plan_id)
    return PlanResult(**{field.name: row[field.name] for field in fields(PlanResult)})
