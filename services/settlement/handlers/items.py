"""The claim saga's answers for each order, and the windows that claims wait for. Source: A20, A22, R77."""

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from services.settlement.domain.claims import Claim, ClaimItem
from services.settlement.domain.refusals import ItemAlreadyAnswered, ItemUnknown
from services.settlement.domain.states import ClaimState, ItemState
from services.settlement.domain.windows import closing_day, window_of
from services.settlement.handlers.claims import WINDOW_TIMER
from services.settlement.handlers.progress import advance, conclude, number_of, tell_provider
from services.settlement.store import claims
from shared.contracts.messages.settlement import ItemOpened, ItemRefused, OpenItem, RefuseItem
from shared.kernel.refusals import Refusal
from shared.kernel.wording import day
from shared.runtime.work import SYSTEM, Decision, Work


async def open_items(work: Work, commands: Sequence[OpenItem]) -> Sequence[ItemOpened | Refusal]:
    """Open items whose orders are claimed and whose money is locked; the same command again changes nothing."""
    known = await claims.lock_claims(work.connection, {command.claim_id for command in commands})
    changed: dict[UUID, list[ClaimItem]] = {}
    outcomes: list[ItemOpened | Refusal] = []
    for command in commands:
        item = _find(known, command)
        if item is None or item.state in {ItemState.DRAFT, ItemState.REFUSED}:
            outcomes.append(ItemUnknown() if item is None else ItemAlreadyAnswered(state=item.state.value))
            continue
        if item.state is ItemState.SUBMITTED:
            opened = item.moved(ItemState.OPEN, voucher_fen=command.voucher_fen)
            known[command.claim_id] = known[command.claim_id].with_items(opened)
            changed.setdefault(command.claim_id, []).append(opened)
        outcomes.append(ItemOpened(claim_id=command.claim_id, order_id=command.order_id))
    await _answered(work, known, changed)
    return outcomes


async def refuse_items(work: Work, commands: Sequence[RefuseItem]) -> Sequence[ItemRefused | Refusal]:
    """Close items whose orders could not be claimed; the others of their claims go on."""
    known = await claims.lock_claims(work.connection, {command.claim_id for command in commands})
    changed: dict[UUID, list[ClaimItem]] = {}
    outcomes: list[ItemRefused | Refusal] = []
    for command in commands:
        item = _find(known, command)
        if item is None or item.state not in {ItemState.SUBMITTED, ItemState.REFUSED}:
            outcomes.append(ItemUnknown() if item is None else ItemAlreadyAnswered(state=item.state.value))
            continue
        if item.state is ItemState.SUBMITTED:
            refused = _refused(item, command)
            known[command.claim_id] = known[command.claim_id].with_items(refused)
            changed.setdefault(command.claim_id, []).append(refused)
            _tell_refused(work, known[command.claim_id], command)
        outcomes.append(ItemRefused(claim_id=command.claim_id, order_id=command.order_id))
    await _answered(work, known, changed)
    return outcomes


def _find(known: dict[UUID, Claim], command: OpenItem | RefuseItem) -> ClaimItem | None:
    claim = known.get(command.claim_id)
    return None if claim is None else claim.items.get(command.order_id)


def _refused(item: ClaimItem, command: RefuseItem) -> ClaimItem:
    return item.moved(
        ItemState.REFUSED,
        refusal_code=command.code,
        refusal_article=command.article,
        refusal_detail=command.detail,
        ended_reason=command.detail,
    )


def _tell_refused(work: Work, claim: Claim, command: RefuseItem) -> None:
    work.decide(
        Decision(
            subject_type="claim",
            subject_id=claim.id,
            act="item.refuse",
            by=SYSTEM,
            rule=command.article,
            ground=command.detail,
            before=ItemState.SUBMITTED.value,
            after=ItemState.REFUSED.value,
            facts={"order_id": str(command.order_id), "code": command.code},
        )
    )
    tell_provider(
        work,
        claim,
        event="item.refused",
        text=f"兑现申请{number_of(claim)}中的一个订单不能兑现，其余订单继续办理。",
        reason=command.detail,
        article=command.article,
    )


async def _answered(work: Work, known: dict[UUID, Claim], changed: dict[UUID, list[ClaimItem]]) -> None:
    for claim_id, items in changed.items():
        after = await conclude(work, known[claim_id], changed=items)
        if after.state is ClaimState.ACCEPTED:
            await _roll_over(work, after)
            tell_provider(
                work,
                after,
                event="claim.accepted",
                text=f"兑现申请{number_of(after)}已受理，订单已锁定，将在兑现节点后集中办理。",
                article="A22",
            )
        if after.state is ClaimState.REFUSED:
            work.drop_timer(WINDOW_TIMER, key=claim_id)


async def _roll_over(work: Work, claim: Claim) -> Claim:
    """Move a claim that missed its node to the next one and wait for that. Source: A22, R77."""
    if claim.window_closes_at is None:
        return claim
    closes_at = window_of(work.now, current_closes_at=claim.window_closes_at, close_of=work.pack.claim_window_closes_at)
    if closes_at == claim.window_closes_at:
        return claim
    rolled = replace(claim, window_closes_at=closes_at)
    await claims.save_claim(work, rolled, expected_version=claim.version)
    work.set_timer(WINDOW_TIMER, key=claim.id, due_at=closes_at)
    notice = work.pack.notice("claim_window_missed")
    tell_provider(
        work,
        rolled,
        event="claim.rolled_over",
        text=notice.body.format(claim_number=number_of(claim), closes_on=day(closing_day(closes_at))),
        article="A22",
    )
    return rolled


async def close_windows(work: Work, keys: Sequence[UUID]) -> None:
    """At a node: accepted claims go to first review together, unanswered ones roll to the next node.

    Source: A22, R77.
    """
    for claim in (await claims.lock_claims(work.connection, keys)).values():
        if claim.window_closes_at is None or claim.state not in {ClaimState.SUBMITTED, ClaimState.ACCEPTED}:
            continue
        if work.now < claim.window_closes_at:
            work.set_timer(WINDOW_TIMER, key=claim.id, due_at=claim.window_closes_at)
        elif claim.state is ClaimState.SUBMITTED:
            await _roll_over(work, claim)
        else:
            await _begin_review(work, claim)


async def _begin_review(work: Work, claim: Claim) -> None:
    after = await advance(work, claim, to=ClaimState.IN_REVIEW)
    work.decide(
        Decision(
            subject_type="claim",
            subject_id=claim.id,
            act="window.close",
            by=SYSTEM,
            rule="A22",
            before=claim.state.value,
            after=after.state.value,
        )
    )
    tell_provider(
        work,
        claim,
        event="claim.in_review",
        text=f"兑现申请{number_of(claim)}已进入初审。",
        article="A22",
    )
