"""Who may apply for a voucher. Source: A13, A14, A16, R28, R60, R61."""

from datetime import date, datetime

import msgspec

from services.voucher.domain.refusals import (
    AboveCap,
    DeclarationOutdated,
    EnterpriseSuspended,
    NotAuthenticated,
    NotEnterprise,
    NotLegalPerson,
    NotSmallFirm,
    PlanNotOpen,
    RegisteredTooShort,
    ResubmittedUnchanged,
)
from services.voucher.domain.states import PlanState
from shared.contracts.policy import SMALL_FIRMS
from shared.kernel.calendar import anniversary, business_date


class Applicant(msgspec.Struct, frozen=True, kw_only=True):
    """The local copy of an organisation, as far as the rules need it."""

    kind: str
    region: str
    authenticated: bool
    legal_person: bool
    established_on: date | None
    size_class: str
    priority_listed: bool
    suspended_since: datetime | None
    closed: bool

    def active(self, now: datetime) -> bool:
        """Whether nothing suspends it at that moment."""
        return not self.closed and (self.suspended_since is None or now < self.suspended_since)


class OpenPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What an application must know of the plan."""

    state: PlanState
    counter_closed: bool
    opens_at: datetime
    closes_at: datetime
    cap_fen: int


def check_applicant(
    applicant: Applicant | None, *, now: datetime, registration_years: int, small_firms_only: bool
) -> Applicant:
    """The applicant, when it may apply, and may be granted what it applied for.

    Raises: NotEnterprise, NotAuthenticated, EnterpriseSuspended, NotLegalPerson, NotSmallFirm, RegisteredTooShort.
    """
    if applicant is None:
        raise NotAuthenticated
    if applicant.kind != "enterprise":
        raise NotEnterprise
    if not applicant.authenticated:
        raise NotAuthenticated
    if not applicant.active(now):
        raise EnterpriseSuspended
    if not applicant.legal_person:
        raise NotLegalPerson
    if small_firms_only and applicant.size_class not in SMALL_FIRMS:
        raise NotSmallFirm
    since = applicant.established_on
    if since is None or anniversary(since, years=registration_years) > business_date(now):
        raise RegisteredTooShort(years=registration_years)
    return applicant


def check_plan(plan: OpenPlan, *, now: datetime, pack_in_force: bool) -> None:
    """Raises: PlanNotOpen. Source: A15, Q26."""
    is_open = plan.state is PlanState.PUBLISHED and not plan.counter_closed and plan.opens_at <= now < plan.closes_at
    if not (is_open and pack_in_force):
        raise PlanNotOpen


def check_resubmission(*, amount_fen: int, correction: str, returned_fen: int | None) -> None:
    """An application that was sent back is not handed in again as it was. Raises: ResubmittedUnchanged. Source: A16."""
    if returned_fen is not None and amount_fen == returned_fen and not correction:
        raise ResubmittedUnchanged


def check_request(*, amount_fen: int, cap_fen: int, declared_version: str, current_version: str) -> None:
    """Raises: AboveCap, DeclarationOutdated. Source: R29, R10."""
    if amount_fen > cap_fen:
        raise AboveCap(requested_fen=amount_fen, cap_fen=cap_fen)
    if declared_version != current_version:
        raise DeclarationOutdated(version=current_version)
