"""What every act on a claim shares: loading it, moving it on, and telling those concerned."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from services.settlement.domain.claims import Claim, ClaimItem, claim_number
from services.settlement.domain.states import CLAIM_MOVES, ClaimState, claim_after
from services.settlement.store import claims as claim_rows
from shared.contracts.messages.settlement import ClaimAdvanced, ClaimItemEnded
from shared.kernel.calendar import business_year
from shared.runtime.work import NotFound, Notice, VersionMismatch, Work

REVIEWERS = {
    ClaimState.IN_REVIEW: ("operator_clerk", "兑现申请{number}已到兑现节点，请集中初审。"),
    ClaimState.BUREAU_REVIEW: ("bureau_officer", "兑现申请{number}已完成初审，审查意见及材料已提交，请审核。"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimResult:
    """Where a claim stands after a command; the claim itself has the result of each item."""

    id: UUID
    number: str
    state: ClaimState
    version: int


def number_of(claim: Claim) -> str:
    """The number people call a claim by."""
    return claim_number(claim.serial, year=business_year(claim.created_at))


def result_of(claim: Claim) -> ClaimResult:
    """The answer to a command on a claim."""
    return ClaimResult(id=claim.id, number=number_of(claim), state=claim.state, version=claim.version)


async def lock_claim(
    work: Work, claim_id: UUID, *, provider_id: UUID | None = None, expected_version: int | None = None
) -> Claim:
    """A claim, locked; with `provider_id` only that provider's own. Raises: NotFound, VersionMismatch."""
    claim = (await claim_rows.lock_claims(work.connection, [claim_id])).get(claim_id)
    if claim is None or provider_id not in {None, claim.provider_id}:
        raise NotFound
    if expected_version not in {None, claim.version}:
        raise VersionMismatch(version=claim.version)
    return claim


async def advance(work: Work, claim: Claim, *, to: ClaimState) -> Claim:
    """Bring a locked claim to a state that an act of its own gives it; emits ClaimAdvanced."""
    CLAIM_MOVES.check(claim.state, to)
    after = replace(claim, state=to, version=claim.version + 1)
    work.emit(ClaimAdvanced(version=after.version, claim_id=claim.id, provider_id=claim.provider_id, state=to.value))
    await claim_rows.save_claim(work, after, expected_version=claim.version)
    _tell_reviewers(work, after)
    return after


async def conclude(work: Work, claim: Claim, *, changed: Sequence[ClaimItem], ended: Sequence[ClaimItem] = ()) -> Claim:
    """Save changed items of a locked claim, and move the claim on where that decides it.

    Emits ClaimItemEnded for each of `ended`, then ClaimAdvanced when the claim has another state.
    """
    await claim_rows.save_items(work, changed)
    after = claim.with_items(*changed)
    for item in ended:
        after = replace(after, version=after.version + 1)
        work.emit(
            ClaimItemEnded(
                version=after.version,
                claim_id=claim.id,
                provider_id=claim.provider_id,
                order_id=item.order_id,
                reason=item.ended_reason,
            )
        )
    if after.version != claim.version:
        await claim_rows.save_claim(work, after, expected_version=claim.version)
    state = claim_after(after.state, items=[item.state for item in after.items.values()])
    return after if state is after.state else await advance(work, after, to=state)


def tell_provider(  # noqa: PLR0913 - the parts of a notice
    work: Work, claim: Claim, *, event: str, text: str, article: str, reason: str = ""
) -> None:
    """Tell the provider of a decision on its claim."""
    work.notify(
        Notice(
            recipient=f"org:{claim.provider_id}",
            subject_type="claim",
            subject_id=claim.id,
            event=event,
            text=text,
            reason=reason,
            article=article,
        )
    )


def _tell_reviewers(work: Work, claim: Claim) -> None:
    role, text = REVIEWERS.get(claim.state, ("", ""))
    if role:
        work.notify(
            Notice(
                recipient=f"role:{role}",
                subject_type="claim",
                subject_id=claim.id,
                event=f"claim.{claim.state.value}",
                text=text.format(number=number_of(claim)),
                article="A22" if claim.state is ClaimState.IN_REVIEW else "A23",
            )
        )
