"""An organisation's states and what each act makes of it. Each function gives the next version, or refuses."""

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from uuid import UUID

from services.identity.domain.refusals import (
    AuthenticationNotOpen,
    EstablishedInFuture,
    LegalPersonContradicted,
    LegalPersonRequired,
    NotEnterprise,
    NotProvider,
    OrganisationNameMalformed,
    PriorityUnchanged,
    RecognitionNeedsException,
    RecognitionNotOpen,
    SuspensionNotOpen,
)
from services.identity.domain.standing_refusals import (
    OrganisationBlacklisted,
    OrganisationClosed,
    OrganisationSuspendedNow,
    SuspendedByBureau,
    SuspensionMomentInvalid,
)
from shared.contracts.messages.identity import Party
from shared.contracts.policy import PartyKind
from shared.kernel.calendar import anniversary, business_date
from shared.kernel.credit_code import CreditCodeCheck, examine
from shared.kernel.names import is_seen
from shared.kernel.refusals import invariant
from shared.kernel.states import Transitions


class AuthenticationState(StrEnum):
    """How far real-name authentication has come. Source: A11, A14."""

    REGISTERED = "registered"
    SUBMITTED = "submitted"
    SENT_BACK = "sent_back"
    REFUSED = "refused"
    AUTHENTICATED = "authenticated"


class RecognitionState(StrEnum):
    """How far the bureau's recognition of a provider has come. Source: N三(二), Q9."""

    NONE = "none"
    REQUESTED = "requested"
    RECOGNISED = "recognised"
    REFUSED = "refused"


class SizeClass(StrEnum):
    """The statistical size of an enterprise; recorded and reported, never a bar (Q7)."""

    MICRO = "micro"
    SMALL = "small"
    MEDIUM = "medium"
    LARGE = "large"


_A = AuthenticationState
AUTHENTICATION_MOVES = Transitions(
    {
        (_A.REGISTERED, _A.SUBMITTED),
        (_A.SENT_BACK, _A.SUBMITTED),
        (_A.REFUSED, _A.SUBMITTED),
        (_A.SUBMITTED, _A.SENT_BACK),
        (_A.SUBMITTED, _A.REFUSED),
        (_A.SUBMITTED, _A.AUTHENTICATED),
    }
)
_R = RecognitionState
RECOGNITION_MOVES = Transitions(
    {
        (_R.NONE, _R.REQUESTED),
        (_R.REQUESTED, _R.RECOGNISED),
        (_R.REQUESTED, _R.REFUSED),
        (_R.REFUSED, _R.RECOGNISED),
    }
)
STATE_ZH = {
    _A.REGISTERED: "已注册",
    _A.SUBMITTED: "待审核",
    _A.SENT_BACK: "已退回",
    _A.REFUSED: "未通过",
    _A.AUTHENTICATED: "已认证",
}
SUSPENSION_AHEAD_MAX = timedelta(days=366)
"""How far ahead a suspension may be dated."""
LETTERS_MIN = 2
"""Letters or ideographs that a name has at least."""
RECOGNITION_ZH = {_R.NONE: "未申请", _R.REQUESTED: "待认定", _R.RECOGNISED: "已认定", _R.REFUSED: "未认定"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Organisation:
    """An enterprise or a provider as identity knows it."""

    id: UUID
    kind: PartyKind
    name: str
    credit_code: str
    region: str
    state: AuthenticationState = AuthenticationState.REGISTERED
    recognition: RecognitionState = RecognitionState.NONE
    legal_person: bool
    established_on: date | None = None
    size_class: str = ""
    priority_listed: bool = False
    suspended_since: datetime | None = None
    suspended_by_bureau: bool = False
    blacklisted_since: datetime | None = None
    closed: bool = False
    check_flagged: bool = False
    check_evidence: str = ""
    reviewed_by: UUID | None = None
    registered_at: datetime
    submitted_at: datetime | None = None
    recognised_at: datetime | None = None
    version: int = 1

    @property
    def stopped_since(self) -> datetime | None:
        """The moment from which it may not act: the earlier one of a suspension and of a blacklisting."""
        moments = [since for since in (self.suspended_since, self.blacklisted_since) if since is not None]
        return min(moments, default=None)

    def party(self) -> Party:
        """What other services may know of it."""
        return Party(
            kind=self.kind.value,
            name=self.name,
            credit_code=self.credit_code,
            region=self.region,
            authenticated=self.state is AuthenticationState.AUTHENTICATED,
            recognised=self.recognition is RecognitionState.RECOGNISED,
            legal_person=self.legal_person,
            established_on=self.established_on,
            size_class=self.size_class,
            priority_listed=self.priority_listed,
            suspended_since=self.stopped_since,
            blacklisted=self.blacklisted_since is not None,
            closed=self.closed,
        )


def register(  # noqa: PLR0913 - what a registration form holds
    organisation_id: UUID,
    *,
    kind: PartyKind,
    name: str,
    check: CreditCodeCheck,
    region: str,
    evidence: str,
    now: datetime,
) -> Organisation:
    """A new organisation; a failing check place with evidence flags it for the operator.

    Raises: OrganisationNameMalformed. Source: A11(1), A14(1).
    """
    _check_name(name)
    return Organisation(
        id=organisation_id,
        kind=kind,
        name=name,
        credit_code=check.code,
        region=region,
        legal_person=check.may_be_legal_person,
        check_flagged=check.check_digit_fails,
        check_evidence=evidence if check.check_digit_fails else "",
        registered_at=now,
    )


def check_standing(organisation: Organisation, *, now: datetime) -> None:
    """Refuse an act by, or in favour of, an organisation that may not act now.

    Raises: OrganisationClosed, OrganisationBlacklisted, OrganisationSuspendedNow. Source: A12, R58, Q18, Q25.
    """
    if organisation.closed:
        raise OrganisationClosed
    if organisation.blacklisted_since is not None:
        raise OrganisationBlacklisted
    if organisation.suspended_since is not None and organisation.suspended_since <= now:
        raise OrganisationSuspendedNow


def submit(
    before: Organisation, *, legal_person: bool, established_on: date, size_class: SizeClass, now: datetime
) -> Organisation:
    """Hand in for authentication.

    Raises: AuthenticationNotOpen, LegalPersonContradicted, LegalPersonRequired, EstablishedInFuture, and as
    `check_standing`. Source: A11(2), A14(2), A13(2).
    """
    _check_move(before, AuthenticationState.SUBMITTED)
    check_standing(before, now=now)
    if legal_person and not examine(before.credit_code).may_be_legal_person:
        raise LegalPersonContradicted
    if before.kind is PartyKind.ENTERPRISE and not legal_person:
        raise LegalPersonRequired
    if established_on > business_date(now):
        raise EstablishedInFuture
    return replace(
        before,
        state=AuthenticationState.SUBMITTED,
        legal_person=legal_person,
        established_on=established_on,
        size_class=size_class.value,
        submitted_at=now,
        version=before.version + 1,
    )


def send_back(before: Organisation) -> Organisation:
    """Ask for better material. Raises: AuthenticationNotOpen. Source: R45."""
    _check_move(before, AuthenticationState.SENT_BACK)
    return replace(before, state=AuthenticationState.SENT_BACK, version=before.version + 1)


def refuse_authentication(before: Organisation) -> Organisation:
    """Refuse. Raises: AuthenticationNotOpen. Source: A11(3), A14(3)."""
    _check_move(before, AuthenticationState.REFUSED)
    return replace(before, state=AuthenticationState.REFUSED, version=before.version + 1)


def yield_code(before: Organisation) -> Organisation:
    """Refuse an applicant because another one's evidence for the same code was approved. Source: A11(3), A14(3)."""
    return replace(before, state=AuthenticationState.REFUSED, version=before.version + 1)


def expire(before: Organisation) -> Organisation:
    """Close a registration that never handed anything in, and let go of its code."""
    return replace(before, closed=True, version=before.version + 1)


def authenticate(before: Organisation, *, reviewer_id: UUID | None, now: datetime) -> Organisation:
    """Approve; a provider then waits for recognition.

    Raises: AuthenticationNotOpen, and as `check_standing`. Source: A11(3), A14(3), Q9.
    """
    _check_move(before, AuthenticationState.AUTHENTICATED)
    check_standing(before, now=now)
    provider = before.kind is PartyKind.PROVIDER
    return replace(
        before,
        state=AuthenticationState.AUTHENTICATED,
        recognition=RecognitionState.REQUESTED if provider else before.recognition,
        check_flagged=False,
        reviewed_by=reviewer_id,
        version=before.version + 1,
    )


def recognise(before: Organisation, *, exception_reason: str, now: datetime) -> Organisation:
    """Recognise a provider on merit.

    Raises: NotProvider, RecognitionNotOpen, RecognitionNeedsException, and as `check_standing`.
    Source: N三(二), A10(1), R43, Q8, Q9.
    """
    _check_recognition(before, RecognitionState.RECOGNISED)
    check_standing(before, now=now)
    if not before.legal_person and not exception_reason:
        raise RecognitionNeedsException
    return replace(before, recognition=RecognitionState.RECOGNISED, recognised_at=now, version=before.version + 1)


def refuse_recognition(before: Organisation) -> Organisation:
    """Do not recognise a provider. Raises: NotProvider, RecognitionNotOpen. Source: N三(二)."""
    _check_recognition(before, RecognitionState.REFUSED)
    return replace(before, recognition=RecognitionState.REFUSED, version=before.version + 1)


def suspend(before: Organisation, *, effective_at: datetime, by_bureau: bool, now: datetime) -> Organisation:
    """Stop an organisation from acting from a moment on; one that lies ahead may be brought forward, never put off.

    The bureau may join a suspension of the operator, which keeps the earlier moment; from then on the bureau ends it.
    Raises: OrganisationClosed, SuspensionNotOpen, SuspensionMomentInvalid. Source: A7, A9, Q18, Q25, R8.
    """
    if before.closed:
        raise OrganisationClosed
    of_bureau = before.suspended_since is not None and before.suspended_by_bureau
    joins = by_bureau and not of_bureau
    stands = before.suspended_since is not None and before.suspended_since <= max(effective_at, now)
    if stands and not joins:
        raise SuspensionNotOpen
    if not now <= effective_at <= now + SUSPENSION_AHEAD_MAX:
        raise SuspensionMomentInvalid(days_max=SUSPENSION_AHEAD_MAX.days)
    return replace(
        before,
        suspended_since=before.suspended_since if stands else effective_at,
        # Brought forward by the operator it stays the bureau's.
        suspended_by_bureau=by_bureau or of_bureau,
        version=before.version + 1,
    )


def reinstate(before: Organisation, *, by_bureau: bool) -> Organisation:
    """End a suspension, also one that lies ahead; never a blacklisting, and what the bureau decided by the bureau only.

    Raises: OrganisationBlacklisted, SuspensionNotOpen, SuspendedByBureau. Source: A7, A9, Q18, Q25, R8, R58.
    """
    if before.blacklisted_since is not None:
        raise OrganisationBlacklisted
    if before.suspended_since is None:
        raise SuspensionNotOpen
    if before.suspended_by_bureau and not by_bureau:
        raise SuspendedByBureau
    return replace(before, suspended_since=None, suspended_by_bureau=False, version=before.version + 1)


def blacklist(before: Organisation, *, now: datetime) -> Organisation:
    """Stop an organisation at once, whatever suspension is dated for later. Raises: Bug. Source: A12, R58."""
    invariant(before.blacklisted_since is None, "a body is listed once at a time")
    return replace(before, blacklisted_since=now, version=before.version + 1)


def lift_blacklisting(before: Organisation) -> Organisation:
    """End a blacklisting; a suspension of its own stays. Raises: Bug. Source: A12, Q19."""
    invariant(before.blacklisted_since is not None, "only what is listed is lifted")
    return replace(before, blacklisted_since=None, version=before.version + 1)


def list_priority(before: Organisation, *, now: datetime) -> Organisation:
    """Put an enterprise on the priority list.

    Raises: NotEnterprise, PriorityUnchanged, and as `check_standing`. Source: A18, R31.
    """
    after = _priority(before, listed=True)
    check_standing(before, now=now)
    return after


def unlist_priority(before: Organisation) -> Organisation:
    """Take an enterprise off the priority list. Raises: NotEnterprise, PriorityUnchanged. Source: A18, R31."""
    return _priority(before, listed=False)


def _priority(before: Organisation, *, listed: bool) -> Organisation:
    if before.kind is not PartyKind.ENTERPRISE:
        raise NotEnterprise
    if before.priority_listed == listed:
        raise PriorityUnchanged
    return replace(before, priority_listed=listed, version=before.version + 1)


def may_change_documents(organisation: Organisation) -> bool:
    """Whether the state lets documents be uploaded: not while the operator looks at them, nor afterwards."""
    return AUTHENTICATION_MOVES.allows(organisation.state, AuthenticationState.SUBMITTED)


def registered_long_enough(established_on: date | None, *, years: int, now: datetime) -> bool | None:
    """A hint for the reviewer; voucher decides at application time. None without a date. Source: R60, Q6."""
    if established_on is None:
        return None
    return anniversary(established_on, years=years) <= business_date(now)


def _check_name(name: str) -> None:
    # Zero-width and direction characters would make two different names look alike, or a name look empty.
    if not is_seen(name, letters_min=LETTERS_MIN):
        raise OrganisationNameMalformed


def _check_move(before: Organisation, after: AuthenticationState) -> None:
    if not AUTHENTICATION_MOVES.allows(before.state, after):
        raise AuthenticationNotOpen(state=STATE_ZH[before.state])


def _check_recognition(before: Organisation, after: RecognitionState) -> None:
    if before.kind is not PartyKind.PROVIDER:
        raise NotProvider
    if not RECOGNITION_MOVES.allows(before.recognition, after):
        raise RecognitionNotOpen(recognition=RECOGNITION_ZH[before.recognition])
