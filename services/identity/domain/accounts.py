"""Sign-in names and the roles that accounts may hold."""

import re
from collections.abc import Iterable, Mapping

from services.identity.domain.account_refusals import (
    RolesExclusive,
    SignInNameMalformed,
    StaffRegionInvalid,
    StaffRolesInvalid,
)
from shared.contracts.permissions import Role, exclusive_within, permissions_of
from shared.contracts.policy import PartyKind

# A letter first: a telephone or ID number must not become a name that is stored and shown in clear.
_SIGN_IN_NAME = re.compile(r"[a-z][a-z0-9._-]{3,31}")

OPERATOR_ROLES = frozenset({Role.OPERATOR_CLERK, Role.OPERATOR_LEAD})
_STAFF_ROLES = OPERATOR_ROLES | {
    Role.BUREAU_OFFICER,
    Role.BUREAU_LEAD,
    Role.FINANCE,
    Role.AUDITOR,
    Role.REGION,
    Role.PLATFORM_ADMIN,
}
# Whoever runs the machines decides nothing about money (R9 for the auditor, who changes nothing).
_ALONE = frozenset({Role.PLATFORM_ADMIN, Role.AUDITOR, Role.REGION})

AUDIENCES = ("identity", "catalog", "voucher", "order", "settlement", "oversight")
"""The services a token may be for."""


def accept_sign_in_name(text: str) -> str:
    """The name in lower case. Raises: SignInNameMalformed."""
    name = text.strip().lower()
    if not _SIGN_IN_NAME.fullmatch(name):
        raise SignInNameMalformed
    return name


def role_of_party(kind: PartyKind) -> Role:
    """The role of a party's accounts."""
    return Role.ENTERPRISE if kind is PartyKind.ENTERPRISE else Role.PROVIDER


def check_staff_roles(roles: frozenset[Role], *, region: str | None) -> None:
    """Accept the roles of one staff account.

    Raises: StaffRolesInvalid, StaffRegionInvalid, RolesExclusive. Source: R5, R9, ASVS 2.3.5.
    """
    if not roles or not roles <= _STAFF_ROLES or (len(roles) > 1 and roles & _ALONE):
        raise StaffRolesInvalid
    if (Role.REGION in roles) != (region is not None):
        raise StaffRegionInvalid
    if conflicts_of(roles):
        raise RolesExclusive(roles="；".join(conflicts_of(roles)))


ROLES_ZH: Mapping[Role, str] = {
    Role.ENTERPRISE: "上云企业",
    Role.PROVIDER: "云服务商",
    Role.OPERATOR_CLERK: "系统运营方经办",
    Role.OPERATOR_LEAD: "系统运营方负责人",
    Role.BUREAU_OFFICER: "省大数据局经办",
    Role.BUREAU_LEAD: "省大数据局负责人",
    Role.FINANCE: "财政部门",
    Role.AUDITOR: "审计人员",
    Role.REGION: "地区主管部门",
    Role.PLATFORM_ADMIN: "平台管理员",
    Role.SERVICE: "系统服务",
}
_BUREAU_ROLES = frozenset({Role.BUREAU_OFFICER, Role.BUREAU_LEAD})
_BY_BUREAU_LEAD = OPERATOR_ROLES | {Role.BUREAU_OFFICER}

RESTORING_ACTS = frozenset({"open", "enable", "reset_password", "reset_second_factor"})
"""Acts that give the platform an administrator who can sign in: where nobody else could, the bureau's lead approves."""


def acts_for_bureau(roles: frozenset[Role]) -> bool:
    """Whether somebody with these roles decides for the bureau, which supervises the operator. Source: A7, R8."""
    return not roles.isdisjoint(_BUREAU_ROLES)


def conflicts_of(roles: Iterable[Role]) -> tuple[str, ...]:
    """The pairs of roles that control each other and are held together, for people; accounts of old may have some."""
    return tuple("、".join(ROLES_ZH[role] for role in sorted(pair)) for pair in exclusive_within(roles))


def approvable_roles(roles: frozenset[Role], *, no_other_administrator: bool = False) -> list[str]:
    """The roles for whose accounts somebody with `roles` is the second person.

    Another platform administrator is for every account, the bureau's lead for the operator's and the bureau's officers.
    With `no_other_administrator` nobody but the proposer could decide about an administrator: the lead then does.
    """
    if Role.PLATFORM_ADMIN in roles:
        return sorted(role.value for role in _STAFF_ROLES)
    if Role.BUREAU_LEAD not in roles:
        return []
    lone = {Role.PLATFORM_ADMIN} if no_other_administrator else set()
    return sorted(role.value for role in _BY_BUREAU_LEAD | lone)


def may_approve(roles: frozenset[Role], *, of: Iterable[Role], no_other_administrator: bool = False) -> bool:
    """Whether somebody with `roles` is the second person for an account that holds, or is to hold, the roles `of`."""
    approvable = approvable_roles(roles, no_other_administrator=no_other_administrator)
    return {role.value for role in of} <= set(approvable)


def effective_roles(names: Iterable[str], *, operator_designated: bool) -> frozenset[Role]:
    """The roles that hold now: operator rights end with the designation. Source: A4, A7, R2."""
    roles = frozenset(Role(name) for name in names)
    return roles if operator_designated else roles - OPERATOR_ROLES


def audiences_of(roles: frozenset[Role]) -> tuple[str, ...]:
    """The services these roles may use; who may do nothing still sees the own account."""
    return AUDIENCES if permissions_of(roles) else AUDIENCES[:1]
