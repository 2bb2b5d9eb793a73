"""Recognition by the bureau, suspension, and the priority list."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from services.identity.domain import organisations as rules
from services.identity.domain.organisations import Organisation
from services.identity.domain.refusals import SamePerson
from services.identity.domain.standing_refusals import (
    ReinstatementNotAsked,
    ReinstatementNotForBureau,
    SuspendedByBureau,
)
from services.identity.handlers.organisations import OrganisationResult, Telling, move, result_of
from services.identity.store import organisations as store
from shared.contracts.messages.identity import (
    OrganisationReinstated,
    OrganisationSuspended,
    PriorityListed,
    ProviderRecognised,
    ProviderRecognitionRefused,
)
from shared.kernel import wording
from shared.runtime.work import Actor, Decision, Notice, Work


class RecognitionOutcome(StrEnum):
    """What the bureau decides on a provider."""

    RECOGNISED = "recognised"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class DecideRecognition:
    """The bureau's decision; `exception_reason` is for a provider that is no legal person (Q8)."""

    organisation_id: UUID
    expected_version: int | None
    outcome: RecognitionOutcome
    criteria: Sequence[str]
    reason: str
    exception_reason: str
    by: Actor


async def decide_recognition(work: Work, command: DecideRecognition) -> OrganisationResult:
    """Recognise a provider, or not.

    Emits: ProviderRecognised or ProviderRecognitionRefused. Raises: NotFound, VersionMismatch, NotProvider,
    RecognitionNotOpen, RecognitionNeedsException, SamePerson, and the refusals of standing.
    Source: N三(二), R43, Q8, Q9.
    """
    before = await _load(work, command.organisation_id, command.expected_version)
    recognised = command.outcome is RecognitionOutcome.RECOGNISED
    if recognised:
        after = rules.recognise(before, exception_reason=command.exception_reason, now=work.now)
    else:
        after = rules.refuse_recognition(before)
    if before.reviewed_by == command.by.account_id:
        raise SamePerson
    values = {
        "id": work.new_id(),
        "organisation_id": before.id,
        "outcome": command.outcome.value,
        "criteria": list(command.criteria),
        "reason": command.reason,
        "exception_reason": command.exception_reason,
        "decided_by": command.by.account_id,
        "decided_at": work.now,
    }
    await store.add_recognition(work, values)
    verdict = "已经省大数据局认定为云服务商" if recognised else "未获认定为云服务商"
    telling = Telling(
        act="recognition.decide",
        rule="N三(二)",
        ground="；".join(part for part in (command.reason, command.exception_reason) if part),
        text=f"{after.name}{verdict}。",
        before=before.recognition.value,
        after=after.recognition.value,
    )
    fact = ProviderRecognised if recognised else ProviderRecognitionRefused
    return await move(work, after, fact=fact, by=command.by, telling=telling)


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspend:
    """Stop an organisation from acting; `effective_at` None means now."""

    organisation_id: UUID
    expected_version: int | None
    reason: str
    effective_at: datetime | None
    by_bureau: bool
    by: Actor


async def suspend(work: Work, command: Suspend) -> OrganisationResult:
    """Suspend an organisation from a moment on; what the bureau has a part in, the bureau ends.

    Emits: OrganisationSuspended. Raises: NotFound, VersionMismatch, OrganisationClosed, SuspensionMomentInvalid,
    SuspensionNotOpen. Source: A7, A9, Q18, Q25, R8.
    """
    before = await _load(work, command.organisation_id, command.expected_version)
    after = rules.suspend(
        before, effective_at=command.effective_at or work.now, by_bureau=command.by_bureau, now=work.now
    )
    where = "省大数据局" if after.suspended_by_bureau else "系统运营方"
    begins = _when_zh(after.suspended_since, now=work.now)
    telling = Telling(
        act="organisation.suspend",
        rule="A9, A12",
        ground=command.reason,
        text=f"{after.name}{begins}被暂停使用本系统，如有异议可向{where}申诉。",
        before=_told(before.suspended_since),
        after=_told(after.suspended_since),
    )
    return await move(work, after, fact=OrganisationSuspended, by=command.by, telling=telling)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reinstate:
    """Let a suspended organisation act again, or ask the bureau to, or say as the bureau that it stays suspended."""

    organisation_id: UUID
    expected_version: int | None
    reason: str
    by_bureau: bool
    by: Actor


async def reinstate(work: Work, command: Reinstate) -> OrganisationResult:
    """End a suspension.

    Emits: OrganisationReinstated. Raises: NotFound, VersionMismatch, OrganisationBlacklisted, SuspensionNotOpen,
    SuspendedByBureau. Source: A7, A9, Q18, Q25, R8, R58.
    """
    before = await _load(work, command.organisation_id, command.expected_version)
    after = rules.reinstate(before, by_bureau=command.by_bureau)
    asked_by = await store.answer_reinstatement(work, before.id)
    if asked_by is not None:
        _tell_asker(work, after, asked_by, text=f"省大数据局已解除对{after.name}的暂停。", reason=command.reason)
    ahead = before.suspended_since is not None and before.suspended_since > work.now
    telling = Telling(
        act="organisation.reinstate",
        rule="A9, A12",
        ground=command.reason,
        text=f"对{after.name}的暂停决定已撤销。" if ahead else f"{after.name}已恢复使用本系统。",
        before=_told(before.suspended_since),
    )
    return await move(work, after, fact=OrganisationReinstated, by=command.by, telling=telling)


async def ask_reinstatement(work: Work, command: Reinstate) -> OrganisationResult:
    """Ask the bureau to end a suspension that it decided; it is a task of the bureau's leads until they answer.

    Raises: NotFound, VersionMismatch, ReinstatementNotForBureau. Source: A7, A9, Q18, R8.
    """
    organisation = await _load(work, command.organisation_id, command.expected_version)
    asks = organisation.suspended_by_bureau and not command.by_bureau
    if not asks or not await store.ask_reinstatement(work, organisation.id, by=command.by.account_id, now=work.now):
        raise ReinstatementNotForBureau
    _decide_asking(work, organisation, command, act="organisation.ask_reinstatement")
    work.notify(
        Notice(
            recipient="role:bureau_lead",
            subject_type="organisation",
            subject_id=organisation.id,
            event="organisation.ask_reinstatement",
            text=f"系统运营方提请解除对{organisation.name}的暂停，请决定。",
            reason=command.reason,
            article="A7, A9",
        )
    )
    return result_of(organisation)


async def refuse_reinstatement(work: Work, command: Reinstate) -> OrganisationResult:
    """Say as the bureau that a suspension stays, to whoever asked for its end.

    Raises: NotFound, VersionMismatch, SuspendedByBureau, ReinstatementNotAsked. Source: A7, A9, Q18, R8.
    """
    organisation = await _load(work, command.organisation_id, command.expected_version)
    if not command.by_bureau:
        raise SuspendedByBureau
    asked_by = await store.answer_reinstatement(work, organisation.id)
    if asked_by is None:
        raise ReinstatementNotAsked
    _decide_asking(work, organisation, command, act="organisation.refuse_reinstatement")
    _tell_asker(
        work, organisation, asked_by, text=f"您提请解除对{organisation.name}的暂停，未获同意。", reason=command.reason
    )
    return result_of(organisation)


def _decide_asking(work: Work, organisation: Organisation, command: Reinstate, *, act: str) -> None:
    since = _told(organisation.suspended_since)
    work.decide(
        Decision(
            subject_type="organisation",
            subject_id=organisation.id,
            act=act,
            by=command.by,
            rule="A7, A9",
            ground=command.reason,
            before=since,
            after=since,
        )
    )


def _tell_asker(work: Work, organisation: Organisation, asked_by: UUID, *, text: str, reason: str) -> None:
    work.notify(
        Notice(
            recipient=f"account:{asked_by}",
            subject_type="organisation",
            subject_id=organisation.id,
            event="organisation.reinstatement_answered",
            text=text,
            reason=reason,
            article="A7, A9",
        )
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangePriority:
    """Put an enterprise on the priority list, or take it off; `source` names the published list."""

    organisation_id: UUID
    expected_version: int | None
    listed: bool
    source: str
    by: Actor


async def change_priority(work: Work, command: ChangePriority) -> OrganisationResult:
    """Change the priority list.

    Emits: PriorityListed. Raises: NotFound, VersionMismatch, NotEnterprise, PriorityUnchanged, and the refusals of
    standing. Source: A18, R31, Q2.
    """
    before = await _load(work, command.organisation_id, command.expected_version)
    after = rules.list_priority(before, now=work.now) if command.listed else rules.unlist_priority(before)
    values = {
        "id": work.new_id(),
        "organisation_id": before.id,
        "listed": command.listed,
        "source": command.source,
        "recorded_by": command.by.account_id,
        "recorded_at": work.now,
    }
    await store.add_priority_entry(work, values)
    verb = "列入" if command.listed else "移出"
    telling = Telling(
        act="priority.change",
        rule="A18",
        ground=command.source,
        text=f"{after.name}已{verb}“万企融合”优先名单。",
        before=str(before.priority_listed).lower(),
        after=str(after.priority_listed).lower(),
    )
    return await move(work, after, fact=PriorityListed, by=command.by, telling=telling)


def _told(moment: datetime | None) -> str:
    return moment.isoformat() if moment else ""


def _when_zh(since: datetime | None, *, now: datetime) -> str:
    if since is None or since <= now:
        return "已"
    return f"将自北京时间{wording.moment(since)}起"


async def _load(work: Work, organisation_id: UUID, expected_version: int | None) -> Organisation:
    return await store.load_organisation(work.connection, organisation_id, expected_version=expected_version)
