"""What the voucher service listens to, and who handles it."""

from services.voucher.handlers import ledger, parties
from shared.contracts.messages.identity import ORGANISATION_FACTS
from shared.contracts.messages.voucher import (
    ClaimVoucher,
    CommitVoucher,
    HoldVoucher,
    RedeemVoucher,
    RefundVoucher,
    ReleaseVoucher,
    UnclaimVoucher,
)
from shared.runtime.service import Subscriptions

COMMANDS = (
    HoldVoucher,
    ReleaseVoucher,
    CommitVoucher,
    RefundVoucher,
    ClaimVoucher,
    UnclaimVoucher,
    RedeemVoucher,
)

SUBSCRIPTIONS: Subscriptions = {
    **dict.fromkeys(ORGANISATION_FACTS, parties.keep_parties),
    **dict.fromkeys(COMMANDS, ledger.run_commands),
}
