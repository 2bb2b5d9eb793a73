"""Whose rows a reader may see."""

from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request

from shared.contracts.permissions import Permission
from shared.runtime.auth import Principal
from shared.runtime.http import allow, principal_of, require


@dataclass(frozen=True, slots=True)
class Reader:
    """A caller who may read; `provider_id` is None for staff, who read everything."""

    principal: Principal
    provider_id: UUID | None

    @property
    def sees_persons(self) -> bool:
        """Whether the caller may see who acted and who read."""
        return Permission.SETTLEMENT_TRAIL_READ in self.principal.permissions

    @property
    def sees_deciders(self) -> bool:
        """Whether the caller may see which person proposed and decided, as in every history. Source: R7, R8, R9."""
        return Permission.PLATFORM_PERSON_READ in self.principal.permissions


def read_scope(request: Request) -> Reader:
    """Everything for who holds read_all, else the own organisation's rows. Raises: PermissionMissing."""
    principal = principal_of(request)
    if Permission.SETTLEMENT_CLAIM_READ_ALL in principal.permissions:
        return Reader(principal, None)
    allow(principal, Permission.SETTLEMENT_CLAIM_READ_OWN)
    # A provider's token without an organisation owns nothing: the nil id matches no row.
    return Reader(principal, principal.organisation_id or UUID(int=0))


read_scope.permissions = (  # type: ignore[attr-defined] # read by the test of role x route
    Permission.SETTLEMENT_CLAIM_READ_OWN,
    Permission.SETTLEMENT_CLAIM_READ_ALL,
)

ScopedReader = Annotated[Reader, Depends(read_scope)]
"""A dependency: the caller, and whose rows it may see."""
StaffReader = Annotated[Principal, Depends(require(Permission.SETTLEMENT_CLAIM_READ_ALL))]
"""A dependency: a caller who reads everything of settlement."""
