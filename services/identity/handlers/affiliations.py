"""Ties between an enterprise and a provider: declared by a party, recorded and ended by the operator."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

import asyncpg
from sqlalchemy import insert, select, update

from services.identity.domain.organisations import Organisation
from services.identity.domain.refusals import (
    AffiliationEndedAlready,
    AffiliationRecordedAlready,
    CounterpartUnknown,
)
from services.identity.store.organisations import find_by_code, load_organisation
from services.identity.tables import AFFILIATION
from shared.contracts.messages.identity import AffiliationEnded, AffiliationRecorded
from shared.contracts.policy import PartyKind
from shared.kernel.credit_code import normalise
from shared.runtime.db import execute, fetch_one
from shared.runtime.problems import NotFound
from shared.runtime.work import Actor, Decision, Notice, Work


class AffiliationKind(StrEnum):
    """What ties an enterprise to a provider. Source: A13(4), R63."""

    SUBORDINATION = "subordination"
    JOINT_ESTABLISHMENT = "joint_establishment"
    PROPERTY_TIE = "property_tie"


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
    version: int


async def record_affiliation(work: Work, command: RecordAffiliation) -> AffiliationOutcome:
    """Record a tie; it holds at once, because a doubt must not let public money through.

    Emits: AffiliationRecorded. Raises: NotFound, CounterpartUnknown, AffiliationRecordedAlready. Source: A13(4), R63.
    """
    own = await load_organisation(work.connection, command.organisation_id)
    other_kind = PartyKind.PROVIDER if own.kind is PartyKind.ENTERPRISE else PartyKind.ENTERPRISE
    code = normalise(command.counterpart_code)
    other_id = await find_by_code(work.connection, code, kind=other_kind)
    if other_id is None:
        raise CounterpartUnknown
    enterprise_id, provider_id = _ordered(own, other_id)
    outcome = AffiliationOutcome(
        id=work.new_id(), enterprise_id=enterprise_id, provider_id=provider_id, kind=command.kind, version=1
    )
    values = {
        "id": outcome.id,
        "enterprise_id": enterprise_id,
        "provider_id": provider_id,
        "kind": command.kind.value,
        "source": command.source,
        "recorded_by": command.by.account_id,
        "recorded_at": work.now,
        "version": 1,
    }
    try:
        await execute(work.connection, insert(AFFILIATION).values(**values))
    except asyncpg.UniqueViolationError as error:
        raise AffiliationRecordedAlready from error
    work.emit(
        AffiliationRecorded(
            version=1,
            affiliation_id=outcome.id,
            enterprise_id=enterprise_id,
            provider_id=provider_id,
            kind=command.kind.value,
        )
    )
    _tell(work, outcome, by=command.by, act=_RECORD, ground=command.source)
    return outcome


async def end_affiliation(work: Work, command: EndAffiliation) -> AffiliationOutcome:
    """End a tie; only the operator does, after seeing why.

    Emits: AffiliationEnded. Raises: NotFound, AffiliationEndedAlready. Source: A13(4), R63.
    """
    columns = [AFFILIATION.c[name] for name in ("enterprise_id", "provider_id", "kind", "ended_at")]
    statement = select(*columns).where(AFFILIATION.c.id == command.affiliation_id).with_for_update()
    row = await fetch_one(work.connection, statement)
    if row is None:
        raise NotFound
    if row["ended_at"] is not None:
        raise AffiliationEndedAlready
    outcome = AffiliationOutcome(
        id=command.affiliation_id,
        enterprise_id=row["enterprise_id"],
        provider_id=row["provider_id"],
        kind=AffiliationKind(row["kind"]),
        version=2,
    )
    ending = {"ended_reason": command.reason, "ended_at": work.now, "version": 2}
    await execute(work.connection, update(AFFILIATION).where(AFFILIATION.c.id == outcome.id).values(**ending))
    work.emit(
        AffiliationEnded(
            version=2,
            affiliation_id=outcome.id,
            enterprise_id=outcome.enterprise_id,
            provider_id=outcome.provider_id,
        )
    )
    _tell(work, outcome, by=command.by, act=_END, ground=command.reason)
    return outcome


def _ordered(own: Organisation, other_id: UUID) -> tuple[UUID, UUID]:
    return (own.id, other_id) if own.kind is PartyKind.ENTERPRISE else (other_id, own.id)


_RECORD, _END = "affiliation.record", "affiliation.end"
_VERBS_ZH = {_RECORD: "登记", _END: "解除"}


def _tell(work: Work, outcome: AffiliationOutcome, *, by: Actor, act: str, ground: str) -> None:
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
                text=f"与贵单位有关的一项上云企业与云服务商的关联关系已{_VERBS_ZH[act]}。",
                reason=ground,
                article="A13(4)",
            )
        )
