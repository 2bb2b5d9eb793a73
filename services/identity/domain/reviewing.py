"""What a submission must hold and what an approval must tick."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from services.identity.domain.refusals import (
    ChecklistIncomplete,
    ConditionUnknown,
    DocumentKindUnknown,
    DocumentsIllegible,
    DocumentsMissing,
)
from services.identity.domain.standing_refusals import SubmissionUnchanged
from shared.contracts.policy import Condition, ConditionCheck, DocumentKind

# These are held against a party elsewhere: by date at application time, and for each pair at order time.
_CHECKED_ELSEWHERE = frozenset({ConditionCheck.COMPUTED, ConditionCheck.PER_ORDER})
# The judgements of an upload that call for no explanation; a PDF's pixels are not measured.
_LEGIBLE = frozenset({"clear", "not_measured"})


def is_legible(legibility: str) -> bool:
    """Whether a stored judgement of an upload calls for no explanation. Source: R45, R65."""
    return legibility in _LEGIBLE


@dataclass(frozen=True, slots=True, kw_only=True)
class FiledDocument:
    """The newest upload of one kind."""

    id: UUID
    kind: str
    legible: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """One line of the reviewer's checklist: whether the condition is met, and by what evidence."""

    condition: str
    met: bool
    evidence: str


def check_documents(
    wanted: Sequence[DocumentKind], *, filed: Mapping[str, FiledDocument], illegible_reasons: Mapping[str, str]
) -> None:
    """Accept a complete set, legible or explained, or say what is wanting.

    Raises: DocumentKindUnknown, DocumentsMissing, DocumentsIllegible. Source: A11(2), A14(2), R45, R65.
    """
    names = {kind.code: kind.name for kind in wanted}
    for code in illegible_reasons:
        if code not in names:
            raise DocumentKindUnknown(kind=code)
    missing = [code for code in names if code not in filed]
    if missing:
        raise DocumentsMissing(kinds=missing, names="、".join(names[code] for code in missing))
    illegible = [code for code in names if not filed[code].legible and not illegible_reasons.get(code)]
    if illegible:
        raise DocumentsIllegible(kinds=illegible, names="、".join(names[code] for code in illegible))


def conditions_to_tick(conditions: Sequence[Condition]) -> list[Condition]:
    """The conditions a reviewer ticks. Source: R37-R42, R60-R62."""
    return [condition for condition in conditions if condition.check not in _CHECKED_ELSEWHERE]


def check_checklist(conditions: Sequence[Condition], *, ticks: Sequence[Tick], legal_person: bool) -> None:
    """Accept a full checklist with evidence; a condition with an exception may stay open for the bureau.

    Raises: ConditionUnknown, ChecklistIncomplete. Source: A10, A13, R37-R42, R60-R62, Q8.
    """
    wanted = conditions_to_tick(conditions)
    by_code = {tick.condition: tick for tick in ticks}
    known = {condition.code for condition in wanted}
    for code in by_code:
        if code not in known:
            raise ConditionUnknown(condition=code)
    open_ = [
        condition
        for condition in wanted
        if not _holds(condition, tick=by_code.get(condition.code), legal_person=legal_person)
    ]
    if open_:
        raise ChecklistIncomplete(
            conditions=[condition.code for condition in open_],
            names="、".join(condition.text for condition in open_),
        )


def _holds(condition: Condition, *, tick: Tick | None, legal_person: bool) -> bool:
    if tick is None or not tick.evidence:
        return False
    return tick.met or (condition.exception_allowed and not legal_person)


@dataclass(frozen=True, slots=True, kw_only=True)
class Filing:
    """What a party hands in, as far as two hand-ins are compared.

    `documents` maps a kind to what its newest upload holds and to why it is handed in though hard to read; `form` is
    what is filled in.
    """

    documents: Mapping[str, tuple[bytes, str]]
    form: tuple[object, ...]


def check_changed(
    before: Filing, after: Filing, *, sent_back: Sequence[str], names: Mapping[str, str], correction: str
) -> None:
    """Accept what differs from what went back, or says what was put right.

    `sent_back` are the kinds that the reviewer named: each of these must be another one. Raises: SubmissionUnchanged.
    Source: R45.
    """
    if correction.strip():
        return
    same = [kind for kind in sent_back if before.documents.get(kind) == after.documents.get(kind)]
    if same:
        raise SubmissionUnchanged(kinds=same, names="、".join(names.get(kind, kind) for kind in same))
    if before == after:
        raise SubmissionUnchanged(kinds=[], names="所提交的材料和表单")
