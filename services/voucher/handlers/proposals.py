"""Ending what was proposed and not approved: the second person refuses, the first withdraws, or its time passes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from services.voucher.domain.refusals import NotProposer, ProposalDecided, SamePerson
from services.voucher.domain.states import IncreaseState, PlanState
from services.voucher.handlers.plans import (
    DRAFT_TIMER,
    INCREASE_TIMER,
    IncreaseResult,
    PlanResult,
    advance,
    give_up,
    increase_of,
    lock,
)
from services.voucher.handlers.revocations import REVOCATION_TIMER, RevocationResult, revocation_of
from services.voucher.store import plans, queue
from shared.contracts.messages.voucher import PlanRefused, PlanWithdrawn
from shared.kernel.ids import made_at
from shared.kernel.proposals import LAPSE_REASON, lapse_text, lapsed_before, lapses_at
from shared.runtime.work import SYSTEM, Actor, Decision, NotFound, Notice, Work


@dataclass(frozen=True, slots=True, kw_only=True)
class EndProposal:
    """Refuse a proposal as a second person, or with `withdraw` take one's own back."""

    subject_id: UUID
    withdraw: bool
    reason: str
    by: Actor


async def end_plan(work: Work, command: EndProposal) -> PlanResult:
    """Refuse a draft, or withdraw a plan that is not published; the year may be given another one. Source: A15, R8.

    Emits voucher.plan_refused or voucher.plan_withdrawn. Raises: NotFound, SamePerson, NotProposer, PlanStateWrong.
    """
    row = await lock(work, command.subject_id)
    _check_person(command, row["drafted_by"])
    after, fact = (PlanState.WITHDRAWN, PlanWithdrawn) if command.withdraw else (PlanState.REFUSED, PlanRefused)
    result = await advance(work, row, after, command.by, fact, _ending(work, command), ground=command.reason)
    _tell(work, command, row["drafted_by"], subject_type="plan", what=_plan_of(row), article="A15")
    return result


async def end_increase(work: Work, command: EndProposal) -> IncreaseResult:
    """Refuse or withdraw a proposed increase; the plan stays as it is. Source: A15, R8.

    Raises: NotFound, SamePerson, NotProposer, ProposalDecided.
    """
    found = await plans.find_increase(work.connection, command.subject_id)
    if found is None:
        raise NotFound
    _check_person(command, found["drafted_by"])
    await queue.lock_plan(work.connection, found["plan_id"])
    values = {"state": _state(command), **_ending(work, command)}
    if not await plans.end_increase(work, command.subject_id, values):
        raise ProposalDecided
    _decide(work, command, subject_type="plan", subject_id=found["plan_id"], what="increase", rule="A15")
    _tell(work, command, found["drafted_by"], subject_type="plan_increase", what="发放计划追加提议", article="A15")
    return increase_of({**found, **values, "version": 2})


async def end_revocation(work: Work, command: EndProposal) -> RevocationResult:
    """Refuse or withdraw a proposed revocation; nothing moves. Source: A9, R8, R36.

    Raises: NotFound, SamePerson, NotProposer, ProposalDecided.
    """
    case = await plans.find_revocation(work.connection, command.subject_id)
    if case is None:
        raise NotFound
    _check_person(command, case["proposed_by"])
    values = {"state": _state(command), **_ending(work, command)}
    if not await plans.end_revocation(work, command.subject_id, values):
        raise ProposalDecided
    _decide(work, command, subject_type="revocation", subject_id=command.subject_id, what="revocation", rule="A9")
    _tell(work, command, case["proposed_by"], subject_type="revocation", what="收回额度提议", article="A9")
    return revocation_of({**case, **values, "version": 2})


async def lapse_late_plans(work: Work, keys: Sequence[UUID]) -> None:
    """Withdraw drafts that nobody approved in time. Emits voucher.plan_withdrawn. Source: A15, R8."""
    for plan_id in sorted(keys):
        row = await lock(work, plan_id)
        if row["state"] != PlanState.DRAFT:
            continue
        if made_at(plan_id) > lapsed_before(work.now):
            work.set_timer(DRAFT_TIMER, key=plan_id, due_at=lapses_at(made_at(plan_id)))
            continue
        await give_up(work, row)
        _tell_lapsed(work, plan_id, row["drafted_by"], subject_type="plan", what=_plan_of(row), article="A15")


async def lapse_late_increases(work: Work, keys: Sequence[UUID]) -> None:
    """End proposed increases that nobody approved in time; the plan stays as it is. Source: A15, R8."""
    for increase_id in sorted(keys):
        found = await plans.find_increase(work.connection, increase_id)
        if found is None:
            continue
        if found["drafted_at"] > lapsed_before(work.now):
            work.set_timer(INCREASE_TIMER, key=increase_id, due_at=lapses_at(found["drafted_at"]))
            continue
        await queue.lock_plan(work.connection, found["plan_id"])
        if await plans.end_increase(work, increase_id, _lapsing(work)):
            _decide_lapse(work, subject_type="plan", subject_id=found["plan_id"], act="lapse_increase", rule="A15")
            what = "发放计划追加提议"
            _tell_lapsed(work, increase_id, found["drafted_by"], subject_type="plan_increase", what=what, article="A15")


async def lapse_late_revocations(work: Work, keys: Sequence[UUID]) -> None:
    """End proposed revocations that nobody approved in time; nothing moves. Source: A9, R8."""
    for case_id in sorted(keys):
        case = await plans.find_revocation(work.connection, case_id)
        if case is None:
            continue
        if case["proposed_at"] > lapsed_before(work.now):
            work.set_timer(REVOCATION_TIMER, key=case_id, due_at=lapses_at(case["proposed_at"]))
            continue
        if await plans.end_revocation(work, case_id, _lapsing(work)):
            _decide_lapse(work, subject_type="revocation", subject_id=case_id, act="lapse", rule="A9")
            _tell_lapsed(
                work, case_id, case["proposed_by"], subject_type="revocation", what="收回额度提议", article="A9"
            )


def _plan_of(row: Any) -> str:  # noqa: ANN401 - a record
    return f"{row['year']}年度发放计划草案"


def _lapsing(work: Work) -> dict[str, Any]:
    return {"state": IncreaseState.LAPSED.value, "ended_reason": LAPSE_REASON, "ended_at": work.now}


def _decide_lapse(work: Work, *, subject_type: str, subject_id: UUID, act: str, rule: str) -> None:
    work.decide(
        Decision(
            subject_type=subject_type,
            subject_id=subject_id,
            act=act,
            by=SYSTEM,
            rule=rule,
            ground=LAPSE_REASON,
            before=IncreaseState.PROPOSED.value,
            after=IncreaseState.LAPSED.value,
        )
    )


def _tell_lapsed(  # noqa: PLR0913 - the parts of a notice
    work: Work, subject_id: UUID, first: UUID | None, *, subject_type: str, what: str, article: str
) -> None:
    if first is not None:
        work.notify(
            Notice(
                recipient=f"account:{first}",
                subject_type=subject_type,
                subject_id=subject_id,
                event="proposal.lapsed",
                text=lapse_text(what),
                reason=LAPSE_REASON,
                article=article,
            )
        )


def _check_person(command: EndProposal, first: UUID | None) -> None:
    """The first person withdraws, another one refuses. Raises: SamePerson, NotProposer."""
    own = first == command.by.account_id
    if command.withdraw and not own:
        raise NotProposer
    if not command.withdraw and own:
        raise SamePerson


def _state(command: EndProposal) -> str:
    return (IncreaseState.WITHDRAWN if command.withdraw else IncreaseState.REFUSED).value


def _ending(work: Work, command: EndProposal) -> dict[str, Any]:
    return {"ended_by": command.by.account_id, "ended_reason": command.reason, "ended_at": work.now}


def _decide(work: Work, command: EndProposal, *, subject_type: str, subject_id: UUID, what: str, rule: str) -> None:  # noqa: PLR0913 - the parts of a decision
    act = f"{'withdraw' if command.withdraw else 'refuse'}_{what}"
    work.decide(
        Decision(
            subject_type=subject_type,
            subject_id=subject_id,
            act=act,
            by=command.by,
            rule=rule,
            ground=command.reason,
            before=IncreaseState.PROPOSED.value,
            after=_state(command),
        )
    )


def _tell(  # noqa: PLR0913 - the parts of a notice
    work: Work, command: EndProposal, first: UUID | None, *, subject_type: str, what: str, article: str
) -> None:
    """Whoever proposed it learns that it was refused, and why."""
    if command.withdraw or first is None:
        return
    work.notify(
        Notice(
            recipient=f"account:{first}",
            subject_type=subject_type,
            subject_id=command.subject_id,
            event="proposal.refused",
            text=f"您提出的{what}未获批准：{command.reason}",
            reason=command.reason,
            article=article,
        )
    )
