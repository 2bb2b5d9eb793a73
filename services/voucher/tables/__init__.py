"""Voucher's tables. Every CHECK repeats an invariant that the domain rules keep as well."""

from services.voucher.tables.base import METADATA, RUNTIME
from services.voucher.tables.intake import (
    ALLOCATION,
    ALLOCATOR_LEASE,
    APPLICATION,
    INTAKE_COUNTER,
    PARTY,
    PLAN,
    PLAN_INCREASE,
    RECEIPT_KEY,
    RETURNED,
)
from services.voucher.tables.ledger import HOLD, HOLD_LINE, POSTING, QUOTA_ACCOUNT, REVOCATION_CASE
from services.voucher.tables.proofs import PROOF, PROOF_DIFFERENCE, PROOF_RUN, PROVED_ACCOUNT

__all__ = [
    "ALLOCATION",
    "ALLOCATOR_LEASE",
    "APPLICATION",
    "HOLD",
    "HOLD_LINE",
    "INTAKE_COUNTER",
    "METADATA",
    "PARTY",
    "PLAN",
    "PLAN_INCREASE",
    "POSTING",
    "PROOF",
    "PROOF_DIFFERENCE",
    "PROOF_RUN",
    "PROVED_ACCOUNT",
    "QUOTA_ACCOUNT",
    "RECEIPT_KEY",
    "RETURNED",
    "REVOCATION_CASE",
    "RUNTIME",
]
