"""What routes ask of a request: sealed fingerprints, the caller's network, and one of several permissions."""

from typing import Annotated

from fastapi import Depends, Path, Request

from services.identity.sealing import Vault
from shared.contracts.permissions import Permission
from shared.runtime.auth.tokens import Principal
from shared.runtime.edge import require_any, runtime_of
from shared.runtime.http import Commands
from shared.runtime.network import Proxies

KindCode = Annotated[str, Path(pattern=r"^[a-z][a-z0-9_]{0,63}$")]


class _SealedBody(Request):
    """A request whose body is fingerprinted by a keyed hash.

    The fingerprint is stored with the Idempotency-Key. A plain hash of a body that holds a password or an ID number
    would let whoever reads the table guess them, at a speed that Argon2id is there to prevent.
    """

    def __init__(self, request: Request, vault: Vault) -> None:
        super().__init__(request.scope)
        self._given = request
        self._vault = vault

    async def body(self) -> bytes:
        """The keyed hash in place of the body."""
        return self._vault.index(await self._given.body(), purpose="request")


def _sealed_commands(request: Request) -> Commands:
    return Commands(_SealedBody(request, runtime_of(request).ports.get(Vault)))


SealedRun = Annotated[Commands, Depends(_sealed_commands)]
"""A dependency: runs the request's command and keeps only a keyed fingerprint of its body."""


def caller_network(request: Request) -> str:
    """The /24 or /64 a request comes from, as far as the trusted proxies can say."""
    return runtime_of(request).ports.get(Proxies).network_of(request.scope)


def caller_agent(request: Request) -> str:
    """What the client calls itself, at most 256 letters of it."""
    return request.headers.get("user-agent", "")[:256]


Agent = Annotated[str, Depends(caller_agent)]
Network = Annotated[str, Depends(caller_network)]


Reader = Annotated[
    Principal,
    Depends(
        require_any(
            Permission.IDENTITY_ORGANISATION_READ_OWN,
            Permission.IDENTITY_ORGANISATION_READ_REGION,
            Permission.IDENTITY_ORGANISATION_READ_ALL,
        )
    ),
]
"""A dependency: somebody who may see organisations; which ones is a condition in SQL."""
