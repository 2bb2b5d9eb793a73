"""The commands of sagas about an order's voucher part. A batch costs the same few statements as one command."""

from collections.abc import Callable, Sequence
from typing import TypeVar
from uuid import UUID

import asyncpg

from services.voucher.domain import holds as rules
from services.voucher.domain.accounts import Moved, Posting, QuotaAccount
from services.voucher.domain.holds import Hold, Step
from services.voucher.domain.refusals import REPEATED_REFUSALS
from services.voucher.store import ledger as store
from shared.contracts.messages.base import Reply
from shared.contracts.messages.voucher import (
    ClaimVoucher,
    CommitVoucher,
    HoldVoucher,
    RedeemVoucher,
    RefundVoucher,
    ReleaseVoucher,
    UnclaimVoucher,
    VoucherClaimed,
    VoucherCommitted,
    VoucherHeld,
    VoucherRedeemed,
    VoucherRefunded,
    VoucherReleased,
    VoucherReply,
    VoucherUnclaimed,
)
from shared.kernel.refusals import Refusal
from shared.runtime.work import Work

Outcomes = Sequence[Reply | Refusal]
OrderCommand = (
    HoldVoucher | ReleaseVoucher | CommitVoucher | RefundVoucher | ClaimVoucher | UnclaimVoucher | RedeemVoucher
)
C = TypeVar("C", bound=OrderCommand)


class Book:
    """Accounts and holds of one batch; each command sees what the commands before it left."""

    def __init__(self, accounts: Sequence[QuotaAccount], holds: dict[UUID, Hold]) -> None:
        self._accounts = {account.id: account for account in accounts}
        self._locked = dict(self._accounts)
        self._holds = holds
        self._stored = dict(holds)
        self._by_owner = {(account.enterprise_id, account.year): account.id for account in accounts}
        self._touched: set[UUID] = set()
        self._postings: list[Posting] = []
        self._moved: list[Moved] = []

    def hold_of(self, order_id: UUID) -> Hold | None:
        """The hold of an order, or None."""
        return self._holds.get(order_id)

    def account_of_owner(self, enterprise_id: UUID, year: int) -> QuotaAccount | None:
        """The account of an enterprise and year, or None."""
        account_id = self._by_owner.get((enterprise_id, year))
        return None if account_id is None else self._accounts[account_id]

    def account_of_hold(self, hold: Hold | None) -> QuotaAccount | None:
        """The account a hold stands on. Raises: SerializationError when the hold appeared after the accounts' lock."""
        if hold is None or hold.account_id is None:
            return None
        if hold.account_id not in self._accounts:
            raise asyncpg.SerializationError("a hold was written after its account was looked up")
        return self._accounts[hold.account_id]

    def keep(self, step: Step) -> None:
        """Take over what a command came to."""
        self._holds[step.hold.order_id] = step.hold
        if step.account is not None and step.postings:
            self._accounts[step.account.id] = step.account
            self._touched.add(step.account.id)
        self._postings.extend(step.postings)
        self._moved.extend(step.moved)

    async def save(self, work: Work) -> None:
        """Write what changed, and tell it."""
        accounts = [(self._locked[key], self._accounts[key]) for key in sorted(self._touched)]
        holds = sorted(self._holds.items())
        kept = store.Kept(
            accounts=accounts,
            postings=self._postings,
            fresh=[hold for key, hold in holds if key not in self._stored],
            changed=[
                (before, hold)
                for key, hold in holds
                if (before := self._stored.get(key)) is not None and hold is not before
            ],
        )
        await store.save(work, kept)
        store.tell(work, self._moved)


async def hold_vouchers(work: Work, commands: Sequence[HoldVoucher]) -> Outcomes:
    """Hold the voucher part of new orders. Emits voucher.quota_moved. Source: A18, R67, R24."""
    owners = [(command.enterprise_id, command.year) for command in commands]
    accounts = await store.lock_accounts_of(work.connection, owners)
    book = Book(accounts, await store.read_holds(work.connection, [command.order_id for command in commands]))
    outcomes: list[Reply | Refusal] = []
    for command in commands:
        before = book.hold_of(command.order_id)
        account = book.account_of_owner(command.enterprise_id, command.year)
        try:
            step = rules.place(account, before, command=command, now=work.now)
        except Refusal as refusal:
            if before is None and refusal.code in REPEATED_REFUSALS:
                kept = rules.refused_hold(command.order_id, refusal)
                book.keep(Step(account=None, hold=kept, amount_fen=0))
            outcomes.append(refusal)
        else:
            book.keep(step)
            outcomes.append(VoucherHeld(order_id=command.order_id, amount_fen=step.amount_fen))
    await book.save(work)
    return outcomes


async def release_vouchers(work: Work, commands: Sequence[ReleaseVoucher]) -> Outcomes:
    """Give holds back. Emits voucher.quota_moved. Source: A20, R72."""

    def rule(account: QuotaAccount | None, hold: Hold | None, command: ReleaseVoucher) -> Step:
        return rules.release(account, hold, order_id=command.order_id, reason=command.reason, now=work.now)

    return await _run(work, commands, rule, VoucherReleased)


async def commit_vouchers(work: Work, commands: Sequence[CommitVoucher]) -> Outcomes:
    """Make holds firm. Emits voucher.quota_moved. Source: A19, R70."""

    def rule(account: QuotaAccount | None, hold: Hold | None, command: CommitVoucher) -> Step:
        del command
        return rules.commit(account, hold)

    return await _run(work, commands, rule, VoucherCommitted)


async def refund_vouchers(work: Work, commands: Sequence[RefundVoucher]) -> Outcomes:
    """Return committed lines. Emits voucher.quota_moved. Source: A20, R73, Q5."""

    def rule(account: QuotaAccount | None, hold: Hold | None, command: RefundVoucher) -> Step:
        return rules.refund(account, hold, lines=command.lines, now=work.now)

    return await _run(work, commands, rule, VoucherRefunded)


async def claim_vouchers(work: Work, commands: Sequence[ClaimVoucher]) -> Outcomes:
    """Lock committed money for claims. Emits voucher.quota_moved. Source: A22, R76."""

    def rule(account: QuotaAccount | None, hold: Hold | None, command: ClaimVoucher) -> Step:
        return rules.claim(account, hold, claim_id=command.claim_id)

    return await _run(work, commands, rule, VoucherClaimed)


async def unclaim_vouchers(work: Work, commands: Sequence[UnclaimVoucher]) -> Outcomes:
    """Take claims' locks away. Emits voucher.quota_moved. Source: Q13."""

    def rule(account: QuotaAccount | None, hold: Hold | None, command: UnclaimVoucher) -> Step:
        return rules.unclaim(account, hold, claim_id=command.claim_id)

    return await _run(work, commands, rule, VoucherUnclaimed)


async def redeem_vouchers(work: Work, commands: Sequence[RedeemVoucher]) -> Outcomes:
    """Redeem what was paid and take the rest back. Emits voucher.quota_moved, once or twice. Source: A24, Q17."""

    def rule(account: QuotaAccount | None, hold: Hold | None, command: RedeemVoucher) -> Step:
        return rules.redeem(account, hold, claim_id=command.claim_id, paid_fen=command.paid_fen)

    return await _run(work, commands, rule, VoucherRedeemed)


async def _run(
    work: Work,
    commands: Sequence[C],
    rule: Callable[[QuotaAccount | None, Hold | None, C], Step],
    reply: type[VoucherReply],
) -> Outcomes:
    """Apply one rule to a batch of commands about known orders."""
    orders = [command.order_id for command in commands]
    accounts = await store.lock_accounts_of_orders(work.connection, orders)
    book = Book(accounts, await store.read_holds(work.connection, orders))
    outcomes: list[Reply | Refusal] = []
    for command in commands:
        hold = book.hold_of(command.order_id)
        try:
            step = rule(book.account_of_hold(hold), hold, command)
        except Refusal as refusal:
            outcomes.append(refusal)
        else:
            book.keep(step)
            outcomes.append(reply(order_id=command.order_id, amount_fen=step.amount_fen))
    await book.save(work)
    return outcomes
