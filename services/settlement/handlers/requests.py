"""What every act on a request for appropriation shares: loading it, telling of it, and its record."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from services.settlement.domain.claims import Claim, ClaimItem, appropriation_number
from services.settlement.domain.states import AppropriationState
from services.settlement.store import appropriations as rows
from services.settlement.store import claims
from shared.kernel.calendar import business_year
from shared.kernel.money import Fen, format_yuan
from shared.runtime.sql import Record
from shared.runtime.work import Actor, Decision, NotFound, Notice, VersionMismatch, Work


@dataclass(frozen=True, slots=True, kw_only=True)
class AppropriationResult:
    """Where a request stands after a command."""

    id: UUID
    number: str
    state: AppropriationState
    version: int
    approved_fen: int | None = None


async def lock_request(
    work: Work, appropriation_id: UUID, *, expected_version: int | None = None
) -> tuple[Record, list[Claim]]:
    """A request and its claims, locked; claims first, as every act on a claim locks them.

    Raises: NotFound, VersionMismatch.
    """
    claim_ids = await rows.claims_of(work.connection, appropriation_id)
    concerned = await claims.lock_claims(work.connection, claim_ids)
    row = await rows.lock_appropriation(work.connection, appropriation_id)
    if row is None:
        raise NotFound
    if expected_version not in {None, row["version"]}:
        raise VersionMismatch(version=row["version"])
    return row, [claim for claim in concerned.values() if items_of(claim, row)]


def items_of(claim: Claim, row: Record) -> list[ClaimItem]:
    """The running orders of a claim that are in a request."""
    return [item for item in claim.live_items() if item.appropriation_id == row["id"]]


def all_items(concerned: Sequence[Claim], row: Record) -> list[ClaimItem]:
    """The running orders of a request."""
    return [item for claim in concerned for item in items_of(claim, row)]


def yuan(amount_fen: int) -> str:
    """An amount as sentences give it."""
    return format_yuan(Fen(amount_fen))


def reductions(items: Sequence[ClaimItem]) -> str:
    """Why less than claimed was approved, each reason once."""
    return "；".join(sorted({item.approved_reason for item in items if item.approved_reason}))


def request_number(row: Record) -> str:
    """The number people call a request by."""
    return appropriation_number(row["serial"], year=business_year(row["requested_at"]))


def result_of(
    row: Record, state: AppropriationState, *, version: int, approved_fen: int | None = None
) -> AppropriationResult:
    """The answer to a command on a request."""
    return AppropriationResult(
        id=row["id"], number=request_number(row), state=state, version=version, approved_fen=approved_fen
    )


def decide(  # noqa: PLR0913 - the parts of a decision
    work: Work,
    appropriation_id: UUID,
    *,
    act: str,
    by: Actor,
    after: AppropriationState,
    before: str = "",
    ground: str = "",
    facts: dict[str, object] | None = None,
) -> None:
    """Record an act on a request."""
    work.decide(
        Decision(
            subject_type="appropriation",
            subject_id=appropriation_id,
            act=act,
            by=by,
            rule="A24",
            ground=ground,
            before=before,
            after=after.value,
            facts=facts or {},
        )
    )


def tell_role(work: Work, appropriation_id: UUID, *, role: str, text: str) -> None:
    """Tell a role that a request waits for it."""
    work.notify(
        Notice(
            recipient=f"role:{role}",
            subject_type="appropriation",
            subject_id=appropriation_id,
            event="appropriation.waiting",
            text=text,
            article="A24",
        )
    )
