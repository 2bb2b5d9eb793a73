"""What stands against paying an order, and what each condition means at each step of the money's way.

A tie between the parties, a suspension, a blacklisting and a closure may come at any moment, so each step looks again.
Source: A12, A13(4), R58, R63, Q18.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from uuid import UUID

from services.settlement.domain.refusals import OverrideMissing, PartiesBarred


class PaymentCondition(StrEnum):
    """One thing that stands against paying."""

    TIED = "tied"
    SAME_CODE = "same_code"
    PROVIDER_SUSPENDED = "provider_suspended"
    PROVIDER_BLACKLISTED = "provider_blacklisted"
    PROVIDER_CLOSED = "provider_closed"
    ENTERPRISE_SUSPENDED = "enterprise_suspended"
    ENTERPRISE_BLACKLISTED = "enterprise_blacklisted"
    ENTERPRISE_CLOSED = "enterprise_closed"


class MoneyStep(StrEnum):
    """A step on the way of an order's money, in order."""

    SUBMIT = "submit"
    FIRST_REVIEW = "first_review"
    BUREAU_REVIEW = "bureau_review"
    REQUEST = "request"
    APPROVE = "approve"
    PAY = "pay"


class Effect(StrEnum):
    """What a condition does at a step: refuse, ask for an override by two people, or only be shown."""

    REFUSE = "refuse"
    OVERRIDE = "override"
    SHOW = "show"


CONDITION_ZH: Mapping[PaymentCondition, str] = MappingProxyType(
    {
        PaymentCondition.TIED: "交易双方存在关联关系",
        PaymentCondition.SAME_CODE: "交易双方统一社会信用代码相同",
        PaymentCondition.PROVIDER_SUSPENDED: "云服务商已被暂停",
        PaymentCondition.PROVIDER_BLACKLISTED: "云服务商已列入黑名单",
        PaymentCondition.PROVIDER_CLOSED: "云服务商已退出",
        PaymentCondition.ENTERPRISE_SUSPENDED: "上云企业已被暂停",
        PaymentCondition.ENTERPRISE_BLACKLISTED: "上云企业已列入黑名单",
        PaymentCondition.ENTERPRISE_CLOSED: "上云企业已退出",
    }
)
STEP_ZH: Mapping[MoneyStep, str] = MappingProxyType(
    {
        MoneyStep.SUBMIT: "提交兑现申请",
        MoneyStep.FIRST_REVIEW: "通过初审",
        MoneyStep.BUREAU_REVIEW: "通过省大数据局审核",
        MoneyStep.REQUEST: "申请拨付",
        MoneyStep.APPROVE: "核定拨付金额",
        MoneyStep.PAY: "登记拨付",
    }
)
_ENTERPRISE = frozenset(
    {PaymentCondition.ENTERPRISE_SUSPENDED, PaymentCondition.ENTERPRISE_BLACKLISTED, PaymentCondition.ENTERPRISE_CLOSED}
)


def effect_of(condition: PaymentCondition, step: MoneyStep) -> Effect:
    """What a condition does at a step.

    A provider files nothing while something stands against itself or against the pair. What stands against its buyer
    alone does not take its claim from it: the claim is filed, shown as such, and needs an override to go on.
    """
    if step is not MoneyStep.SUBMIT:
        return Effect.OVERRIDE
    return Effect.SHOW if condition in _ENTERPRISE else Effect.REFUSE


EFFECTS: Mapping[tuple[PaymentCondition, MoneyStep], Effect] = MappingProxyType(
    {(condition, step): effect_of(condition, step) for condition in PaymentCondition for step in MoneyStep}
)
"""The table of ADR 0022."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartyStanding:
    """What settlement knows of a party now; `suspended_since` is the earlier of a suspension and a blacklisting."""

    suspended_since: datetime | None = None
    blacklisted: bool = False
    closed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PartyTie:
    """A tie between the parties of an order: which kind, how it became known, when."""

    id: UUID
    kind: str
    origin: str
    recorded_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderParties:
    """The two parties of an order and what ties them."""

    provider: PartyStanding = field(default_factory=PartyStanding)
    enterprise: PartyStanding = field(default_factory=PartyStanding)
    ties: Sequence[PartyTie] = ()
    same_code: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A condition that holds for an order, and why. `key` tells one occurrence from a later one of its kind."""

    condition: PaymentCondition
    key: str
    since: datetime | None = None
    kind: str = ""
    origin: str = ""


def marks_of(pair: OrderParties, *, now: datetime) -> tuple[Mark, ...]:
    """Everything that stands against paying an order now; a suspension dated for later does not yet."""
    marks = [
        Mark(
            condition=PaymentCondition.TIED,
            key=f"tied:{tie.id}",
            since=tie.recorded_at,
            kind=tie.kind,
            origin=tie.origin,
        )
        for tie in pair.ties
    ]
    if pair.same_code:
        marks.append(Mark(condition=PaymentCondition.SAME_CODE, key="same_code"))
    for name, standing in (("provider", pair.provider), ("enterprise", pair.enterprise)):
        marks += _standing_marks(name, standing, now=now)
    return tuple(marks)


def _standing_marks(party: str, standing: PartyStanding, *, now: datetime) -> Iterable[Mark]:
    since = standing.suspended_since
    if standing.blacklisted or (since is not None and since <= now):
        condition = PaymentCondition(f"{party}_blacklisted" if standing.blacklisted else f"{party}_suspended")
        key = condition.value if since is None else f"{condition.value}:{since.isoformat()}"
        yield Mark(condition=condition, key=key, since=since)
    if standing.closed:
        yield Mark(condition=PaymentCondition(f"{party}_closed"), key=f"{party}_closed")


def words_of(marks: Iterable[Mark]) -> str:
    """The conditions in Chinese, each once."""
    return "、".join(dict.fromkeys(CONDITION_ZH[mark.condition] for mark in marks))


@dataclass(frozen=True, slots=True, kw_only=True)
class OverrideInForce:
    """An approved override of one item: for how much in fen, for which marks, until when."""

    amount_fen: int
    covers: frozenset[str]
    expires_at: datetime


def uncovered(
    marks: Sequence[Mark], *, amount_fen: int | None, overrides: Sequence[OverrideInForce], now: datetime
) -> tuple[Mark, ...]:
    """The marks that no override covers; one counts for its own amount, until it expires, for what it named."""
    covered: set[str] = set()
    for override in overrides:
        if override.amount_fen == amount_fen and now < override.expires_at:
            covered |= override.covers
    return tuple(mark for mark in marks if mark.key not in covered)


def check_standing(
    step: MoneyStep,
    *,
    marks: Mapping[UUID, Sequence[Mark]],
    overridden: Mapping[UUID, Collection[str]] | None = None,
) -> None:
    """Refuse a step for orders against which something stands; `overridden` are the keys that two people lifted.

    Raises: PartiesBarred, OverrideMissing. Source: A12, A13(4), R58, R63.
    """
    barred: dict[UUID, list[Mark]] = {}
    stopped: dict[UUID, list[Mark]] = {}
    for order_id, found in marks.items():
        lifted = (overridden or {}).get(order_id, ())
        for mark in found:
            effect = EFFECTS[mark.condition, step]
            if effect is Effect.REFUSE:
                barred.setdefault(order_id, []).append(mark)
            elif effect is Effect.OVERRIDE and mark.key not in lifted:
                stopped.setdefault(order_id, []).append(mark)
    for refusal, orders in ((PartiesBarred, barred), (OverrideMissing, stopped)):
        if orders:
            raise refusal(
                step=step.value,
                step_zh=STEP_ZH[step],
                marks_zh=words_of(mark for found in orders.values() for mark in found),
                orders=[
                    {"order_id": str(order_id), "conditions": sorted({mark.condition.value for mark in found})}
                    for order_id, found in sorted(orders.items())
                ],
            )
