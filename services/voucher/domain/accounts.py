"""A quota account, its balances, and the postings that change them. All amounts are fen."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from services.voucher.domain.states import LedgerAccount, Movement
from shared.kernel.calendar import year_closes_at
from shared.kernel.refusals import invariant


class QuotaAccount(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One enterprise's quota of one year. `closed` is set once its unused quota was taken back."""

    id: UUID
    plan_id: UUID
    enterprise_id: UUID
    year: int
    cap_fen: int
    granted_fen: int = 0
    revoked_fen: int = 0
    earmarked_fen: int = 0
    available_fen: int = 0
    held_fen: int = 0
    committed_fen: int = 0
    claimed_fen: int = 0
    redeemed_fen: int = 0
    taken_back_fen: int = 0
    closed: bool = False
    version: int = 0

    def year_over(self, now: datetime) -> bool:
        """Whether returned money is taken back instead of becoming available. Source: Q5, R36."""
        return self.closed or now >= year_closes_at(self.year)

    @property
    def used_fen(self) -> int:
        """What counts against the yearly cap. Source: Q1, R29."""
        return self.earmarked_fen + self.granted_fen - self.revoked_fen


class Posting(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One movement of money: from `debit` to `credit`, once for ever by its business key."""

    business_key: str
    plan_id: UUID
    account_id: UUID | None
    movement: Movement
    debit: LedgerAccount
    credit: LedgerAccount
    amount_fen: int
    reason: str
    rule: str
    order_id: UUID | None = None
    line: int | None = None
    application_id: UUID | None = None


class Moved(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A movement to be told, with the account as it stands after it."""

    account: QuotaAccount
    movement: Movement
    amount_fen: int
    order_id: UUID | None
    reason: str


class PostingPart(msgspec.Struct, frozen=True, gc=False):
    """A share of a movement with the business key that keeps it single."""

    business_key: str
    amount_fen: int
    line: int | None = None
    application_id: UUID | None = None


class Shift(msgspec.Struct, frozen=True, gc=False):
    """A movement decided: the account after it, its postings, and what is told; nothing when it moves 0 fen."""

    account: QuotaAccount
    postings: tuple[Posting, ...]
    moved: tuple[Moved, ...]


_HELD_BY_ACCOUNT = {
    LedgerAccount.EARMARKED: "earmarked_fen",
    LedgerAccount.AVAILABLE: "available_fen",
    LedgerAccount.HELD: "held_fen",
    LedgerAccount.COMMITTED: "committed_fen",
    LedgerAccount.CLAIMED: "claimed_fen",
    LedgerAccount.REDEEMED: "redeemed_fen",
    LedgerAccount.TAKEN_BACK: "taken_back_fen",
}
# An earmark is no quota yet, so other services are not told of it.
_SILENT = frozenset({Movement.EARMARK, Movement.FREE})


def shift(  # noqa: PLR0913 - the parts of a posting
    account: QuotaAccount,
    *,
    movement: Movement,
    debit: LedgerAccount,
    credit: LedgerAccount,
    parts: Sequence[PostingPart],
    reason: str,
    rule: str,
    order_id: UUID | None = None,
) -> Shift:
    """Move the sum of `parts` (each >= 0 fen) between two accounts. Raises: Bug when a balance would pass 0 or the cap.

    Source: R24, R29, R36.
    """
    amount_fen = sum(part.amount_fen for part in parts)
    invariant(all(part.amount_fen >= 0 for part in parts), "a movement has no negative part")
    if amount_fen == 0:
        return Shift(account, (), ())
    changes: dict[str, object] = {}
    for name, delta_fen in ((_HELD_BY_ACCOUNT.get(debit), -amount_fen), (_HELD_BY_ACCOUNT.get(credit), amount_fen)):
        if name is not None:
            balance_fen = getattr(account, name) + delta_fen
            invariant(balance_fen >= 0, f"{name} must not pass below 0")
            changes[name] = balance_fen
    if movement is Movement.GRANT:
        changes["granted_fen"] = account.granted_fen + amount_fen
    if movement is Movement.REVOKE and credit is LedgerAccount.LEFT:
        changes["revoked_fen"] = account.revoked_fen + amount_fen
    if movement not in _SILENT:
        changes["version"] = account.version + 1
    after: QuotaAccount = msgspec.structs.replace(account, **changes)
    invariant(after.used_fen <= after.cap_fen, "the yearly cap holds")
    postings = tuple(
        Posting(
            business_key=part.business_key,
            plan_id=account.plan_id,
            account_id=account.id,
            movement=movement,
            debit=debit,
            credit=credit,
            amount_fen=part.amount_fen,
            reason=reason,
            rule=rule,
            order_id=order_id,
            line=part.line,
            application_id=part.application_id,
        )
        for part in parts
        if part.amount_fen
    )
    told = Moved(account=after, movement=movement, amount_fen=amount_fen, order_id=order_id, reason=reason)
    return Shift(after, postings, () if movement in _SILENT else (told,))
