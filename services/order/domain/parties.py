"""What the copies say of the two parties of an order, and which of it each act asks for.

A condition that is looked at once, when an order is placed, says nothing of the day on which the order is confirmed or
claimed. So the table says for each act what it asks for, and ADR 0021 says why, and why not.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from uuid import UUID

import msgspec

from services.order.domain.refusals import (
    EnterpriseNotAuthenticated,
    EnterpriseNotSmall,
    EnterpriseSuspended,
    PartiesAffiliated,
    ProductDelistedSince,
    ProviderNotAuthenticated,
    ProviderNotRecognised,
    ProviderSuspended,
)
from shared.contracts.policy import SMALL_FIRMS
from shared.kernel.refusals import Refusal

SAME_CODE = "same_code"
BODY_PLACES = 17
TIE_NAMES: Mapping[str, str] = {
    "subordination": "隶属关系",
    "joint_establishment": "共建关系",
    "property_tie": "产权纽带关系",
    SAME_CODE: "同一统一社会信用代码主体",
    "same_party": "同一单位",
}
"""The kinds of ties as users read them; a kind that is not listed is only called a tie. Source: A13(4)."""


class Act(StrEnum):
    """What is done with an order, or before there is one."""

    QUOTE = "quote"
    PLACE = "place"
    CONFIRM = "confirm"
    CONSENT = "consent"
    DELIVER = "deliver"
    CLAIM = "claim"


class Condition(StrEnum):
    """What the copies are asked; the order of the members is the order of the questions."""

    ENTERPRISE_AUTHENTICATED = "enterprise_authenticated"
    ENTERPRISE_ACTIVE = "enterprise_active"
    PROVIDER_AUTHENTICATED = "provider_authenticated"
    PROVIDER_ACTIVE = "provider_active"
    NOT_TIED = "not_tied"
    PROVIDER_RECOGNISED = "provider_recognised"
    SMALL_FIRM = "small_firm"
    ON_OFFER = "on_offer"


_C, _A = Condition, Act
_BEFORE_DELIVERY = frozenset({_A.QUOTE, _A.PLACE, _A.CONFIRM})
ASKED: Mapping[Condition, frozenset[Act]] = {
    _C.ENTERPRISE_AUTHENTICATED: _BEFORE_DELIVERY,
    _C.ENTERPRISE_ACTIVE: _BEFORE_DELIVERY,
    _C.PROVIDER_AUTHENTICATED: _BEFORE_DELIVERY | {_A.CLAIM},
    _C.PROVIDER_ACTIVE: _BEFORE_DELIVERY | {_A.CLAIM},
    _C.NOT_TIED: _BEFORE_DELIVERY | {_A.CLAIM},
    _C.PROVIDER_RECOGNISED: _BEFORE_DELIVERY,
    _C.SMALL_FIRM: frozenset({_A.QUOTE, _A.PLACE}),
    _C.ON_OFFER: _BEFORE_DELIVERY,
}
"""The acts at which a condition is asked; the cells are explained, and tested one by one, in ADR 0021."""


class Standing(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What conditions ask of an organisation; `suspended_since` may lie ahead, and covers a blacklisting as well."""

    authenticated: bool
    recognised: bool
    closed: bool
    suspended_since: datetime | None
    credit_code: str = ""
    size_class: str = ""

    @property
    def body(self) -> str:
        """The places of the code that name one body; copies keep codes in one spelling (`credit_code.same_body`)."""
        return self.credit_code[:BODY_PLACES]

    def stopped(self, now: datetime) -> bool:
        """Whether the organisation may not act at that moment."""
        return self.closed or (self.suspended_since is not None and self.suspended_since <= now)


class Party(Standing, frozen=True, kw_only=True, gc=False):
    """The copy of an organisation as decisions need it."""

    id: UUID
    version: int
    name: str
    region: str


class Pair(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The parties of one order; `tie` is the kind of a recorded tie or empty.

    `delisted_at` is the first moment at which one of the order's editions left the directory, or None.
    """

    enterprise: Standing
    provider: Standing
    tie: str = ""
    delisted_at: datetime | None = None


def tie_of(enterprise: Standing, provider: Standing, *, recorded: str = "") -> str:
    """The kind of the tie between two parties, or nothing: parties of one code are tied whatever was recorded.

    A code that is not known equals none. Source: A13(4), R63.
    """
    return SAME_CODE if enterprise.body and enterprise.body == provider.body else recorded


def check_enterprise(act: Act, enterprise: Standing | None, *, now: datetime) -> None:
    """Whether the buyer may do this act. Raises: EnterpriseNotAuthenticated, EnterpriseSuspended. Source: A14, R66."""
    if act in ASKED[Condition.ENTERPRISE_AUTHENTICATED] and (enterprise is None or not enterprise.authenticated):
        raise EnterpriseNotAuthenticated
    if act in ASKED[Condition.ENTERPRISE_ACTIVE] and enterprise is not None and enterprise.stopped(now):
        raise EnterpriseSuspended


def check_pair(act: Act, pair: Pair, *, voucher: bool, small_firms_only: bool, now: datetime) -> None:
    """Whether an enterprise, checked before, and this provider may do this act; `voucher` when voucher money is in it.

    Raises: a refusal of this module's imports. Source: A11(3), A12, A13(4), N三(二), Q7, Q9.
    """
    for condition, refusal in _broken(pair, voucher=voucher, small_firms_only=small_firms_only, now=now):
        if act in ASKED[condition]:
            raise refusal


def check_both(act: Act, pair: Pair, *, voucher: bool, small_firms_only: bool, now: datetime) -> None:
    """Whether the parties of an order may do this act as they stand now. Raises: Refusal. Source: A13(4), R63."""
    check_enterprise(act, pair.enterprise, now=now)
    check_pair(act, pair, voucher=voucher, small_firms_only=small_firms_only, now=now)


def _broken(pair: Pair, *, voucher: bool, small_firms_only: bool, now: datetime) -> list[tuple[Condition, Refusal]]:
    """The conditions that do not hold, in the order of the questions."""
    provider = pair.provider
    found: list[tuple[Condition, Refusal]] = []
    if not provider.authenticated:
        found.append((Condition.PROVIDER_AUTHENTICATED, ProviderNotAuthenticated()))
    if provider.stopped(now):
        found.append((Condition.PROVIDER_ACTIVE, ProviderSuspended()))
    tie = tie_of(pair.enterprise, provider, recorded=pair.tie)
    if tie:
        found.append((Condition.NOT_TIED, PartiesAffiliated(kind=tie, tie=TIE_NAMES.get(tie, "关联关系"))))
    if voucher and not provider.recognised:
        found.append((Condition.PROVIDER_RECOGNISED, ProviderNotRecognised()))
    if voucher and small_firms_only and pair.enterprise.size_class not in SMALL_FIRMS:
        found.append((Condition.SMALL_FIRM, EnterpriseNotSmall()))
    if pair.delisted_at is not None and pair.delisted_at <= now:
        found.append((Condition.ON_OFFER, ProductDelistedSince()))
    return found
