"""Lifting what stands against paying one order: one person proposes, another approves, each with a reason.

An override counts for its item and its amount, for the conditions it names, until it expires; nothing else of the claim
goes on by it, and the reviews remain what they are. Source: A12, A13(4), R8, R58, R63.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from services.settlement.domain.claims import Claim, ClaimItem
from services.settlement.domain.persons import CasePart
from services.settlement.domain.refusals import (
    ItemNotWaiting,
    NothingToOverride,
    NotProposer,
    OverrideNotOpen,
)
from services.settlement.domain.standing import words_of
from services.settlement.domain.states import ItemState, OverrideState
from services.settlement.handlers.checks import check_actor
from services.settlement.handlers.progress import lock_claim, number_of, tell_provider
from services.settlement.store import overrides as rows
from services.settlement.views.standing import read_lifted, read_marks
from shared.kernel.proposals import LAPSE_REASON, check_in_time, lapse_text, lapsed_before, lapses_at
from shared.kernel.refusals import bug
from shared.runtime.sql import Record
from shared.runtime.work import SYSTEM, Actor, Decision, NotFound, Notice, VersionMismatch, Work

OVERRIDE_TIMER = "override_lapses"
OVERRIDABLE = frozenset({ItemState.OPEN, ItemState.PASSED, ItemState.ENDORSED, ItemState.APPROVED})


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposeOverride:
    """Why one order shall go on in spite of what stands against it."""

    claim_id: UUID
    order_id: UUID
    reason: str
    by: Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class DecideOverride:
    """What becomes of a proposal, and why."""

    override_id: UUID
    reason: str
    by: Actor
    expected_version: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OverrideResult:
    """Where an override stands after a command; it counts for `amount_fen` of its item, until `expires_at`."""

    id: UUID
    claim_id: UUID
    order_id: UUID
    amount_fen: int
    state: OverrideState
    version: int
    expires_at: datetime | None = None


async def propose_override(work: Work, command: ProposeOverride) -> OverrideResult:
    """Propose to lift everything that stands against one order now.

    Raises: ItemNotWaiting, SamePerson, NothingToOverride, OverrideProposedAlready.
    """
    claim = await lock_claim(work, command.claim_id)
    item = claim.item(command.order_id)
    if item.state not in OVERRIDABLE:
        raise ItemNotWaiting(state=item.state.value)
    await check_actor(work, CasePart.PROPOSE_OVERRIDE, [item], by=command.by)
    marks = await read_marks(work.connection, [item.order_id], now=work.now)
    lifted = await read_lifted(work.connection, [item], marks=marks, now=work.now)
    found = marks.get(item.order_id, ())
    if {mark.key for mark in found} <= lifted[item.order_id]:
        raise NothingToOverride
    override_id = work.new_id()
    amount_fen = bug("an open item has its amount") if item.voucher_fen is None else item.voucher_fen
    values = {
        "id": override_id,
        "claim_id": claim.id,
        "order_id": item.order_id,
        "amount_fen": amount_fen,
        "marks": [
            {"key": mark.key, "condition": mark.condition.value, "kind": mark.kind, "origin": mark.origin}
            for mark in found
        ],
        "state": OverrideState.PROPOSED.value,
        "version": 1,
        "reason": command.reason,
        "proposed_by": command.by.account_id,
        "proposed_at": work.now,
    }
    late = lapsed_before(work.now)
    await rows.lapse_override(work, claim.id, item.order_id, proposed_until=late)
    await rows.insert_override(work, values)
    work.set_timer(OVERRIDE_TIMER, key=override_id, due_at=lapses_at(work.now))
    _decide(work, values, act="override.propose", by=command.by, ground=command.reason)
    work.notify(
        Notice(
            recipient="role:bureau_lead",
            subject_type="override",
            subject_id=override_id,
            event="override.proposed",
            text=f"兑现申请{number_of(claim)}中的一个订单存在“{words_of(found)}”的情形，有特批建议待决定。",
            reason=command.reason,
            article="A13(4)",
        )
    )
    return _result(values, OverrideState.PROPOSED, version=1)


async def approve_override(work: Work, command: DecideOverride) -> OverrideResult:
    """Approve a proposal, by somebody without any part in the order.

    Raises: OverrideNotOpen, SamePerson, ProposalLapsed.
    """
    claim, row = await _lock(work, command)
    item = claim.item(row["order_id"])
    await check_actor(work, CasePart.APPROVE_OVERRIDE, [item], by=command.by)
    check_in_time(row["proposed_at"], now=work.now)
    if not await _still_meant(work, item, row):
        raise OverrideNotOpen
    expires_at = work.now + timedelta(days=work.pack.deadlines.override_days)
    version = await rows.decide_override(
        work,
        row,
        to=OverrideState.APPROVED,
        by=command.by.account_id,
        reason=command.reason,
        expires_at=expires_at,
    )
    _decide(work, row, act="override.approve", by=command.by, ground=command.reason)
    tell_provider(
        work,
        claim,
        event="override.approved",
        text=f"兑现申请{number_of(claim)}中的一个订单经特批继续办理，仍须通过后续各环节。",
        reason=command.reason,
        article="A13(4)",
    )
    return _result(row, OverrideState.APPROVED, version=version, expires_at=expires_at)


async def _still_meant(work: Work, item: ClaimItem, row: Record) -> bool:
    """Whether the item, its amount and a condition it was proposed for are still there."""
    if item.state not in OVERRIDABLE or item.voucher_fen != row["amount_fen"]:
        return False
    marks = await read_marks(work.connection, [item.order_id], now=work.now)
    return bool({mark.key for mark in marks.get(item.order_id, ())} & {mark["key"] for mark in row["marks"]})


async def refuse_override(work: Work, command: DecideOverride) -> OverrideResult:
    """Refuse a proposal; the order stays where it is. Raises: OverrideNotOpen, SamePerson."""
    claim, row = await _lock(work, command)
    await check_actor(work, CasePart.APPROVE_OVERRIDE, [claim.item(row["order_id"])], by=command.by)
    version = await _close(work, row, command, to=OverrideState.REFUSED, act="override.refuse")
    text = f"您就兑现申请{number_of(claim)}提出的特批建议未获同意。"
    _tell_proposer(work, row, event="override.closed", text=text, reason=command.reason)
    return _result(row, OverrideState.REFUSED, version=version)


async def withdraw_override(work: Work, command: DecideOverride) -> OverrideResult:
    """Take the own proposal back; what another one proposed, of the bureau perhaps, is refused by the bureau's lead.

    Raises: OverrideNotOpen, NotProposer. Source: R8.
    """
    _, row = await _lock(work, command)
    if command.by.account_id != row["proposed_by"]:
        raise NotProposer
    version = await _close(work, row, command, to=OverrideState.WITHDRAWN, act="override.withdraw")
    return _result(row, OverrideState.WITHDRAWN, version=version)


async def lapse_late(work: Work, keys: Sequence[UUID]) -> None:
    """End proposals that nobody decided in time; who proposed them is told, the order stays. Source: R8."""
    for override_id in sorted(keys):
        claim_id = await rows.claim_of(work.connection, override_id)
        if claim_id is None:
            continue
        claim = await lock_claim(work, claim_id)
        row = await rows.lock_override(work.connection, override_id)
        if row is None or row["state"] != OverrideState.PROPOSED:
            continue
        if row["proposed_at"] > lapsed_before(work.now):
            work.set_timer(OVERRIDE_TIMER, key=override_id, due_at=lapses_at(row["proposed_at"]))
            continue
        await rows.decide_override(work, row, to=OverrideState.LAPSED, by=None, reason=LAPSE_REASON)
        _decide(work, row, act="override.lapse", by=SYSTEM, ground=LAPSE_REASON)
        text = lapse_text(f"兑现申请{number_of(claim)}的特批建议")
        _tell_proposer(work, row, event="proposal.lapsed", text=text, reason=LAPSE_REASON)


async def _lock(work: Work, command: DecideOverride) -> tuple[Claim, Record]:
    """An open proposal and its claim, locked. Raises: NotFound, VersionMismatch, OverrideNotOpen, ProposalLapsed."""
    claim_id = await rows.claim_of(work.connection, command.override_id)
    if claim_id is None:
        raise NotFound
    claim = await lock_claim(work, claim_id)
    row = await rows.lock_override(work.connection, command.override_id)
    if row is not None and row["state"] == OverrideState.LAPSED:
        check_in_time(row["proposed_at"], now=work.now)
    if row is None or row["state"] != OverrideState.PROPOSED:
        raise OverrideNotOpen
    if command.expected_version not in {None, row["version"]}:
        raise VersionMismatch(version=row["version"])
    return claim, row


async def _close(work: Work, row: Record, command: DecideOverride, *, to: OverrideState, act: str) -> int:
    version = await rows.decide_override(work, row, to=to, by=command.by.account_id, reason=command.reason)
    _decide(work, row, act=act, by=command.by, ground=command.reason)
    return version


def _result(
    row: Mapping[str, Any], state: OverrideState, *, version: int, expires_at: datetime | None = None
) -> OverrideResult:
    return OverrideResult(
        id=row["id"],
        claim_id=row["claim_id"],
        order_id=row["order_id"],
        amount_fen=row["amount_fen"],
        state=state,
        version=version,
        expires_at=expires_at,
    )


def _decide(work: Work, row: Mapping[str, Any], *, act: str, by: Actor, ground: str) -> None:
    work.decide(
        Decision(
            subject_type="claim",
            subject_id=row["claim_id"],
            act=act,
            by=by,
            rule="A13(4)",
            ground=ground,
            facts={
                "override_id": str(row["id"]),
                "order_id": str(row["order_id"]),
                "amount_fen": row["amount_fen"],
                "conditions": sorted({mark["condition"] for mark in row["marks"]}),
            },
        )
    )


def _tell_proposer(work: Work, row: Record, *, event: str, text: str, reason: str) -> None:
    work.notify(
        Notice(
            recipient=f"account:{row['proposed_by']}",
            subject_type="override",
            subject_id=row["id"],
            event=event,
            text=text,
            reason=reason,
            article="A13(4)",
        )
    )
