"""Voucher: yearly plans, the intake queue, grants, quota accounts, the ledger, year-end recovery.

Owns: plan, intake_counter, application, allocation, quota_account, hold, hold_line, posting, revocation_case, and a
local copy of the parties. It arbitrates two questions: is there money, and who came first.

Messages in: identity's organisation facts; the commands voucher.hold, release, commit, refund, claim, unclaim, redeem.
Messages out: the facts of voucher.plan, voucher.application and voucher.account; the replies to those commands.
"""
