"""Ties between an enterprise and a provider: declared by a party, recorded and ended by the operator."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert

from services.identity.domain.organisations import Organisation
from services.identity.domain.refusals import (
    AffiliationEndedAlready,
    AffiliationRecordedAlready,
    CounterpartUnknown,
    SamePerson,
)
from services.identity.domain.standing_refusals import AffiliationAutomatic
from services.identity.handlers.organisations import accept_named
from services.identity.store.organisations import find_by_code, load_organisation
from services.identity.tables import AFFILIATION, ORGANISATION
from shared.contracts.messages.identity import AffiliationEnded, AffiliationRecorded
from shared.contracts.policy import PartyKind
from shared.runtime.sql import Record, execute, fetch_all, fetch_one
from shared.runtime.work import SYSTEM, Actor, Decision, NotFound, Notice, Work


class AffiliationKind(StrEnum):
    """What ties an enterprise to a provider. Source: A13(4), R63."""

    SUBORDINATION = "subordination"
    JOINT_ESTABLISHMENT = "joint_establishment"
    PROPERTY_TIE = "property_tie"
    SAME_CODE = "same_code"
    """One credit code holds both kinds: recorded by itself, for ever."""
    SAME_PARTY = "same_party"
    """A reviewer found two registrations to be one company."""


class TieStanding(StrEnum):
    """What became of a tie that a party declared; what staff or the platform recorded is confirmed from the first."""

    DECLARED = "declared"
    """In force, because a doubt must not let public money through, until somebody judges it."""
    REPEATED = "repeated"
    """Declared once more after a dismissal: in force only once it is confirmed."""
    CONFIRMED = "confirmed"
    DISMISSED = "dismissed"


UNJUDGED = frozenset({TieStanding.DECLARED, TieStanding.REPEATED})
_TIES_OF_BODY = """
SELECT a.enterprise_id, a.provider_id, a.kind, a.source, a.origin, a.standing, a.recorded_by
FROM organisation own
JOIN organisation o ON left(o.credit_code, 17) = left(own.credit_code, 17) AND o.kind = own.kind AND o.id <> own.id
JOIN affiliation a ON o.id IN (a.enterprise_id, a.provider_id)
LEFT JOIN account c ON c.id = a.recorded_by
WHERE own.id = $1 AND a.ended_at IS NULL AND a.standing <> 'repeated' AND a.kind <> 'same_code'
  AND c.organisation_id IS DISTINCT FROM o.id
ORDER BY a.id
"""


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
class AffiliationOutcome:
    """A tie after an act."""

    id: UUID
    enterprise_id: UUID
    provider_id: UUID
    kind: AffiliationKind
    standing: TieStanding
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Tie:
    """A tie of a pair: `origin` is declared (by a party), recorded (by the operator) or automatic."""

    enterprise_id: UUID
    provider_id: UUID
    kind: AffiliationKind
    source: str
    origin: str
    standing: TieStanding = TieStanding.CONFIRMED


async def record_affiliation(work: Work, command: RecordAffiliation) -> AffiliationOutcome:
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
    tie = Tie(
        enterprise_id=enterprise_id,
        provider_id=provider_id,
        kind=command.kind,
        source=command.source,
        origin="recorded" if command.by.organisation_id is None else "declared",
    )
    if tie.origin == "declared":
        tie = await _as_declared(work, tie)
    outcome = await record_tie(work, tie, by=command.by)
    if outcome is None:
        raise AffiliationRecordedAlready
    return outcome


async def record_tie(work: Work, tie: Tie, *, by: Actor) -> AffiliationOutcome | None:
    """Record a tie, or nothing where the same one is open already. Emits: AffiliationRecorded once it is in force."""
    affiliation_id, in_force = work.new_id(), tie.standing is not TieStanding.REPEATED
    values = {
        "id": affiliation_id,
        "enterprise_id": tie.enterprise_id,
        "provider_id": tie.provider_id,
        "kind": tie.kind.value,
        "source": tie.source,
        "origin": tie.origin,
        "standing": tie.standing.value,
        "recorded_by": by.account_id,
        "recorded_at": work.now,
        "version": int(in_force),
    }
    statement = insert(AFFILIATION).values(**values).on_conflict_do_nothing()
    if not await execute(work.connection, statement):
        return None
    outcome = AffiliationOutcome(
        id=affiliation_id,
        enterprise_id=tie.enterprise_id,
        provider_id=tie.provider_id,
        kind=tie.kind,
        standing=tie.standing,
        version=int(in_force),
    )
    if in_force:
        say_recorded(work, outcome, origin=tie.origin)
    texts = await _declared_texts(work, outcome, by=by) if by.organisation_id is not None else {}
    tell_parties(work, outcome, by=by, act=_RECORD, ground=tie.source, texts=texts)
    return outcome


async def _as_declared(work: Work, tie: Tie) -> Tie:
    """How a party's word counts: a tie that the operator dismissed does not come back by it alone.

    Raises: AffiliationRecordedAlready.
    """
    same = [AFFILIATION.c[name] == getattr(tie, name) for name in ("enterprise_id", "provider_id", "kind")]
    rows = await fetch_all(work.connection, select(AFFILIATION.c.standing, AFFILIATION.c.ended_at).where(*same))
    if any(row["ended_at"] is None for row in rows):
        raise AffiliationRecordedAlready
    dismissed = any(row["standing"] == TieStanding.DISMISSED for row in rows)
    return replace(tie, standing=TieStanding.REPEATED if dismissed else TieStanding.DECLARED)


async def tie_body(work: Work, organisation: Organisation, others: Sequence[UUID]) -> int:
    """Tie an organisation with those of the other kind that its body also is. Emits: AffiliationRecorded.

    Source: A13(4), R63.
    """
    recorded = 0
    for other_id in others:
        enterprise_id, provider_id = _ordered(organisation, other_id)
        tie = Tie(
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
    for row in await work.connection.fetch(_TIES_OF_BODY, organisation.id):
        enterprise_id, provider_id = _ordered(organisation, row["provider_id" if enterprise else "enterprise_id"])
        tie = Tie(
            enterprise_id=enterprise_id,
            provider_id=provider_id,
            kind=AffiliationKind(row["kind"]),
            source=row["source"],
            origin=row["origin"],
            standing=TieStanding(row["standing"]),
        )
        by = Actor(account_id=row["recorded_by"], organisation_id=None, role="system")
        carried += await record_tie(work, tie, by=by) is not None
    return carried


async def end_affiliation(work: Work, command: EndAffiliation) -> AffiliationOutcome:
    """End a tie; only the operator does, after seeing why.

    Emits: AffiliationEnded. Raises: NotFound, AffiliationEndedAlready, AffiliationAutomatic, SamePerson.
    Source: A13(4), R63.
    """
    row = await lock_tie(work, command.affiliation_id)
    if row["kind"] == AffiliationKind.SAME_CODE.value:
        raise AffiliationAutomatic
    # Ending a tie lets public money through, so another person looks.
    if row["recorded_by"] == command.by.account_id:
        raise SamePerson
    # What nobody confirmed and the operator ends is dismissed, by whatever name.
    standing = TieStanding.DISMISSED if row["standing"] in UNJUDGED else TieStanding.CONFIRMED
    outcome = await end_tie(work, row, standing=standing, reason=command.reason)
    tell_parties(work, outcome, by=command.by, act=_END, ground=command.reason)
    return outcome


async def lock_tie(work: Work, affiliation_id: UUID) -> Record:
    """An open tie, locked. Raises: NotFound, AffiliationEndedAlready."""
    columns = [AFFILIATION.c[name] for name in ("id", "enterprise_id", "provider_id", "kind", "origin", "standing")]
    columns += [AFFILIATION.c[name] for name in ("recorded_by", "ended_at", "version")]
    statement = select(*columns).where(AFFILIATION.c.id == affiliation_id).with_for_update()
    row = await fetch_one(work.connection, statement)
    if row is None:
        raise NotFound
    if row["ended_at"] is not None:
        raise AffiliationEndedAlready
    return row


async def end_tie(work: Work, row: Record, *, standing: TieStanding, reason: str) -> AffiliationOutcome:
    """End a locked tie. Emits: AffiliationEnded where it was in force."""
    outcome = outcome_of(row, standing=standing, version=2 if row["version"] else 0)
    ending = {"standing": standing.value, "ended_reason": reason, "ended_at": work.now, "version": outcome.version}
    await execute(work.connection, update(AFFILIATION).where(AFFILIATION.c.id == outcome.id).values(**ending))
    if outcome.version:
        work.emit(
            AffiliationEnded(
                version=outcome.version,
                affiliation_id=outcome.id,
                enterprise_id=outcome.enterprise_id,
                provider_id=outcome.provider_id,
                kind=outcome.kind.value,
                ended_at=work.now,
            )
        )
    return outcome


def outcome_of(row: Record, *, standing: TieStanding, version: int) -> AffiliationOutcome:
    """A tie after an act on its row."""
    return AffiliationOutcome(
        id=row["id"],
        enterprise_id=row["enterprise_id"],
        provider_id=row["provider_id"],
        kind=AffiliationKind(row["kind"]),
        standing=standing,
        version=version,
    )


def say_recorded(work: Work, outcome: AffiliationOutcome, *, origin: str) -> None:
    """A tie is in force from now on. Emits: AffiliationRecorded."""
    work.emit(
        AffiliationRecorded(
            version=outcome.version,
            affiliation_id=outcome.id,
            enterprise_id=outcome.enterprise_id,
            provider_id=outcome.provider_id,
            kind=outcome.kind.value,
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


async def _declared_texts(work: Work, outcome: AffiliationOutcome, *, by: Actor) -> dict[UUID, str]:
    """What the other party is told of a tie that somebody declared alone: who did, what follows, and how to object."""
    parties = (outcome.enterprise_id, outcome.provider_id)
    rows = await fetch_all(
        work.connection, select(ORGANISATION.c.id, ORGANISATION.c.name).where(ORGANISATION.c.id.in_(parties))
    )
    names = {row["id"]: row["name"] for row in rows}
    side = "上云企业" if by.organisation_id == outcome.enterprise_id else "云服务商"
    declared = f"{side}“{names[by.organisation_id]}”申报与贵单位存在关联关系"
    if outcome.standing is TieStanding.REPEATED:
        text = f"{declared}；同一申报此前已被驳回，此次经系统运营方核实确认后方生效。"
        own = "贵单位申报的关联关系此前已被驳回，此次申报已登记，经系统运营方核实确认后方生效。"
        return {party: own if party == by.organisation_id else text for party in parties}
    text = (
        f"{declared}，即时生效；生效期间双方不能通过本系统交易，相关订单不能申请兑现。"
        "系统运营方将核实该申报。如有异议，请向系统运营方提出并附证明材料，核实后由系统运营方确认或者驳回。"
    )
    return {party: text for party in parties if party != by.organisation_id}


def tell_parties(  # noqa: PLR0913 - the parts of a notice
    work: Work, outcome: AffiliationOutcome, *, by: Actor, act: str, ground: str, texts: Mapping[UUID, str] = _NO_TEXTS
) -> None:
    """Record an act on a tie, and tell both parties."""
    work.decide(
        Decision(subject_type="affiliation", subject_id=outcome.id, act=act, by=by, rule="A13(4)", ground=ground)
    )
    for party in (outcome.enterprise_id, outcome.provider_id):
        work.notify(
            Notice(
                recipient=f"org:{party}",
                subject_type="affiliation",
                subject_id=outcome.id,
                event=act,
                text=texts.get(party, f"与贵单位有关的一项上云企业与云服务商的关联关系已{_VERBS_ZH[act]}。"),
                reason=ground,
                article="A13(4)",
            )
        )
