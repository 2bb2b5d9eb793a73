"""Revocation of unused quota: one person proposes, another approves. Source: R36, A9."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any
from uuid import UUID

from services.voucher.domain.accounts import PostingPart, QuotaAccount, shift
from services.voucher.domain.allocation import EntryKind, enter
from services.voucher.domain.queue import Plan
from services.voucher.domain.refusals import ProposalDecided, RevocationTooLarge, SamePerson
from services.voucher.domain.states import IncreaseState, LedgerAccount, Movement
from services.voucher.handlers.allocation import wake_allocator
from services.voucher.store import ledger, plans, queue
from shared.kernel.money import Fen, format_yuan
from shared.kernel.proposals import check_in_time, lapses_at
from shared.kernel.refusals import invariant
from shared.runtime.work import Actor, Decision, NotFound, Notice, Work

REVOCATION_TIMER = "revocation_lapses"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposeRevocation:
    """A proposal to take unused quota from an enterprise."""

    enterprise_id: UUID
    year: int
    amount_fen: int
    reason: str
    by: Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class ApproveRevocation:
    """A second person approves a revocation."""

    revocation_id: UUID
    by: Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class RevocationResult:
    """A proposed revocation of unused quota and what became of it."""

    id: UUID
    quota_account_id: UUID
    amount_fen: int
    reason: str
    state: str
    proposed_at: datetime
    ended_reason: str = ""
    ended_at: datetime | None = None
    version: int


async def propose_revocation(work: Work, command: ProposeRevocation) -> RevocationResult:
    """Propose; nothing moves yet. Source: A9. Raises: NotFound, RevocationTooLarge."""
    accounts = await ledger.lock_accounts_of(work.connection, [(command.enterprise_id, command.year)])
    if not accounts:
        raise NotFound
    account = accounts[0]
    _check(account, command.amount_fen)
    values: dict[str, Any] = {
        "id": work.new_id(),
        "quota_account_id": account.id,
        "amount_fen": command.amount_fen,
        "reason": command.reason,
        "state": IncreaseState.PROPOSED.value,
        "proposed_by": command.by.account_id,
        "proposed_at": work.now,
        "version": 1,
    }
    await plans.insert_revocation(work, values)
    work.set_timer(REVOCATION_TIMER, key=values["id"], due_at=lapses_at(work.now))
    _decided(work, values["id"], "propose_revocation", command.by, command.reason)
    return revocation_of(values)


async def approve_revocation(work: Work, command: ApproveRevocation) -> RevocationResult:
    """Available to left while the year is open, else to taken back. Emits voucher.quota_moved. Source: A9, R36.

    Raises: NotFound, SamePerson, ProposalDecided, ProposalLapsed, RevocationTooLarge.
    """
    case = await plans.find_revocation(work.connection, command.revocation_id)
    if case is None:
        raise NotFound
    if case["proposed_by"] == command.by.account_id:
        raise SamePerson
    if case["state"] in {IncreaseState.PROPOSED, IncreaseState.LAPSED}:
        check_in_time(case["proposed_at"], now=work.now)
    plan_id = await ledger.find_plan_of(work.connection, case["quota_account_id"])
    plan = None if plan_id is None else await queue.lock_plan(work.connection, plan_id)
    (account,) = await ledger.lock_accounts(work.connection, [case["quota_account_id"]])
    if not await plans.decide_revocation(work, command.revocation_id, approved_by=command.by.account_id):
        raise ProposalDecided
    invariant(plan is not None, "a quota account has its plan")
    await _move(work, plan, account, case)  # type: ignore[arg-type]
    _decided(work, command.revocation_id, "approve_revocation", command.by, case["reason"])
    work.notify(
        Notice(
            recipient=f"org:{account.enterprise_id}",
            subject_type="revocation",
            subject_id=command.revocation_id,
            event="quota.revoked",
            text=f"贵单位{account.year}年度未使用的云使用券额度{format_yuan(Fen(case['amount_fen']))}元已被收回",
            reason=case["reason"],
            article="A9",
        )
    )
    wake_allocator(work)
    return revocation_of({**case, "state": IncreaseState.APPROVED.value, "version": 2})


def revocation_of(values: Mapping[str, Any]) -> RevocationResult:
    """The answer to an act on a revocation, of its stored values."""
    names = [field.name for field in fields(RevocationResult) if field.name in values]
    return RevocationResult(**{name: values[name] for name in names})


async def _move(work: Work, plan: Plan, account: QuotaAccount, case: Any) -> None:  # noqa: ANN401 - a record
    amount_fen = case["amount_fen"]
    _check(account, amount_fen)
    over = account.year_over(work.now)
    moved = shift(
        account, movement=Movement.REVOKE, debit=LedgerAccount.AVAILABLE,
        credit=LedgerAccount.TAKEN_BACK if over else LedgerAccount.LEFT,
        parts=[PostingPart(f"{case['id']}/revoke", amount_fen)], reason=case["reason"], rule="A9",
    )  # fmt: skip
    ledger.move(work, [(account, moved.account)], moved.postings)
    ledger.tell(work, moved.moved)
    if not over:
        pool, entry = enter(
            plan.pool(), kind=EntryKind.REVOKE, amount_fen=amount_fen, enterprise_id=account.enterprise_id
        )
        await queue.insert_entries(work, plan, [entry])
        after = plan.after(pool)
        await queue.save_plan(work, after)


def _check(account: QuotaAccount, amount_fen: int) -> None:
    if amount_fen > account.available_fen:
        raise RevocationTooLarge(available_fen=account.available_fen, amount_fen=amount_fen)


def _decided(work: Work, case_id: UUID, act: str, by: Actor, ground: str) -> None:
    work.decide(Decision(subject_type="revocation", subject_id=case_id, act=act, by=by, rule="A9", ground=ground))
