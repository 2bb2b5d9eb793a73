"""Voucher's rows as values: one quota account, its postings and its holds, moved by the pure rules alone."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import msgspec

from services.voucher.domain import holds as ledger
from services.voucher.domain.accounts import Posting, PostingPart, QuotaAccount, shift
from services.voucher.domain.holds import Hold
from services.voucher.domain.refusals import REPEATED_REFUSALS
from services.voucher.domain.states import LedgerAccount, Movement
from shared.contracts.messages.base import Command, Reply
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
    VoucherUnclaimed,
)
from shared.kernel.refusals import Refusal, invariant

YEAR = 2030
GRANTED_FEN = 100
ENTERPRISE = UUID(int=1)
OPENED = QuotaAccount(
    id=UUID(int=3),
    plan_id=UUID(int=4),
    enterprise_id=ENTERPRISE,
    year=YEAR,
    cap_fen=GRANTED_FEN,
    granted_fen=GRANTED_FEN,
    available_fen=GRANTED_FEN,
)


@dataclass
class PureLedger:
    """The voucher service's part of the pure world."""

    account: QuotaAccount = OPENED
    postings: dict[str, Posting] = field(default_factory=dict)
    holds: dict[UUID, Hold] = field(default_factory=dict)

    def recover(self) -> None:
        """Take back what is available at the end of the year, once."""
        if self.account.closed:
            return
        part = PostingPart(f"{self.account.id}/recover", self.account.available_fen)
        moved = shift(
            self.account,
            movement=Movement.RECOVER,
            debit=LedgerAccount.AVAILABLE,
            credit=LedgerAccount.TAKEN_BACK,
            parts=[part],
            reason="year_end",
            rule="Q5",
        )
        self._post(msgspec.structs.replace(moved.account, closed=True), moved.postings)

    def obey(self, command: Command, *, now: datetime) -> Reply:  # noqa: PLR0911 - one for each command
        """Carry out a command as the handler does, one at a time. Raises: Refusal."""
        order_id: UUID = command.order_id  # type: ignore[attr-defined] # every voucher command names its order
        hold = self.holds.get(order_id)
        account = self.account if hold is not None and hold.account_id is not None else None
        match command:
            case HoldVoucher():
                return self._hold(command, hold, now=now)
            case ReleaseVoucher(reason=reason):
                made = ledger.release(account, hold, order_id=order_id, reason=reason, now=now)
                return VoucherReleased(order_id=order_id, amount_fen=self._take(made))
            case CommitVoucher():
                return VoucherCommitted(order_id=order_id, amount_fen=self._take(ledger.commit(account, hold)))
            case RefundVoucher(lines=lines):
                made = ledger.refund(account, hold, lines=lines, now=now)
                return VoucherRefunded(order_id=order_id, amount_fen=self._take(made))
            case ClaimVoucher(claim_id=claim_id):
                return VoucherClaimed(
                    order_id=order_id, amount_fen=self._take(ledger.claim(account, hold, claim_id=claim_id))
                )
            case UnclaimVoucher(claim_id=claim_id):
                return VoucherUnclaimed(
                    order_id=order_id, amount_fen=self._take(ledger.unclaim(account, hold, claim_id=claim_id))
                )
            case RedeemVoucher(claim_id=claim_id, paid_fen=paid_fen):
                made = ledger.redeem(account, hold, claim_id=claim_id, paid_fen=paid_fen)
                return VoucherRedeemed(order_id=order_id, amount_fen=self._take(made))
        raise AssertionError(f"voucher does not know {command}")

    def _hold(self, command: HoldVoucher, hold: Hold | None, *, now: datetime) -> Reply:
        try:
            made = ledger.place(self.account, hold, command=command, now=now)
        except Refusal as refusal:
            if hold is None and refusal.code in REPEATED_REFUSALS:
                self.holds[command.order_id] = ledger.refused_hold(command.order_id, refusal)
            raise
        return VoucherHeld(order_id=command.order_id, amount_fen=self._take(made))

    def _take(self, made: ledger.LedgerStep) -> int:
        self.holds[made.hold.order_id] = made.hold
        if made.postings:
            invariant(made.account is not None, "a posting has its account")
            self._post(made.account or self.account, made.postings)
        return made.amount_fen

    def _post(self, account: QuotaAccount, postings: Sequence[Posting]) -> None:
        for posting in postings:
            assert posting.business_key not in self.postings, f"I7: {posting.business_key} moved money twice"
            self.postings[posting.business_key] = posting
        self.account = account
