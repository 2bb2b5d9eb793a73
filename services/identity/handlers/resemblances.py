"""Two registrations that may be one company: noticed when one is handed in or approved, decided by a reviewer."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from services.identity.domain.affiliations import Affiliation, AffiliationKind
from services.identity.domain.resemblance import GROUND_ZH, Ground, ResemblanceOutcome
from services.identity.domain.standing_refusals import ResemblanceDecidedAlready
from services.identity.handlers.affiliations import record_tie
from services.identity.sealing import Vault
from services.identity.store import resemblances as store
from shared.contracts.policy import PartyKind
from shared.kernel.names import fold_phone
from shared.kernel.refusals import invariant
from shared.runtime.work import Actor, Decision, NotFound, Work


def index_phone(vault: Vault, phone: str) -> bytes:
    """The keyed hash under which a telephone number is found again, however it is written."""
    return vault.index(fold_phone(phone).encode(), purpose="phone")


async def notice_alike(work: Work, organisation_id: UUID) -> None:
    """Keep the pairs that an organisation makes with others: its reviewer sees them, and so do the others'."""
    alike = await store.find_alike(work.connection, organisation_id)
    if alike:
        ids = [work.new_id() for _ in alike]
        await store.keep_pairs(work, organisation_id, alike, ids=ids, now=work.now)


@dataclass(frozen=True, slots=True, kw_only=True)
class DecideResemblance:
    """What a reviewer found out about a pair, with the reason."""

    resemblance_id: UUID
    outcome: ResemblanceOutcome
    reason: str
    by: Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class ResemblanceResult:
    """A pair after its decision; `affiliation_id` is the tie that followed from it."""

    id: UUID
    outcome: ResemblanceOutcome
    grounds: Sequence[str]
    affiliation_id: UUID | None


async def decide_resemblance(work: Work, command: DecideResemblance) -> ResemblanceResult:
    """Say whether two organisations are one company; an enterprise and a provider that are one are tied at once.

    Emits: AffiliationRecorded. Raises: NotFound, ResemblanceDecidedAlready. Source: A11(1), A13(4), A14(1), R63.
    """
    pair = await store.lock_pair(work.connection, command.resemblance_id)
    if pair is None:
        raise NotFound
    if pair["outcome"] != "open":
        raise ResemblanceDecidedAlready
    invariant(command.by.account_id is not None, "people decide resemblances")
    await store.decide_pair(
        work,
        command.resemblance_id,
        outcome=command.outcome.value,
        reason=command.reason,
        decided_by=command.by.account_id,  # type: ignore[arg-type] # the invariant above
        now=work.now,
    )
    grounds = "、".join(GROUND_ZH[Ground(ground)] for ground in pair["grounds"])
    work.decide(
        Decision(
            subject_type="resemblance",
            subject_id=command.resemblance_id,
            act="resemblance.decide",
            by=command.by,
            rule="A11(1), A14(1)",
            ground=command.reason,
            before=grounds,
            after=command.outcome.value,
            facts={"first_id": str(pair["first_id"]), "second_id": str(pair["second_id"])},
        )
    )
    tie = None
    if command.outcome is ResemblanceOutcome.SAME and pair["first_kind"] != pair["second_kind"]:
        first_is_enterprise = pair["first_kind"] == PartyKind.ENTERPRISE.value
        enterprise, provider = ("first", "second") if first_is_enterprise else ("second", "first")
        tie = await record_tie(
            work,
            Affiliation(
                enterprise_id=pair[f"{enterprise}_id"],
                provider_id=pair[f"{provider}_id"],
                kind=AffiliationKind.SAME_PARTY,
                source=f"{grounds}；{command.reason}",
                origin="recorded",
            ),
            by=command.by,
        )
    return ResemblanceResult(
        id=command.resemblance_id,
        outcome=command.outcome,
        grounds=pair["grounds"],
        affiliation_id=None if tie is None else tie.id,
    )
