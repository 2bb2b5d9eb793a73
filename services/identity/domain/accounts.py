"""Sign-in names and the roles that accounts may hold."""

import re
from collections.abc import Iterable

from services.identity.domain.refusals import SignInNameMalformed, StaffRegionInvalid, StaffRolesInvalid
from shared.contracts.permissions import Role, permissions_of
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
    """Accept the roles of one staff account. Raises: StaffRolesInvalid, StaffRegionInvalid. Source: R5, R9."""
    if not roles or not roles <= _STAFF_ROLES or (len(roles) > 1 and roles & _ALONE):
        raise StaffRolesInvalid
    if (Role.REGION in roles) != (region is not None):
        raise StaffRegionInvalid


def effective_roles(names: Iterable[str], *, operator_designated: bool) -> frozenset[Role]:
    """The roles that hold now: operator rights end with the designation. Source: A4, A7, R2."""
    roles = frozenset(Role(name) for name in names)
    return roles if operator_designated else roles - OPERATOR_ROLES


def audiences_of(roles: frozenset[Role]) -> tuple[str, ...]:
    """The services these roles may use; who may do nothing still sees the own account."""
    return AUDIENCES if permissions_of(roles) else AUDIENCES[:1]
