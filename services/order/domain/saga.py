"""Sagas: what is asked of voucher and settlement, in which order, and how it is undone.

A saga is data and one pure step function a kind: `(saga, signal) -> Stepped`. Each kind reads as a table of steps:
in this state, on this signal, go there, send this, move the order so. Before the pivot a refusal undoes; after it a
refusal changes nothing and the sweeper asks again. An answer whose number is not the pending one is late: it is
counted, and undone when it made an effect nobody wants any more.
"""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import TypeAlias
from uuid import UUID

import msgspec
from msgspec.structs import replace

from shared.contracts.messages.base import Command, Refused, Reply
from shared.contracts.messages.settlement import ItemOpened, ItemRefused, OpenItem, RefuseItem
from shared.contracts.messages.voucher import (
    ClaimVoucher,
    CommitVoucher,
    RedeemVoucher,
    RefundVoucher,
    ReleaseVoucher,
    UnclaimVoucher,
    VoucherClaimed,
    VoucherCommitted,
    VoucherHeld,
    VoucherRedeemed,
    VoucherRefunded,
    VoucherReleased,
    VoucherReply,
    VoucherUnclaimed,
)
from shared.kernel.refusals import bug, invariant


class SagaKind(StrEnum):
    """What a saga is about."""

    PURCHASE = "purchase"
    REFUND = "refund"
    CLAIM = "claim"


class SagaState(StrEnum):
    """Where a saga stands; the forms in -ing wait for an answer."""

    HOLDING = "holding"
    HELD = "held"
    REFUSED = "refused"
    COMMITTING = "committing"
    COMMITTED = "committed"
    RELEASING = "releasing"
    RELEASED = "released"
    RETURNING = "returning"
    RETURNED = "returned"
    WAITING_FOR_COMMIT = "waiting_for_commit"
    CLAIMING = "claiming"
    CLAIMING_ENDED = "claiming_ended"
    OPENING = "opening"
    OPEN = "open"
    REFUSING = "refusing"
    UNCLAIMING = "unclaiming"
    UNDOING = "undoing"
    ENDED = "ended"
    REDEEMING = "redeeming"
    REDEEMED = "redeemed"


class OrderEffect(StrEnum):
    """What a step makes of the order."""

    AWAIT = "await"
    REFUSE = "refuse"
    RETURN = "return"
    UNCLAIM = "unclaim"
    REDEEM = "redeem"


class Saga(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One saga; `number` counts its commands, `pending` is the one without an answer."""

    id: UUID
    kind: SagaKind
    order_id: UUID
    state: SagaState
    number: int = 0
    pending: Command | None = None
    version: int = 1
    late: int = 0
    last_event: str = ""
    claim_id: UUID | None = None
    paid_fen: int | None = None

    @property
    def pending_name(self) -> str:
        """The type of the command without an answer; empty when there is none."""
        return "" if self.pending is None else self.pending.type_name()


class Answered(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A participant's reply to command `number`."""

    number: int
    reply: Reply


class Cancelled(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The order was cancelled on its row; the voucher goes back."""

    reason: str


class Confirmed(msgspec.Struct, frozen=True, gc=False):
    """The provider's confirmation stands on the order row: the pivot of a purchase."""


class CommitKnown(msgspec.Struct, frozen=True, gc=False):
    """The purchase's commit was answered, so the claim may be asked for."""


class ItemEnded(msgspec.Struct, frozen=True, gc=False):
    """The item left its claim unpaid."""


class ItemPaid(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The item's claim was paid: the pivot of a claim."""

    paid_fen: int


Signal: TypeAlias = Answered | Cancelled | Confirmed | CommitKnown | ItemEnded | ItemPaid
Sender: TypeAlias = Callable[[Saga, object], Command]


class Transition(msgspec.Struct, frozen=True, gc=False):
    """Go to a state; send a command; move the order."""

    state: SagaState
    send: Sender | None = None
    effect: OrderEffect | None = None


class SagaStep(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a step came to."""

    saga: Saga
    command: Command | None = None
    effect: OrderEffect | None = None
    late: bool = False


TransitionTable: TypeAlias = Mapping[tuple[SagaState, type], Transition]


def _release(saga: Saga, signal: object) -> Command:
    reason = signal.reason if isinstance(signal, Cancelled) else "late"
    return ReleaseVoucher(order_id=saga.order_id, reason=reason)


def _commit(saga: Saga, signal: object) -> Command:
    del signal
    return CommitVoucher(order_id=saga.order_id)


def _claim_of(saga: Saga) -> UUID:
    return saga.claim_id or bug("a claim saga names its claim")


def _claim(saga: Saga, signal: object) -> Command:
    del signal
    return ClaimVoucher(order_id=saga.order_id, claim_id=_claim_of(saga))


def _unclaim(saga: Saga, signal: object) -> Command:
    del signal
    return UnclaimVoucher(order_id=saga.order_id, claim_id=_claim_of(saga))


def _open_item(saga: Saga, signal: object) -> Command:
    voucher_fen = signal.amount_fen if isinstance(signal, VoucherReply) else bug("only a reply opens an item")
    return OpenItem(claim_id=_claim_of(saga), order_id=saga.order_id, voucher_fen=voucher_fen)


def _refuse_item(saga: Saga, signal: object) -> Command:
    if isinstance(signal, Refused):
        code, article, detail = signal.code, signal.article, signal.detail
    else:
        # After an undone late claim the first reason was told already; the item stays refused.
        code, article, detail = "order.claim_undone", "A22", "兑现锁定已撤销"
    return RefuseItem(claim_id=_claim_of(saga), order_id=saga.order_id, code=code, article=article, detail=detail)


def _redeem(saga: Saga, signal: object) -> Command:
    paid_fen = signal.paid_fen if isinstance(signal, ItemPaid) else bug("only a payment redeems")
    return RedeemVoucher(order_id=saga.order_id, claim_id=_claim_of(saga), paid_fen=paid_fen)


# Hold, wait for the provider, commit. Compensation of the hold: release. Pivot: Confirmed.
PURCHASE: TransitionTable = {
    (SagaState.HOLDING, VoucherHeld): Transition(SagaState.HELD, effect=OrderEffect.AWAIT),
    (SagaState.HOLDING, Refused): Transition(SagaState.REFUSED, effect=OrderEffect.REFUSE),
    (SagaState.HOLDING, Cancelled): Transition(SagaState.RELEASING, send=_release),
    (SagaState.HELD, Cancelled): Transition(SagaState.RELEASING, send=_release),
    (SagaState.HELD, Confirmed): Transition(SagaState.COMMITTING, send=_commit),
    (SagaState.COMMITTING, VoucherCommitted): Transition(SagaState.COMMITTED),
    (SagaState.RELEASING, VoucherReleased): Transition(SagaState.RELEASED),
}
PURCHASE_LATE: TransitionTable = {
    (SagaState.REFUSED, VoucherHeld): Transition(SagaState.RELEASING, send=_release),
    (SagaState.RELEASED, VoucherHeld): Transition(SagaState.RELEASING, send=_release),
}

# The order row has decided before this saga begins: one step, retried until it is answered.
REFUND: TransitionTable = {
    (SagaState.RETURNING, VoucherRefunded): Transition(SagaState.RETURNED, effect=OrderEffect.RETURN)
}

# Lock the money, open the item; then paid or ended. Compensation of the lock: unclaim. Pivot: ItemPaid.
CLAIM: TransitionTable = {
    (SagaState.WAITING_FOR_COMMIT, CommitKnown): Transition(SagaState.CLAIMING, send=_claim),
    (SagaState.WAITING_FOR_COMMIT, ItemEnded): Transition(SagaState.ENDED, effect=OrderEffect.UNCLAIM),
    (SagaState.CLAIMING, VoucherClaimed): Transition(SagaState.OPENING, send=_open_item),
    (SagaState.CLAIMING, Refused): Transition(SagaState.REFUSING, send=_refuse_item, effect=OrderEffect.UNCLAIM),
    (SagaState.CLAIMING, ItemEnded): Transition(SagaState.CLAIMING_ENDED),
    (SagaState.CLAIMING_ENDED, VoucherClaimed): Transition(SagaState.UNCLAIMING, send=_unclaim),
    (SagaState.CLAIMING_ENDED, Refused): Transition(SagaState.ENDED, effect=OrderEffect.UNCLAIM),
    (SagaState.REFUSING, ItemRefused): Transition(SagaState.REFUSED),
    (SagaState.OPENING, ItemOpened): Transition(SagaState.OPEN),
    (SagaState.OPENING, Refused): Transition(SagaState.UNCLAIMING, send=_unclaim),
    (SagaState.OPENING, ItemEnded): Transition(SagaState.UNCLAIMING, send=_unclaim),
    (SagaState.OPENING, ItemPaid): Transition(SagaState.REDEEMING, send=_redeem),
    (SagaState.OPEN, ItemEnded): Transition(SagaState.UNCLAIMING, send=_unclaim),
    (SagaState.OPEN, ItemPaid): Transition(SagaState.REDEEMING, send=_redeem),
    (SagaState.UNCLAIMING, VoucherUnclaimed): Transition(SagaState.ENDED, effect=OrderEffect.UNCLAIM),
    (SagaState.UNDOING, VoucherUnclaimed): Transition(SagaState.REFUSING, send=_refuse_item),
    (SagaState.REDEEMING, VoucherRedeemed): Transition(SagaState.REDEEMED, effect=OrderEffect.REDEEM),
}
CLAIM_LATE: TransitionTable = {
    (SagaState.REFUSING, VoucherClaimed): Transition(SagaState.UNDOING, send=_unclaim),
    (SagaState.REFUSED, VoucherClaimed): Transition(SagaState.UNDOING, send=_unclaim),
}
RESTING = frozenset(
    {
        SagaState.HELD,
        SagaState.REFUSED,
        SagaState.COMMITTED,
        SagaState.RELEASED,
        SagaState.RETURNED,
        SagaState.OPEN,
        SagaState.ENDED,
        SagaState.REDEEMED,
    }
)
"""States in which nothing is under way: every saga reaches one of them (I11)."""
UNDER_WAY = frozenset({SagaState.HOLDING, SagaState.COMMITTING, SagaState.RELEASING})
"""States of a purchase in which a command of it is under way."""


def is_settled(saga: Saga | None) -> bool:
    """Whether a caller that waits would call this the end: no command of the purchase is under way."""
    return saga is None or saga.kind is not SagaKind.PURCHASE or saga.state not in UNDER_WAY


def check_rest(saga: Saga) -> None:
    """A saga rests, or waits for an answer or for another saga. Raises: Bug (I11)."""
    invariant(
        (saga.state in RESTING) == (saga.pending is None) or saga.state is SagaState.WAITING_FOR_COMMIT,
        "a saga rests or waits",
    )


def begin(saga: Saga, command: Command | None) -> SagaStep:
    """A saga with its first command, if it has one yet."""
    return _sent(saga, command) if command is not None else SagaStep(saga=saga)


def begin_refund(*, refund_id: UUID, order_id: UUID, lines: tuple[int, ...]) -> SagaStep:
    """The saga that returns the voucher shares of whole lines. Source: A20, Q12."""
    saga = Saga(id=refund_id, kind=SagaKind.REFUND, order_id=order_id, state=SagaState.RETURNING)
    return begin(saga, RefundVoucher(order_id=order_id, lines=lines))


def step_purchase(saga: Saga, signal: Signal) -> SagaStep:
    """One step of a purchase."""
    return _step(saga, signal, table=PURCHASE, late=PURCHASE_LATE)


def step_refund(saga: Saga, signal: Signal) -> SagaStep:
    """One step of a refund."""
    return _step(saga, signal, table=REFUND, late={})


def step_claim(saga: Saga, signal: Signal) -> SagaStep:
    """One step of one item of a claim. Raises: Bug when an item is paid that was never open."""
    stepped = _step(saga, signal, table=CLAIM, late=CLAIM_LATE)
    if isinstance(signal, ItemPaid):
        if stepped.saga.state not in {SagaState.REDEEMING, SagaState.REDEEMED}:
            bug(f"claim {saga.claim_id} was paid for order {saga.order_id} while {saga.state}")
        return replace(stepped, saga=replace(stepped.saga, paid_fen=signal.paid_fen))
    return stepped


STEPS: Mapping[SagaKind, Callable[[Saga, Signal], SagaStep]] = {
    SagaKind.PURCHASE: step_purchase,
    SagaKind.REFUND: step_refund,
    SagaKind.CLAIM: step_claim,
}


def step(saga: Saga, signal: Signal) -> SagaStep:
    """One step of any saga."""
    return STEPS[saga.kind](saga, signal)


def _step(saga: Saga, signal: Signal, *, table: TransitionTable, late: TransitionTable) -> SagaStep:
    what: object = signal.reply if isinstance(signal, Answered) else signal
    in_time = not isinstance(signal, Answered) or (signal.number == saga.number and saga.pending is not None)
    rule = (table if in_time else late).get((saga.state, type(what)))
    late_now = saga.late if in_time else saga.late + 1
    if rule is None:
        # A refusal after the pivot, a repeated signal, a late answer without effect: the pending command stands.
        noted = replace(saga, late=late_now, last_event=_name(what), version=saga.version + 1)
        return SagaStep(saga=noted, late=not in_time)
    command = rule.send(saga, what) if rule.send is not None else None
    # CLAIMING_ENDED still waits for the answer to the claim it sent; every other step is done with its command.
    waiting = saga.pending if rule.state is SagaState.CLAIMING_ENDED else command
    moved = replace(
        saga,
        state=rule.state,
        number=saga.number if command is None else saga.number + 1,
        pending=waiting,
        late=late_now,
        last_event=_name(what),
        version=saga.version + 1,
    )
    return SagaStep(saga=moved, command=command, effect=rule.effect, late=not in_time)


def _sent(saga: Saga, command: Command) -> SagaStep:
    return SagaStep(saga=replace(saga, number=saga.number + 1, pending=command), command=command)


def _name(what: object) -> str:
    return what.name if isinstance(what, Reply) else type(what).__name__
