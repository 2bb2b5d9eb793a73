"""Real-name authentication: handing in, sending back, refusing, approving."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from uuid import UUID

from services.identity.domain import organisations as rules
from services.identity.domain.organisations import Organisation, SizeClass
from services.identity.domain.refusals import (
    CreditCodeRegistered,
    DeclarationOutdated,
    DocumentKindUnknown,
    IdNumberRequired,
)
from services.identity.domain.reviewing import (
    FiledDocument,
    Filing,
    Tick,
    check_changed,
    check_checklist,
    check_documents,
)
from services.identity.domain.standing_refusals import OrganisationBlacklisted
from services.identity.handlers.affiliations import carry_ties, tie_body
from services.identity.handlers.organisations import OrganisationResult, Telling, move
from services.identity.handlers.resemblances import notice_alike
from services.identity.sealing import Vault
from services.identity.store import organisations as store
from services.identity.store.documents import digests_of, filed_documents
from shared.contracts.messages.identity import (
    AuthenticationRefused,
    AuthenticationSentBack,
    AuthenticationSubmitted,
    OrganisationAuthenticated,
)
from shared.contracts.policy import PartyKind
from shared.kernel.resident_id import accept
from shared.runtime.work import Actor, Work

_HELD_BY_ANOTHER = "该统一社会信用代码已由另一申请单位凭材料通过实名认证。如有异议，请向系统运营方提出。"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Submit:
    """An authentication form.

    `illegible_reasons` says, by kind, why a hard to read document is handed in, `correction` what was put right since
    the last one came back.
    """

    organisation_id: UUID
    expected_version: int | None
    legal_person: bool
    established_on: date
    size_class: SizeClass
    declaration_version: str
    id_number: str
    illegible_reasons: Mapping[str, str]
    correction: str
    by: Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """The operator's decision on a submission: reasons as a whole and by document, or the ticked checklist."""

    organisation_id: UUID
    expected_version: int | None
    reason: str
    document_reasons: Mapping[str, str] = field(default_factory=dict)
    ticks: Sequence[Tick] = ()
    by: Actor


async def submit(work: Work, command: Submit) -> OrganisationResult:
    """Hand in for authentication.

    Emits: AuthenticationSubmitted. Raises: NotFound, VersionMismatch, CreditCodeRegistered, DeclarationOutdated,
    IdNumberRequired, ResidentIdMalformed, ResidentIdCheckDigit, SubmissionUnchanged, and the refusals of the rules.
    Source: A11(2), A14(2), R10, R45, R65.
    """
    before = await store.load_organisation(
        work.connection, command.organisation_id, expected_version=command.expected_version
    )
    after = rules.submit(
        before,
        legal_person=command.legal_person,
        established_on=command.established_on,
        size_class=command.size_class,
        now=work.now,
    )
    if await store.is_body_held(work.connection, before.credit_code, kind=before.kind):
        raise CreditCodeRegistered
    declaration = work.pack.truth_declaration
    if command.declaration_version != declaration.version:
        raise DeclarationOutdated(version=declaration.version)
    filed = await filed_documents(work.connection, before.id)
    check_documents(work.pack.documents_of(before.kind), filed=filed, illegible_reasons=command.illegible_reasons)
    known = await store.id_number_index(work.connection, before.id)
    given = await _keep_id_number(work, before, command, known=known)
    await _refuse_unchanged(work, command, filed, forms=(_form(before, known), _form(after, given)))
    submission = {
        "id": work.new_id(),
        "organisation_id": before.id,
        "documents": {
            kind: {"id": str(document.id), "illegible_reason": command.illegible_reasons.get(kind, "")}
            for kind, document in filed.items()
        },
        "declaration_version": declaration.version,
        "correction": command.correction,
        "declared_by": command.by.account_id,
        "submitted_at": work.now,
    }
    await store.add_submission(work, submission)
    telling = _telling(
        before, after, act="submit", ground=command.correction, text=f"{after.name}的实名认证材料已提交，请等待审核。"
    )
    result = await move(work, after, fact=AuthenticationSubmitted, by=command.by, telling=telling)
    await notice_alike(work, after.id)
    return result


async def _keep_id_number(
    work: Work, organisation: Organisation, command: Submit, *, known: bytes | None
) -> bytes | None:
    """Store the ID number of the form and return its index; without one, that of the known one.

    Raises: IdNumberRequired, ResidentIdMalformed, ResidentIdCheckDigit.
    """
    if not command.id_number:
        if organisation.kind is PartyKind.ENTERPRISE and known is None:
            raise IdNumberRequired
        return known
    number = accept(command.id_number).encode()
    vault = work.ports.get(Vault)
    index = vault.index(number, purpose="id_number")
    sealed = vault.seal(number, record_id=organisation.id, field="id_number")
    await store.set_id_number(work, organisation.id, sealed=sealed, index=index)
    return index


def _form(organisation: Organisation, id_number: bytes | None) -> tuple[object, ...]:
    """What is filled in, as far as two hand-ins are compared."""
    return (organisation.legal_person, organisation.established_on, organisation.size_class, id_number)


async def _refuse_unchanged(
    work: Work,
    command: Submit,
    filed: Mapping[str, FiledDocument],
    *,
    forms: tuple[tuple[object, ...], tuple[object, ...]],
) -> None:
    """Compare what is handed in with what came back; `forms` are the last one and this one.

    Raises: SubmissionUnchanged.
    """
    last = await store.last_submission(work.connection, command.organisation_id)
    if last is None:
        return
    then = {kind: UUID(one["id"]) for kind, one in last["documents"].items()}
    now = {kind: document.id for kind, document in filed.items()}
    digests = await digests_of(work.connection, {*then.values(), *now.values()})
    before = Filing(
        documents={kind: (digests[one], last["documents"][kind]["illegible_reason"]) for kind, one in then.items()},
        form=forms[0],
    )
    after = Filing(
        documents={kind: (digests[one], command.illegible_reasons.get(kind, "")) for kind, one in now.items()},
        form=forms[1],
    )
    names = {kind.code: kind.name for kinds in PartyKind for kind in work.pack.documents_of(kinds)}
    check_changed(before, after, sent_back=list(last["document_reasons"]), names=names, correction=command.correction)


async def send_back(work: Work, command: Review) -> OrganisationResult:
    """Ask for better documents.

    Emits: AuthenticationSentBack. Raises: NotFound, VersionMismatch, AuthenticationNotOpen, DocumentKindUnknown.
    Source: R45.
    """
    before = await _load(work, command)
    names = {kind.code: kind.name for kind in work.pack.documents_of(before.kind)}
    for code in command.document_reasons:
        if code not in names:
            raise DocumentKindUnknown(kind=code)
    after = rules.send_back(before)
    details = "；".join(f"{names[code]}：{reason}" for code, reason in command.document_reasons.items())
    ground = "；".join(part for part in (command.reason, details) if part)
    await _close(work, command, outcome="sent_back")
    text = f"{after.name}的实名认证材料已退回，请补正后重新提交：{ground}"
    telling = _telling(before, after, act="send_back", ground=ground, text=text)
    return await move(work, after, fact=AuthenticationSentBack, by=command.by, telling=telling)


async def refuse(work: Work, command: Review) -> OrganisationResult:
    """Refuse authentication.

    Emits: AuthenticationRefused. Raises: NotFound, VersionMismatch, AuthenticationNotOpen. Source: A11(3), A14(3).
    """
    before = await _load(work, command)
    after = rules.refuse_authentication(before)
    await _close(work, command, outcome="refused")
    text = f"{after.name}的实名认证未通过：{command.reason}"
    telling = _telling(before, after, act="refuse", ground=command.reason, text=text)
    return await move(work, after, fact=AuthenticationRefused, by=command.by, telling=telling)


async def approve(work: Work, command: Review) -> OrganisationResult:
    """Approve authentication on a full checklist.

    A body that is authenticated as an enterprise and as a provider is tied with itself at once. Whoever else registered
    it as the same kind of party is refused: it belongs to the first whose evidence was approved.

    Emits: OrganisationAuthenticated, AuthenticationRefused, AffiliationRecorded. Raises: NotFound, VersionMismatch,
    AuthenticationNotOpen, CreditCodeRegistered, ConditionUnknown, ChecklistIncomplete, and the refusals of standing.
    Source: A11(3), A13(4), A14(3), R37-R42, R46, R60-R63, R66.
    """
    await store.lock_body_of(work.connection, command.organisation_id)
    applicants = await store.lock_applicants(work.connection, command.organisation_id)
    before = await _load(work, command)
    after = rules.authenticate(before, reviewer_id=command.by.account_id, now=work.now)
    others = await store.authenticated_of_body(work.connection, before)
    if before.kind.value in {kind for _, kind in others}:
        raise CreditCodeRegistered
    # A party that registered while its body was being listed.
    if await store.is_blacklisted(work.connection, before.credit_code):
        raise OrganisationBlacklisted
    check_checklist(work.pack.conditions_of(before.kind), ticks=command.ticks, legal_person=before.legal_person)
    await _close(work, command, outcome="authenticated")
    for applicant in applicants:
        await _refuse_other(work, applicant, by=command.by)
    telling = _telling(before, after, act="approve", ground=command.reason, text=f"{after.name}的实名认证已通过审核。")
    result = await move(work, after, fact=OrganisationAuthenticated, by=command.by, telling=telling)
    await store.hold_body(work, after)
    await tie_body(work, after, [other_id for other_id, _ in others])
    await carry_ties(work, after)
    # Two that were handed in at the same moment did not see each other then.
    await notice_alike(work, after.id)
    return result


async def _refuse_other(work: Work, organisation_id: UUID, *, by: Actor) -> None:
    before = await store.load_organisation(work.connection, organisation_id)
    after = rules.yield_code(before)
    if before.state is rules.AuthenticationState.SUBMITTED:
        closing = Review(organisation_id=organisation_id, expected_version=None, reason=_HELD_BY_ANOTHER, by=by)
        await _close(work, closing, outcome="refused")
    text = f"{after.name}的实名认证未通过：{_HELD_BY_ANOTHER}"
    telling = _telling(before, after, act="refuse", ground=_HELD_BY_ANOTHER, text=text)
    await move(work, after, fact=AuthenticationRefused, by=by, telling=telling)


async def _load(work: Work, command: Review) -> Organisation:
    return await store.load_organisation(
        work.connection, command.organisation_id, expected_version=command.expected_version
    )


async def _close(work: Work, command: Review, *, outcome: str) -> None:
    values = {
        "outcome": outcome,
        "reason": command.reason,
        "document_reasons": dict(command.document_reasons),
        "checklist": [asdict(tick) for tick in command.ticks],
        "decided_by": command.by.account_id,
        "decided_at": work.now,
    }
    await store.close_submission(work, command.organisation_id, values)


def _telling(before: Organisation, after: Organisation, *, act: str, ground: str, text: str) -> Telling:
    step = "2" if act == "submit" else "3"
    return Telling(
        act=f"authentication.{act}",
        rule=f"A11({step})" if after.kind is PartyKind.PROVIDER else f"A14({step})",
        ground=ground,
        text=text,
        before=before.state.value,
        after=after.state.value,
    )
