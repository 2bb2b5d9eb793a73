"""The commands of sagas about an order's voucher part. A batch costs the same few statements as one command."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import assert_never
from uuid import UUID

from services.voucher.domain import holds as rules
from services.voucher.domain.accounts import Moved, Posting, QuotaAccount
from services.voucher.domain.holds import Hold, HoldLine, LedgerStep
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
HoldCommand = ReleaseVoucher | CommitVoucher | RefundVoucher | ClaimVoucher | UnclaimVoucher | RedeemVoucher
LedgerCommand = HoldVoucher | HoldCommand


class LedgerBatch:
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
        """The account a hold stands on. Raises: HoldAppeared, after which the batch runs again."""
        if hold is None or hold.account_id is None:
            return None
        if hold.account_id not in self._accounts:
            raise store.HoldAppeared("a hold was written after its account was looked up")
        return self._accounts[hold.account_id]

    def keep(self, step: LedgerStep) -> None:
        """Take over what a command came to."""
        self._holds[step.hold.order_id] = step.hold
        if step.account is not None and step.postings:
            self._accounts[step.account.id] = step.account
            self._touched.add(step.account.id)
        self._postings.extend(step.postings)
        self._moved.extend(step.moved)

    def write(self, work: Work) -> None:
        """Write what changed, and tell it."""
        holds = sorted(self._holds.items())
        new = [hold for key, hold in holds if key not in self._stored]
        changed = [
            (before, hold)
            for key, hold in holds
            if (before := self._stored.get(key)) is not None and hold is not before
        ]
        work.update(store.ACCOUNTS, [(self._locked[key], self._accounts[key]) for key in sorted(self._touched)])
        work.update(store.HOLDS, changed)
        work.update(store.HOLD_LINES, [lines for pair in changed for lines in _changed_lines(*pair)])
        work.insert(store.POSTINGS, self._postings)
        work.insert(store.HOLDS, new)
        work.insert(store.HOLD_LINES, [line for hold in new for line in hold.lines])
        store.tell(work, self._moved)


def _changed_lines(before: Hold, after: Hold) -> list[tuple[HoldLine, HoldLine]]:
    pairs = zip(before.lines, after.lines, strict=True)
    return [(was, line) for was, line in pairs if line is not was]


async def run_commands(work: Work, commands: Sequence[LedgerCommand]) -> Outcomes:
    """Run commands of any kind, each on what the commands before it left. Emits voucher.quota_moved for each movement.

    Hold: A18, R67, R24. Release: A20, R72. Commit: A19, R70. Refund: A20, R73, Q5. Claim: A22, R76. Unclaim: Q13.
    Redeem what was paid and take the rest back: A24, Q17.
    """
    orders = [command.order_id for command in commands]
    owners = [(command.enterprise_id, command.year) for command in commands if isinstance(command, HoldVoucher)]
    accounts = await store.lock_accounts_for_orders(work.connection, orders, owners=owners)
    batch = LedgerBatch(accounts, await store.read_holds(work.connection, orders))
    outcomes: list[Reply | Refusal] = []
    for command in commands:
        before = batch.hold_of(command.order_id)
        try:
            step = _step(batch, before, command, work.now)
        except Refusal as refusal:
            if isinstance(command, HoldVoucher) and before is None and refusal.code in REPEATED_REFUSALS:
                kept = rules.refused_hold(command.order_id, refusal)
                batch.keep(LedgerStep(account=None, hold=kept, amount_fen=0))
            outcomes.append(refusal)
        else:
            batch.keep(step)
            outcomes.append(_REPLIES[type(command)](order_id=command.order_id, amount_fen=step.amount_fen))
    batch.write(work)
    return outcomes


_REPLIES: Mapping[type[LedgerCommand], type[VoucherReply]] = {
    HoldVoucher: VoucherHeld,
    ReleaseVoucher: VoucherReleased,
    CommitVoucher: VoucherCommitted,
    RefundVoucher: VoucherRefunded,
    ClaimVoucher: VoucherClaimed,
    UnclaimVoucher: VoucherUnclaimed,
    RedeemVoucher: VoucherRedeemed,
}


def _step(batch: LedgerBatch, hold: Hold | None, command: LedgerCommand, now: datetime) -> LedgerStep:
    """What the rules make of one command. Raises: Refusal."""
    if isinstance(command, HoldVoucher):
        owner = batch.account_of_owner(command.enterprise_id, command.year)
        return rules.place(owner, hold, command=command, now=now)
    return _step_of_hold(batch.account_of_hold(hold), hold, command, now)


def _step_of_hold(account: QuotaAccount | None, hold: Hold | None, command: HoldCommand, now: datetime) -> LedgerStep:
    """What the rules make of a command about a hold that was asked for before. Raises: Refusal."""
    match command:
        case ReleaseVoucher():
            return rules.release(account, hold, order_id=command.order_id, reason=command.reason, now=now)
        case CommitVoucher():
            return rules.commit(account, hold)
        case RefundVoucher():
            return rules.refund(account, hold, lines=command.lines, now=now)
        case ClaimVoucher():
            return rules.claim(account, hold, claim_id=command.claim_id)
        case UnclaimVoucher():
            return rules.unclaim(account, hold, claim_id=command.claim_id)
        case RedeemVoucher():
            return rules.redeem(account, hold, claim_id=command.claim_id, paid_fen=command.paid_fen)
        case _:
            assert_never(command)
