"""Voucher's pure rules: the ledger, the queue, eligibility, receipts. No IO, no clock, no SQL."""
