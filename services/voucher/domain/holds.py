"""The voucher part of an order: held, released, committed, refunded, claimed, redeemed. All amounts are fen.

Every rule is pure: (account, hold, command) -> LedgerStep, or a refusal is raised. A command that was carried out
before moves nothing and gives the same amount again.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from services.voucher.domain.accounts import Moved, Posting, PostingPart, QuotaAccount, shift
from services.voucher.domain.refusals import (
    REPEATED_REFUSALS,
    ClaimedElsewhere,
    ClaimEnded,
    HoldCommitted,
    HoldReleased,
    HoldUnknown,
    InsufficientQuota,
    LineClaimed,
    LineUnknown,
    NotCommitted,
    NothingToClaim,
    PaidAboveClaim,
    YearClosed,
)
from services.voucher.domain.states import HOLD_MOVES, LINE_MOVES, HoldState, LedgerAccount, LineState, Movement
from shared.contracts.messages.voucher import HoldVoucher
from shared.kernel.money import Fen, allocate
from shared.kernel.refusals import Refusal, invariant


class HoldLine(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One line's share; `paid_fen` + `short_fen` = `amount_fen` once redeemed."""

    order_id: UUID
    line: int
    amount_fen: int
    state: LineState
    paid_fen: int = 0
    short_fen: int = 0


class Hold(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The voucher part of one order. `ended_claims` maps a claim that let go to what it gave back."""

    order_id: UUID
    account_id: UUID | None
    state: HoldState
    lines: tuple[HoldLine, ...] = ()
    claim_id: UUID | None = None
    ended_claims: Mapping[str, int] = {}
    refusal: Mapping[str, object] = {}

    def amount_fen(self, *states: LineState) -> int:
        """The sum of the lines in these states, or of all lines."""
        return sum(line.amount_fen for line in self.lines if not states or line.state in states)


class LedgerStep(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a command came to: account and hold after it, what moved, and the amount of the reply."""

    account: QuotaAccount | None
    hold: Hold
    amount_fen: int
    postings: tuple[Posting, ...] = ()
    moved: tuple[Moved, ...] = ()


def place(account: QuotaAccount | None, hold: Hold | None, *, command: HoldVoucher, now: datetime) -> LedgerStep:
    """Available to held for a new order. Raises: HoldReleased, YearClosed, InsufficientQuota. Source: A18, R67."""
    if hold is not None:
        return _placed_before(account, hold)
    required_fen = sum(line.amount_fen for line in command.lines)
    if account is not None and account.year_over(now):
        raise YearClosed(year=command.year)
    available_fen = account.available_fen if account else 0
    if account is None or required_fen > available_fen:
        raise InsufficientQuota(required_fen=required_fen, available_fen=available_fen)
    fresh = Hold(order_id=command.order_id, account_id=account.id, state=HoldState.HELD, lines=_lines(command))
    made = shift(
        account,
        movement=Movement.HOLD,
        debit=LedgerAccount.AVAILABLE,
        credit=LedgerAccount.HELD,
        parts=_parts(fresh, fresh.lines, "hold"),
        reason="order",
        rule="A18",
        order_id=command.order_id,
    )
    return LedgerStep(
        account=made.account, hold=fresh, amount_fen=required_fen, postings=made.postings, moved=made.moved
    )


def _placed_before(account: QuotaAccount | None, hold: Hold) -> LedgerStep:
    if hold.state is HoldState.REFUSED:
        raise repeated(hold)
    if hold.state is HoldState.CLOSED:
        raise HoldReleased
    return LedgerStep(account=account, hold=hold, amount_fen=hold.amount_fen())


def refused_hold(order_id: UUID, refusal: Refusal) -> Hold:
    """A refused hold as it is kept, so that a late copy of the command cannot hold after all."""
    kept: dict[str, object] = {"code": refusal.code, "facts": dict(refusal.facts)}
    return Hold(order_id=order_id, account_id=None, state=HoldState.REFUSED, refusal=kept)


def repeated(hold: Hold) -> Refusal:
    """The refusal that was given for a hold before."""
    facts = hold.refusal["facts"]
    invariant(isinstance(facts, dict), "a kept refusal has facts")
    return REPEATED_REFUSALS[str(hold.refusal["code"])](**facts)  # type: ignore[arg-type]


def release(
    account: QuotaAccount | None, hold: Hold | None, *, order_id: UUID, reason: str, now: datetime
) -> LedgerStep:
    """Held to available, in a closed year to taken back. Raises: HoldCommitted. Source: A20, R72, R36.

    One that overtakes its hold leaves a closed row, so that the hold is refused.
    """
    if hold is None:
        return LedgerStep(
            account=account, hold=Hold(order_id=order_id, account_id=None, state=HoldState.CLOSED), amount_fen=0
        )
    if hold.state in {HoldState.REFUSED, HoldState.CLOSED}:
        return LedgerStep(account=account, hold=hold, amount_fen=0)
    if hold.state is HoldState.RELEASED:
        return LedgerStep(account=account, hold=hold, amount_fen=hold.amount_fen())
    if hold.state is not HoldState.HELD:
        raise HoldCommitted
    target = _return_to(account, now)
    return _move(
        account, hold, movement=Movement.RELEASE, after=HoldState.RELEASED, source=LedgerAccount.HELD, target=target,
        line_after=LineState.RELEASED, lines=hold.lines, tail="release", reason=reason, rule="A20",
    )  # fmt: skip


def commit(account: QuotaAccount | None, hold: Hold | None) -> LedgerStep:
    """Held to committed. Raises: HoldUnknown, HoldReleased. Source: A19, R70.

    The end of the year does not matter: the order row refuses a late confirmation, and one in time counts (Q5).
    """
    if hold is None or hold.state is HoldState.REFUSED:
        raise HoldUnknown
    if hold.state in {HoldState.CLOSED, HoldState.RELEASED}:
        raise HoldReleased
    if hold.state is not HoldState.HELD:
        return LedgerStep(account=account, hold=hold, amount_fen=hold.amount_fen())
    return _move(
        account, hold, movement=Movement.COMMIT, after=HoldState.COMMITTED, source=LedgerAccount.HELD,
        target=LedgerAccount.COMMITTED, line_after=LineState.COMMITTED, lines=hold.lines, tail="commit",
        reason="confirmed", rule="A19",
    )  # fmt: skip


def refund(account: QuotaAccount | None, hold: Hold | None, *, lines: Sequence[int], now: datetime) -> LedgerStep:
    """Whole committed lines to available, in a closed year to taken back. Source: A20, R73, Q5, Q12.

    Raises: HoldUnknown, HoldReleased, NotCommitted, LineUnknown, LineClaimed.
    """
    kept = _firm(hold)
    by_number = {line.line: line for line in kept.lines}
    asked: list[HoldLine] = []
    for number in sorted(set(lines)):
        line = by_number.get(number)
        if line is None:
            raise LineUnknown(line=number)
        if line.state in {LineState.CLAIMED, LineState.REDEEMED}:
            raise LineClaimed(line=number)
        asked.append(line)
    step = _move(
        account, kept, movement=Movement.REFUND, after=kept.state, source=LedgerAccount.COMMITTED,
        target=_return_to(account, now), line_after=LineState.REFUNDED,
        lines=[line for line in asked if line.state is LineState.COMMITTED], tail="refund", reason="refund", rule="A20",
    )  # fmt: skip
    return msgspec.structs.replace(step, amount_fen=sum(line.amount_fen for line in asked))


def claim(account: QuotaAccount | None, hold: Hold | None, *, claim_id: UUID) -> LedgerStep:
    """What is committed to claimed. Source: A22, R76.

    Raises: HoldUnknown, HoldReleased, NotCommitted, ClaimedElsewhere, ClaimEnded, NothingToClaim.
    """
    kept = _firm(hold)
    if kept.claim_id == claim_id:
        return LedgerStep(account=account, hold=kept, amount_fen=kept.amount_fen(LineState.CLAIMED, LineState.REDEEMED))
    if str(claim_id) in kept.ended_claims:
        raise ClaimEnded
    if kept.claim_id is not None:
        raise ClaimedElsewhere
    committed = [line for line in kept.lines if line.state is LineState.COMMITTED]
    if not committed:
        raise NothingToClaim
    return _move(
        account, msgspec.structs.replace(kept, claim_id=claim_id), movement=Movement.CLAIM, after=HoldState.CLAIMED,
        source=LedgerAccount.COMMITTED, target=LedgerAccount.CLAIMED, line_after=LineState.CLAIMED, lines=committed,
        tail=f"claim/{claim_id}", reason="claim", rule="A22",
    )  # fmt: skip


def unclaim(account: QuotaAccount | None, hold: Hold | None, *, claim_id: UUID) -> LedgerStep:
    """Claimed back to committed; a claim that comes later than its end is refused. Source: Q13.

    Raises: HoldUnknown, HoldReleased, NotCommitted, ClaimedElsewhere, LineClaimed.
    """
    kept = _firm(hold)
    if str(claim_id) in kept.ended_claims:
        return LedgerStep(account=account, hold=kept, amount_fen=kept.ended_claims[str(claim_id)])
    if kept.claim_id is None:
        ended = {**kept.ended_claims, str(claim_id): 0}
        return LedgerStep(account=account, hold=msgspec.structs.replace(kept, ended_claims=ended), amount_fen=0)
    if kept.claim_id != claim_id:
        raise ClaimedElsewhere
    if kept.state is HoldState.REDEEMED:
        raise LineClaimed(line=kept.lines[0].line)
    claimed = [line for line in kept.lines if line.state is LineState.CLAIMED]
    ended = {**kept.ended_claims, str(claim_id): sum(line.amount_fen for line in claimed)}
    freed = msgspec.structs.replace(kept, claim_id=None, ended_claims=ended)
    return _move(
        account, freed, movement=Movement.UNCLAIM, after=HoldState.COMMITTED, source=LedgerAccount.CLAIMED,
        target=LedgerAccount.COMMITTED, line_after=LineState.COMMITTED, lines=claimed, tail=f"unclaim/{claim_id}",
        reason="unclaim", rule="A22",
    )  # fmt: skip


def redeem(account: QuotaAccount | None, hold: Hold | None, *, claim_id: UUID, paid_fen: int) -> LedgerStep:
    """Claimed to redeemed, and the unpaid part to taken back. Source: A24, Q17, R36.

    Raises: HoldUnknown, HoldReleased, NotCommitted, ClaimEnded, ClaimedElsewhere, PaidAboveClaim.
    """
    kept = _firm(hold)
    if kept.claim_id != claim_id:
        raise ClaimEnded if str(claim_id) in kept.ended_claims else ClaimedElsewhere
    if kept.state is HoldState.REDEEMED:
        return LedgerStep(account=account, hold=kept, amount_fen=sum(line.paid_fen for line in kept.lines))
    claimed = [line for line in kept.lines if line.state is LineState.CLAIMED]
    claimed_fen = sum(line.amount_fen for line in claimed)
    if not 0 <= paid_fen <= claimed_fen:
        raise PaidAboveClaim(paid_fen=paid_fen, claimed_fen=claimed_fen)
    shares = allocate(Fen(paid_fen), weights=[line.amount_fen for line in claimed])
    redeemed = {
        line.line: msgspec.structs.replace(
            line, state=LineState.REDEEMED, paid_fen=int(share), short_fen=line.amount_fen - share
        )
        for line, share in zip(claimed, shares, strict=True)
    }
    return _settle(account, kept, redeemed, paid_fen=paid_fen)


def _settle(account: QuotaAccount | None, hold: Hold, redeemed: Mapping[int, HoldLine], *, paid_fen: int) -> LedgerStep:
    order_id = hold.order_id
    paid = shift(
        _known(account), movement=Movement.REDEEM, debit=LedgerAccount.CLAIMED, credit=LedgerAccount.REDEEMED,
        parts=[PostingPart(f"{order_id}/{n}/redeem", line.paid_fen, n) for n, line in redeemed.items()],
        reason="paid", rule="A24", order_id=order_id,
    )  # fmt: skip
    short = shift(
        paid.account, movement=Movement.SHORT, debit=LedgerAccount.CLAIMED, credit=LedgerAccount.TAKEN_BACK,
        parts=[PostingPart(f"{order_id}/{n}/short", line.short_fen, n) for n, line in redeemed.items()],
        reason="short_payment", rule="Q17", order_id=order_id,
    )  # fmt: skip
    return LedgerStep(
        account=short.account,
        hold=_with_lines(hold, HoldState.REDEEMED, redeemed),
        amount_fen=paid_fen,
        postings=paid.postings + short.postings,
        moved=paid.moved + short.moved,
    )


def _move(  # noqa: PLR0913 - one movement of some lines
    account: QuotaAccount | None,
    hold: Hold,
    *,
    movement: Movement,
    after: HoldState,
    source: LedgerAccount,
    target: LedgerAccount,
    line_after: LineState,
    lines: Sequence[HoldLine],
    tail: str,
    reason: str,
    rule: str,
) -> LedgerStep:
    made = shift(
        _known(account),
        movement=movement,
        debit=source,
        credit=target,
        parts=_parts(hold, lines, tail),
        reason=reason,
        rule=rule,
        order_id=hold.order_id,
    )
    for line in lines:
        LINE_MOVES.check(line.state, line_after)
    changed = {line.line: msgspec.structs.replace(line, state=line_after) for line in lines}
    return LedgerStep(
        account=made.account,
        hold=_with_lines(hold, after, changed),
        amount_fen=sum(line.amount_fen for line in lines),
        postings=made.postings,
        moved=made.moved,
    )


def _with_lines(hold: Hold, after: HoldState, changed: Mapping[int, HoldLine]) -> Hold:
    if after is not hold.state:
        HOLD_MOVES.check(hold.state, after)
    lines = tuple(changed.get(line.line, line) for line in hold.lines)
    found: Hold = msgspec.structs.replace(hold, state=after, lines=lines)
    return found


def _firm(hold: Hold | None) -> Hold:
    """A hold that the provider confirmed. Raises: HoldUnknown, HoldReleased, NotCommitted."""
    if hold is None or hold.state is HoldState.REFUSED:
        raise HoldUnknown
    if hold.state in {HoldState.CLOSED, HoldState.RELEASED}:
        raise HoldReleased
    if hold.state is HoldState.HELD:
        raise NotCommitted
    return hold


def _return_to(account: QuotaAccount | None, now: datetime) -> LedgerAccount:
    return LedgerAccount.TAKEN_BACK if _known(account).year_over(now) else LedgerAccount.AVAILABLE


def _known(account: QuotaAccount | None) -> QuotaAccount:
    invariant(account is not None, "a hold has its quota account")
    return account  # type: ignore[return-value]


def _parts(hold: Hold, lines: Iterable[HoldLine], tail: str) -> list[PostingPart]:
    return [PostingPart(f"{hold.order_id}/{line.line}/{tail}", line.amount_fen, line.line) for line in lines]


def _lines(command: HoldVoucher) -> tuple[HoldLine, ...]:
    made = tuple(
        HoldLine(order_id=command.order_id, line=line.line, amount_fen=line.amount_fen, state=LineState.HELD)
        for line in sorted(command.lines, key=lambda line: line.line)
    )
    invariant(len({line.line for line in made}) == len(made), "an order names each line once")
    invariant(all(line.amount_fen >= 0 for line in made), "a line's share is not negative")
    return made
