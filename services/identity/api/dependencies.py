"""What routes ask of a request: sealed fingerprints, the caller's network, and one of several permissions."""

from typing import Annotated

from fastapi import Depends, Path, Request

from services.identity.sealing import Vault
from shared.contracts.permissions import Permission
from shared.runtime.auth import Principal
from shared.runtime.http import Commands, Proxies, VersionedCommands, require_any, runtime_of

KindCode = Annotated[str, Path(pattern=r"^[a-z][a-z0-9_]{0,63}$")]


class SealedCommands(Commands):
    """Commands whose bodies are fingerprinted by a keyed hash.

    The fingerprint is stored with the Idempotency-Key. A plain hash of a body that holds a password or an ID number
    would let whoever reads the table guess them, at a speed that Argon2id is there to prevent.
    """

    def fingerprint(self, body: bytes) -> bytes:
        """The keyed hash in place of the body."""
        return self._runtime.ports.get(Vault).index(body, purpose="request")


class SealedVersionedCommands(SealedCommands, VersionedCommands):
    """The same on an organisation that the caller has read."""


SealedRun = Annotated[SealedCommands, Depends(SealedCommands)]
"""A dependency: runs the request's command and keeps only a keyed fingerprint of its body."""
SealedVersionedRun = Annotated[SealedVersionedCommands, Depends(SealedVersionedCommands)]
"""The same; If-Match is checked when it is given."""


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
