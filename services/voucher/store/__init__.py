"""Voucher's write SQL: rows are locked in the order counter, plan, accounts by id, holds; hot paths take arrays."""
