"""Voucher's read-only SQL: each list and read is scoped by the caller's role in SQL."""
