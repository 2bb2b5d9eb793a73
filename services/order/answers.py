"""What the hot routes answer: msgspec, because they are many."""

from datetime import datetime
from uuid import UUID

import msgspec


class OrderAnswer(msgspec.Struct, kw_only=True):
    """An order after a command; `saga` is where its voucher stands, empty without a voucher. Amounts in fen."""

    id: UUID
    number: str
    state: str
    version: int
    saga: str
    year: int
    fee_fen: int
    voucher_fen: int
    own_fen: int
    confirm_due_at: datetime | None = None
    confirmed_at: datetime | None = None
    reason: str = ""
    refusal_code: str = ""
    refusal_article: str = ""
    refusal_detail: str = ""
