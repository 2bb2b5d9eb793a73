"""Ties between an enterprise and a provider: declared by a party, recorded and ended by the operator."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from services.identity.domain.affiliations import (
    UNJUDGED,
    Affiliation,
    AffiliationKind,
    AffiliationStanding,
    RecordedAffiliation,
)
from services.identity.domain.organisations import Organisation
from services.identity.domain.refusals import (
    AffiliationEndedAlready,
    AffiliationRecordedAlready,
    CounterpartUnknown,
    SamePerson,
)
from services.identity.domain.standing_refusals import AffiliationAutomatic
from services.identity.handlers.organisations import accept_named
from services.identity.store import affiliations as store
from services.identity.store.organisations import find_by_code, load_organisation, names_of
from shared.contracts.messages.identity import AffiliationEnded, AffiliationRecorded
from shared.contracts.policy import PartyKind
from shared.runtime.work import SYSTEM, Actor, Decision, Notice, Work


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordAffiliation:
    """A tie of `organisation_id` with the party of the other kind that holds `counterpart_code`."""

    organisation_id: UUID
    counterpart_code: str
    kind: AffiliationKind
    source: str
    by: Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class EndAffiliation:
    """A tie that exists no more, with the reason."""

    affiliation_id: UUID
    reason: str
    by: Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class AffiliationResult:
    """A tie after an act."""

    id: UUID
    enterprise_id: UUID
    provider_id: UUID
    kind: AffiliationKind
    standing: AffiliationStanding
    version: int


async def record_affiliation(work: Work, command: RecordAffiliation) -> AffiliationResult:
    """Record a tie; it holds at once, because a doubt must not let public money through.

    One that a party declares again after its dismissal waits for the operator.

    Emits: AffiliationRecorded. Raises: NotFound, CounterpartUnknown, AffiliationRecordedAlready, and what is wrong with
    a code as `accept_named` says. Source: A13(4), R63.
    """
    own = await load_organisation(work.connection, command.organisation_id)
    other_kind = PartyKind.PROVIDER if own.kind is PartyKind.ENTERPRISE else PartyKind.ENTERPRISE
    code = await accept_named(work, command.counterpart_code)
    other_id = await find_by_code(work.connection, code, kind=other_kind)
    if other_id is None:
        raise CounterpartUnknown
    enterprise_id, provider_id = _ordered(own, other_id)
    tie = Affiliation(
        enterprise_id=enterprise_id,
        provider_id=provider_id,
        kind=command.kind,
        source=command.source,
        origin="recorded" if command.by.organisation_id is None else "declared",
    )
    if tie.origin == "declared":
        tie = await _as_declared(work, tie)
    result = await record_tie(work, tie, by=command.by)
    if result is None:
        raise AffiliationRecordedAlready
    return result


async def record_tie(work: Work, tie: Affiliation, *, by: Actor) -> AffiliationResult | None:
    """Record a tie, or nothing where the same one is open already. Emits: AffiliationRecorded once it is in force."""
    affiliation_id, in_force = work.new_id(), tie.standing is not AffiliationStanding.REPEATED
    if not await store.add_affiliation(work, affiliation_id, tie, recorded_by=by.account_id, version=int(in_force)):
        return None
    result = AffiliationResult(
        id=affiliation_id,
        enterprise_id=tie.enterprise_id,
        provider_id=tie.provider_id,
        kind=tie.kind,
        standing=tie.standing,
        version=int(in_force),
    )
    if in_force:
        say_recorded(work, result, origin=tie.origin)
    own_id = by.organisation_id
    texts = {} if own_id is None else await _declared_texts(work, result, declared_by=own_id)
    tell_parties(work, result, by=by, act=_RECORD, ground=tie.source, texts=texts)
    return result


async def _as_declared(work: Work, tie: Affiliation) -> Affiliation:
    """How a party's word counts: a tie that the operator dismissed does not come back by it alone.

    Raises: AffiliationRecordedAlready.
    """
    known = await store.same_affiliations(work.connection, tie)
    if any(one.ended_at is None for one in known):
        raise AffiliationRecordedAlready
    dismissed = any(one.standing is AffiliationStanding.DISMISSED for one in known)
    return replace(tie, standing=AffiliationStanding.REPEATED if dismissed else AffiliationStanding.DECLARED)


async def tie_body(work: Work, organisation: Organisation, others: Sequence[UUID]) -> int:
    """Tie an organisation with those of the other kind that its body also is. Emits: AffiliationRecorded.

    Source: A13(4), R63.
    """
    recorded = 0
    for other_id in others:
        enterprise_id, provider_id = _ordered(organisation, other_id)
        tie = Affiliation(
            enterprise_id=enterprise_id,
            provider_id=provider_id,
            kind=AffiliationKind.SAME_CODE,
            source="双方统一社会信用代码相同，系统自动登记",
            origin="automatic",
        )
        recorded += await record_tie(work, tie, by=SYSTEM) is not None
    return recorded


async def carry_ties(work: Work, organisation: Organisation) -> int:
    """Give an organisation the open ties of others that hold its code: a tie is of the company, not of its account.

    What such a holder declared itself stays its own word. Emits: AffiliationRecorded. Source: A13(4), R63.
    """
    enterprise = organisation.kind is PartyKind.ENTERPRISE
    carried = 0
    for tie, recorded_by in await store.open_of_body(work.connection, organisation.id):
        carried_over = (
            replace(tie, enterprise_id=organisation.id) if enterprise else replace(tie, provider_id=organisation.id)
        )
        by = Actor(account_id=recorded_by, organisation_id=None, role="system")
        carried += await record_tie(work, carried_over, by=by) is not None
    return carried


async def end_affiliation(work: Work, command: EndAffiliation) -> AffiliationResult:
    """End a tie; only the operator does, after seeing why.

    Emits: AffiliationEnded. Raises: NotFound, AffiliationEndedAlready, AffiliationAutomatic, SamePerson.
    Source: A13(4), R63.
    """
    tie = await lock_tie(work, command.affiliation_id)
    if tie.kind is AffiliationKind.SAME_CODE:
        raise AffiliationAutomatic
    # Ending a tie lets public money through, so another person looks.
    if tie.recorded_by == command.by.account_id:
        raise SamePerson
    # What nobody confirmed and the operator ends is dismissed, by whatever name.
    standing = AffiliationStanding.DISMISSED if tie.standing in UNJUDGED else AffiliationStanding.CONFIRMED
    result = await end_tie(work, tie, standing=standing, reason=command.reason)
    tell_parties(work, result, by=command.by, act=_END, ground=command.reason)
    return result


async def lock_tie(work: Work, affiliation_id: UUID) -> RecordedAffiliation:
    """An open tie, locked. Raises: NotFound, AffiliationEndedAlready."""
    tie = await store.lock_affiliation(work.connection, affiliation_id)
    if tie.ended_at is not None:
        raise AffiliationEndedAlready
    return tie


async def end_tie(
    work: Work, tie: RecordedAffiliation, *, standing: AffiliationStanding, reason: str
) -> AffiliationResult:
    """End a locked tie. Emits: AffiliationEnded where it was in force."""
    result = result_of(tie, standing=standing, version=2 if tie.version else 0)
    await store.end_affiliation(work, tie.id, standing=standing, reason=reason, version=result.version)
    if result.version:
        work.emit(
            AffiliationEnded(
                version=result.version,
                affiliation_id=result.id,
                enterprise_id=result.enterprise_id,
                provider_id=result.provider_id,
                kind=result.kind.value,
                ended_at=work.now,
            )
        )
    return result


def result_of(tie: RecordedAffiliation, *, standing: AffiliationStanding, version: int) -> AffiliationResult:
    """A tie after an act on it."""
    return AffiliationResult(
        id=tie.id,
        enterprise_id=tie.enterprise_id,
        provider_id=tie.provider_id,
        kind=tie.kind,
        standing=standing,
        version=version,
    )


def say_recorded(work: Work, result: AffiliationResult, *, origin: str) -> None:
    """A tie is in force from now on. Emits: AffiliationRecorded."""
    work.emit(
        AffiliationRecorded(
            version=result.version,
            affiliation_id=result.id,
            enterprise_id=result.enterprise_id,
            provider_id=result.provider_id,
            kind=result.kind.value,
            origin=origin,
            recorded_at=work.now,
        )
    )


def _ordered(own: Organisation, other_id: UUID) -> tuple[UUID, UUID]:
    return (own.id, other_id) if own.kind is PartyKind.ENTERPRISE else (other_id, own.id)


_RECORD, _END = "affiliation.record", "affiliation.end"
CONFIRM, DISMISS = "affiliation.confirm", "affiliation.dismiss"
_NO_TEXTS: Mapping[UUID, str] = {}
_VERBS_ZH = {_RECORD: "登记", _END: "解除", CONFIRM: "经系统运营方核实确认", DISMISS: "经系统运营方核实驳回"}


async def _declared_texts(work: Work, result: AffiliationResult, *, declared_by: UUID) -> dict[UUID, str]:
    """What the other party is told of a tie that somebody declared alone: who did, what follows, and how to object."""
    parties = (result.enterprise_id, result.provider_id)
    names = await names_of(work.connection, parties)
    side = "上云企业" if declared_by == result.enterprise_id else "云服务商"
    declared = f"{side}“{names[declared_by]}”申报与贵单位存在关联关系"
    if result.standing is AffiliationStanding.REPEATED:
        text = f"{declared}；同一申报此前已被驳回，此次经系统运营方核实确认后方生效。"
        own = "贵单位申报的关联关系此前已被驳回，此次申报已登记，经系统运营方核实确认后方生效。"
        return {party: own if party == declared_by else text for party in parties}
    text = (
        f"{declared}，即时生效；生效期间双方不能通过本系统交易，相关订单不能申请兑现。"
        "系统运营方将核实该申报。如有异议，请向系统运营方提出并附证明材料，核实后由系统运营方确认或者驳回。"
    )
    return {party: text for party in parties if party != declared_by}


def tell_parties(  # noqa: PLR0913 - the parts of a notice
    work: Work, result: AffiliationResult, *, by: Actor, act: str, ground: str, texts: Mapping[UUID, str] = _NO_TEXTS
) -> None:
    """Record an act on a tie, and tell both parties."""
    work.decide(
        Decision(subject_type="affiliation", subject_id=result.id, act=act, by=by, rule="A13(4)", ground=ground)
    )
    for party in (result.enterprise_id, result.provider_id):
        work.notify(
            Notice(
                recipient=f"org:{party}",
                subject_type="affiliation",
                subject_id=result.id,
                event=act,
                text=texts.get(party, f"与贵单位有关的一项上云企业与云服务商的关联关系已{_VERBS_ZH[act]}。"),
                reason=ground,
                article="A13(4)",
            )
        )
