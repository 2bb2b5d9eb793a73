"""Write SQL of the allocator's earmarks: new accounts and postings, by COPY. All amounts are fen."""

from collections.abc import Sequence
from uuid import UUID

from services.voucher.domain.accounts import QuotaAccount
from services.voucher.domain.allocation_batch import Earmark
from services.voucher.domain.states import LedgerAccount, Movement
from shared.runtime.work import Work

_ACCOUNT_COLUMNS = ("id", "plan_id", "enterprise_id", "year", "region", "cap_fen", "earmarked_fen")
_POSTING_COLUMNS = (
    *("id", "business_key", "quota_account_id", "amount_fen", "application_id", "plan_id", "movement"),
    *("debit_account", "credit_account", "reason", "rule", "pack_version", "at"),
)


async def insert_accounts(work: Work, accounts: Sequence[tuple[QuotaAccount, str]]) -> None:
    """Open quota accounts (each with its region) that hold nothing but an earmark."""
    records = [(a.id, a.plan_id, a.enterprise_id, a.year, region, a.cap_fen, a.earmarked_fen) for a, region in accounts]
    await work.connection.copy_records_to_table("quota_account", records=records, columns=_ACCOUNT_COLUMNS)


async def insert_postings(work: Work, plan_id: UUID, earmarks: Sequence[Earmark]) -> None:
    """Post earmarks; the decision's number makes the business key. Source: R24, A6."""
    common = (
        *(plan_id, Movement.EARMARK.value, LedgerAccount.LEFT.value, LedgerAccount.EARMARKED.value, "allocation", "A6"),
        *(work.pack.version, work.now),
    )
    prefix = f"{plan_id}/"
    records = [
        (work.new_id(), f"{prefix}{number}/earmark", account_id, amount_fen, application_id, *common)
        for account_id, number, amount_fen, application_id in earmarks
    ]
    await work.connection.copy_records_to_table("posting", records=records, columns=_POSTING_COLUMNS)
