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

# In the order of a hold's life, because within a batch they are carried out in this order.
SUBSCRIPTIONS: Subscriptions = {
    **dict.fromkeys(ORGANISATION_FACTS, parties.keep_parties),
    HoldVoucher: ledger.hold_vouchers,
    ReleaseVoucher: ledger.release_vouchers,
    CommitVoucher: ledger.commit_vouchers,
    RefundVoucher: ledger.refund_vouchers,
    ClaimVoucher: ledger.claim_vouchers,
    UnclaimVoucher: ledger.unclaim_vouchers,
    RedeemVoucher: ledger.redeem_vouchers,
}
