"""Taking back what was approved where something stands against it: nothing of it is paid. Source: A12, A24, R80.

An approval may wait for an override or for the end of what stands against its orders. Where neither is to be expected
the bureau's lead takes it back, order by order: R80 lets money go only where the fund's rules are met, and says nothing
that binds the bureau to an approval which may not be paid.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from services.settlement.domain.claims import Claim, ClaimItem
from services.settlement.domain.persons import CasePart
from services.settlement.domain.refusals import ItemUnknown
from services.settlement.domain.return_refusals import (
    AppropriationNotReturnable,
    ItemReturnedAlready,
    NothingToReturn,
)
from services.settlement.domain.standing import Mark, words_of
from services.settlement.domain.states import AppropriationState, ItemState
from services.settlement.handlers.checks import check_actor
from services.settlement.handlers.progress import conclude, number_of, tell_provider
from services.settlement.handlers.requests import (
    AppropriationResult,
    all_items,
    decide,
    items_of,
    lock_request,
    request_number,
    result_of,
    tell_role,
    yuan,
)
from services.settlement.store import appropriations as rows
from services.settlement.views.standing import read_barring
from shared.runtime.sql import Record
from shared.runtime.work import Actor, Work


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnApproved:
    """The bureau's lead takes back what was approved for these orders; none named means all that may not be paid."""

    appropriation_id: UUID
    order_ids: Sequence[UUID]
    reason: str
    by: Actor
    expected_version: int | None = None


async def return_approved(work: Work, command: ReturnApproved) -> AppropriationResult:
    """End approved orders against which something stands; the rest of the request goes on with its lower sum.

    Their orders are confirmed again, so that they can be claimed once nothing stands against them. Where no money is
    left in the request it is refused as a whole. Emits ClaimItemEnded for each order.
    Raises: NotFound, VersionMismatch, AppropriationNotReturnable, SamePerson, ItemUnknown, ItemReturnedAlready,
    NothingToReturn.
    Source: A12, A24, R80.
    """
    row, concerned = await lock_request(work, command.appropriation_id, expected_version=command.expected_version)
    if row["state"] != AppropriationState.APPROVED:
        raise AppropriationNotReturnable(state=row["state"])
    items = all_items(concerned, row)
    await check_actor(work, CasePart.APPROVE, items, by=command.by)
    barring = await read_barring(work.connection, [item for item in items if item.approved_fen], now=work.now)
    chosen = await _chosen(work, command, items, barring=barring)
    left_fen = sum(item.approved_fen or 0 for item in items if item.order_id not in chosen)
    if not left_fen:
        # Orders that were approved at nothing go with the last that were approved at something.
        chosen = {item.order_id for item in items}
    for claim in concerned:
        await _end(work, claim, [item for item in items_of(claim, row) if item.order_id in chosen], command)
    return await _save(work, row, command, left_fen=left_fen, barring=barring)


async def _chosen(
    work: Work, command: ReturnApproved, items: Sequence[ClaimItem], *, barring: dict[UUID, tuple[Mark, ...]]
) -> set[UUID]:
    """Raises: ItemUnknown, ItemReturnedAlready, NothingToReturn."""
    wanted = set(command.order_ids)
    if gone := wanted - {item.order_id for item in items}:
        ended = await rows.orders_of(work.connection, command.appropriation_id)
        raise ItemReturnedAlready if gone <= ended else ItemUnknown
    if not barring or wanted - barring.keys():
        raise NothingToReturn
    return wanted or set(barring)


async def _end(work: Work, claim: Claim, items: Sequence[ClaimItem], command: ReturnApproved) -> None:
    if not items:
        return
    ended = [
        item.moved(ItemState.REJECTED, ended_reason=command.reason, approved_fen=None, approved_reason="")
        for item in items
    ]
    await conclude(work, claim, changed=ended, ended=ended)
    tell_provider(
        work,
        claim,
        event="appropriation.returned",
        text=f"兑现申请{number_of(claim)}中{len(ended)}个订单的拨付核定已退回，未予拨付，订单恢复为已确认。",
        reason=command.reason,
        article="A24",
    )


async def _save(
    work: Work, row: Record, command: ReturnApproved, *, left_fen: int, barring: dict[UUID, tuple[Mark, ...]]
) -> AppropriationResult:
    number = request_number(row)
    if left_fen:
        state, said = AppropriationState.APPROVED, f"资金拨付申请{number}的核定金额已调整为{yuan(left_fen)}元，请拨付。"
        version = await rows.lower_approval(work, row, approved_fen=left_fen)
    else:
        state, said = AppropriationState.REFUSED, f"资金拨付申请{number}的核定已全部退回，不予拨付。"
        values = {"reason": command.reason, "approved_fen": None}
        version = await rows.move_appropriation(work, row, to=state, values=values)
    decide(
        work,
        row["id"],
        act="appropriation.return",
        by=command.by,
        before=row["state"],
        after=state,
        ground=command.reason,
        facts={
            "approved_fen": row["approved_fen"],
            "left_fen": left_fen,
            "stands": words_of(mark for marks in barring.values() for mark in marks),
        },
    )
    tell_role(work, row["id"], role="finance", text=said)
    return result_of(row, state, version=version, approved_fen=left_fen or None)
