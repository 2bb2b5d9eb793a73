"""Which commands order's sagas have to send again so that a restored participant is where it was: pure.

A saga remembers what was answered, and a participant is idempotent by business key. So what order knows to be done can
be asked for again, with the saga's own id and the command's own number, and either happens now or was there already.
Nothing is decided here: a command is sent again only when its answer is on record in the saga's state.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from operations.orders import Dossier
from services.order.domain.saga import SagaState
from services.settlement.domain.states import ItemState
from shared.contracts.messages.base import Command
from shared.contracts.messages.settlement import OpenItem, RefuseItem
from shared.contracts.messages.voucher import (
    ClaimVoucher,
    CommitVoucher,
    HoldVoucher,
    LineAmount,
    RedeemVoucher,
    RefundVoucher,
    ReleaseVoucher,
    UnclaimVoucher,
)

Row = Mapping[str, Any]

# Where a purchase's hold was answered, and where its commit was.
_WAS_HELD = frozenset({SagaState.HELD, SagaState.COMMITTING, SagaState.COMMITTED})
# Where a claim's lock was answered and still stands; the sweeper sends what comes after it.
_IS_CLAIMED = frozenset({SagaState.OPENING, SagaState.OPEN, SagaState.REDEEMING, SagaState.REDEEMED})
_GAVE_BACK = frozenset({SagaState.ENDED, SagaState.REFUSED, SagaState.REFUSING})
_WAS_OPENED = frozenset({SagaState.OPEN, SagaState.REDEEMING, SagaState.REDEEMED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """A command of a saga, with the number it was sent under."""

    command: Command
    saga_id: UUID
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sagas:
    """The sagas of one order: its purchase, its refunds with their lines, its claims."""

    purchase: Row | None
    refunds: Sequence[Row]
    claims: Sequence[Row]


def voucher_commands(one: Dossier, sagas: Sagas) -> list[Sending]:
    """What voucher has to be asked again for one order: held, firm, unlocked, refunded, locked, paid, in that order."""
    purchase = sagas.purchase
    if purchase is None:
        return []
    if purchase["state"] == SagaState.RELEASED:
        held = one.hold is not None and one.hold["state"] == "held"
        release = ReleaseVoucher(order_id=one.order["id"], reason=one.order["reason"])
        return [_sending(release, purchase, purchase["number"])] if held else []
    if purchase["state"] not in _WAS_HELD:
        return []
    return [*_held(one, purchase), *_unlocked(one, sagas), *_refunded(one, sagas), *_locked(one, sagas)]


def needs_fen(one: Dossier, sendings: Sequence[Sending]) -> int:
    """What has to be available on the enterprise's account for these commands: the hold that is made anew."""
    del one
    return sum(
        line.amount_fen for one in sendings if isinstance(one.command, HoldVoucher) for line in one.command.lines
    )


def _sending(command: Command, saga: Row, number: int) -> Sending:
    return Sending(command=command, saga_id=saga["id"], number=number)


def _held(one: Dossier, purchase: Row) -> Iterator[Sending]:
    order = one.order
    if one.hold is None:
        lines = tuple(
            LineAmount(line=row["line"], amount_fen=row["voucher_fen"]) for row in one.lines if row["voucher_fen"]
        )
        hold = HoldVoucher(order_id=order["id"], enterprise_id=order["enterprise_id"], year=order["year"], lines=lines)
        yield _sending(hold, purchase, 1)
    if purchase["state"] == SagaState.COMMITTED and (one.hold is None or one.hold["state"] == "held"):
        yield _sending(CommitVoucher(order_id=order["id"]), purchase, purchase["number"])


def _unlocked(one: Dossier, sagas: Sagas) -> Iterator[Sending]:
    for claim in sagas.claims:
        locks = one.hold is not None and one.hold["claim_id"] == claim["claim_id"]
        if locks and claim["state"] in _GAVE_BACK:
            command = UnclaimVoucher(order_id=one.order["id"], claim_id=claim["claim_id"])
            yield _sending(command, claim, claim["number"])


def _refunded(one: Dossier, sagas: Sagas) -> Iterator[Sending]:
    states = {row["line"]: row["state"] for row in one.held}
    vouchers = {row["line"] for row in one.lines if row["voucher_fen"]}
    for refund in sagas.refunds:
        lines = tuple(line for line in refund["lines"] if line in vouchers)
        if refund["state"] == SagaState.RETURNED and any(states.get(line) != "refunded" for line in lines):
            yield _sending(RefundVoucher(order_id=one.order["id"], lines=lines), refund, refund["number"])


def _locked(one: Dossier, sagas: Sagas) -> Iterator[Sending]:
    order_id = one.order["id"]
    for claim in sagas.claims:
        if claim["state"] not in _IS_CLAIMED:
            continue
        if one.hold is None or one.hold["claim_id"] != claim["claim_id"]:
            yield _sending(ClaimVoucher(order_id=order_id, claim_id=claim["claim_id"]), claim, 1)
        paid = one.hold is not None and one.hold["state"] == "redeemed"
        if claim["state"] == SagaState.REDEEMED and not paid:
            command = RedeemVoucher(order_id=order_id, claim_id=claim["claim_id"], paid_fen=claim["paid_fen"])
            yield _sending(command, claim, claim["number"])


def settlement_commands(one: Dossier, sagas: Sagas) -> list[Sending]:
    """What settlement has to be asked again: items opened or refused whose answer is on record here."""
    items = {item["claim_id"]: item["state"] for item in one.items}
    found: list[Sending] = []
    for claim in sagas.claims:
        if items.get(claim["claim_id"]) != ItemState.SUBMITTED:
            continue
        about = {"claim_id": claim["claim_id"], "order_id": one.order["id"]}
        if claim["state"] in _WAS_OPENED:
            voucher_fen = one.order["voucher_fen"] - one.order["refunded_voucher_fen"]
            found.append(_sending(OpenItem(**about, voucher_fen=voucher_fen), claim, 2))
        elif claim["state"] == SagaState.REFUSED:
            # The outcome is on record, its wording is not: it was told to the provider and is not kept by order.
            refusal = RefuseItem(**about, code="order.claim_undone", article="A22", detail="兑现锁定未成立或已撤销")
            found.append(_sending(refusal, claim, claim["number"]))
    return found
