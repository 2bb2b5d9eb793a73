"""Who calls a service, known by a token or by nothing but a network, and counted under the one or the other."""

from typing import Final
from uuid import UUID

from starlette.types import Scope

from shared.contracts.permissions import Role
from shared.kernel.refusals import Refusal
from shared.runtime.auth.tokens import Principal, TokenInvalid, TokenVerifier
from shared.runtime.http.rates import RateTable, RequestRate
from shared.runtime.service.settings import ServiceSettings
from shared.runtime.validation.network import Proxies

PRINCIPAL_KEY: Final = "yunquan.principal"
"""In a request's scope: the caller, once the token was read."""
PARTIES: Final = frozenset({Role.ENTERPRISE, Role.PROVIDER})
"""The roles of people who act for an organisation."""
NO_ORGANISATION: Final = UUID(int=0)


class Callers:
    """The callers of one service."""

    def __init__(self, verifier: TokenVerifier, proxies: Proxies, settings: ServiceSettings) -> None:
        self._verifier = verifier
        self._proxies = proxies
        self._accounts = RateTable(
            RequestRate(name="account", per_s=settings.rate_account_per_s, burst=settings.rate_account_burst)
        )
        self._networks = RateTable(
            RequestRate(name="network", per_s=settings.rate_network_per_s, burst=settings.rate_network_burst)
        )

    def known(self, scope: Scope, authorization: str) -> Principal:
        """The caller behind an Authorization header. Raises: TokenInvalid, TokenExpired, RateExceeded."""
        try:
            principal = self._verifier.verify(bearer_token(authorization))
        except Refusal:
            self.stranger(scope)
            raise
        scope[PRINCIPAL_KEY] = principal
        self._accounts.take(scope, principal.account_id.int)
        return principal

    def stranger(self, scope: Scope) -> None:
        """Count a request of somebody who is not known. Raises: RateExceeded."""
        self._networks.take(scope, self._proxies.network_of(scope))


def tenant_of(scope: Scope) -> UUID | None:
    """The organisation whose rows alone the caller of a request may see; None for staff and who is not signed in.

    A party's token that names no organisation owns nothing: the nil id matches no row.
    """
    principal: Principal | None = scope.get(PRINCIPAL_KEY)
    if principal is None:
        return None
    if principal.organisation_id is None and not principal.roles & PARTIES:
        return None
    return principal.organisation_id or NO_ORGANISATION


def bearer_token(authorization: str) -> str:
    """The token in an Authorization header. Raises: TokenInvalid when there is none."""
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise TokenInvalid(reason="missing")
    return token
