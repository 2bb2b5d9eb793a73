"""Which rows a caller may see: all, its region's, or its own. The same rule serves every list and read."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import ColumnElement, Table, true

from shared.contracts.permissions import Permission
from shared.runtime.auth import Principal
from shared.runtime.work import PermissionMissing


@dataclass(frozen=True, slots=True)
class Scope:
    """Rows of one enterprise, of one region, or all when both are None."""

    enterprise_id: UUID | None = None
    region: str | None = None

    def clause(self, table: Table) -> ColumnElement[bool]:
        """The condition on a table with enterprise_id and region."""
        if self.enterprise_id is not None:
            return table.c.enterprise_id == self.enterprise_id
        if self.region is not None:
            return table.c.region == self.region
        return true()


NOTHING = UUID(int=0)


def scope_of(principal: Principal, *, own: Permission, region: Permission, every: Permission) -> Scope:
    """The widest scope that the caller's permissions give. Raises: PermissionMissing."""
    if every in principal.permissions:
        return Scope()
    if region in principal.permissions:
        # A regional account without a region sees nothing rather than everything.
        return Scope(region=principal.region or "")
    if own in principal.permissions:
        return Scope(enterprise_id=principal.organisation_id or NOTHING)
    raise PermissionMissing(permission=own.value)


def application_scope(principal: Principal) -> Scope:
    """Whose applications the caller may see."""
    return scope_of(
        principal,
        own=Permission.VOUCHER_APPLICATION_READ_OWN,
        region=Permission.VOUCHER_APPLICATION_READ_REGION,
        every=Permission.VOUCHER_APPLICATION_READ_ALL,
    )


def account_scope(principal: Principal) -> Scope:
    """Whose quota accounts the caller may see."""
    return scope_of(
        principal,
        own=Permission.VOUCHER_ACCOUNT_READ_OWN,
        region=Permission.VOUCHER_ACCOUNT_READ_REGION,
        every=Permission.VOUCHER_ACCOUNT_READ_ALL,
    )
