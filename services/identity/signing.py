"""The keys that access tokens are signed with: made here, sealed at rest, published before they are used."""

import secrets
import time
from dataclasses import dataclass, field
from datetime import timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.identity.sealing import Vault
from services.identity.store import signing_keys as store
from services.identity.store.signing_keys import SealedKey
from shared.contracts.messages.identity import KeyPublished, KeyRetired
from shared.kernel.refusals import bug
from shared.runtime.auth import CLOCK_SKEW_MAX_S, TTL_MAX_S, TokenSigner
from shared.runtime.sql import Connection
from shared.runtime.work import Work

# A token signed in the last moment before the new key took over is still good for this long.
_OUTLIVED_AFTER_S = TTL_MAX_S + CLOCK_SKEW_MAX_S


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKeys:
    """Gives the signer in use; opened keys are remembered by kid, so a rotation in another process is seen at once."""

    vault: Vault
    issuer: str
    ttl_s: int
    lead: timedelta
    _opened: dict[str, TokenSigner] = field(default_factory=dict)

    async def signer(self, connection: Connection) -> TokenSigner:
        """The signer with the newest usable key. Raises: Bug when the service was never prepared."""
        current = await store.current_key(connection)
        if current is None:
            bug("there is no signing key; the service makes one at its first start")
        kid = current.kid
        if kid not in self._opened:
            raw = self.vault.open(current.private_key_sealed, record_id=current.id, field="private_key")
            key = Ed25519PrivateKey.from_private_bytes(raw)
            self._opened[kid] = TokenSigner(key, kid=kid, issuer=self.issuer, ttl_s=self.ttl_s, now=time.time)
        return self._opened[kid]


async def ensure_key(work: Work) -> None:
    """Make and publish the first signing key, unless there is one; it is used at once. Emits: KeyPublished."""
    await store.make_keys_alone(work.connection)
    if not await store.has_key(work.connection):
        await publish_key(work, lead=timedelta())


async def publish_key(work: Work, *, lead: timedelta) -> str:
    """Make a signing key that is used after `lead` and return its kid. Emits: KeyPublished."""
    key_id, kid = work.new_id(), secrets.token_hex(8)
    private = Ed25519PrivateKey.generate()
    public = private.public_key().public_bytes_raw()
    sealed = work.ports.get(SigningKeys).vault.seal(private.private_bytes_raw(), record_id=key_id, field="private_key")
    usable_from = await store.machine_time_in(work.connection, lead)
    key = SealedKey(id=key_id, kid=kid, private_key_sealed=sealed)
    await store.add_key(work, key, public_key=public, usable_from=usable_from)
    work.emit(KeyPublished(version=1, key_id=key_id, kid=kid, public_key=public))
    return kid


async def retire_outlived_keys(work: Work) -> int:
    """Retire keys whose last token has expired since a newer key took over. Emits: KeyRetired."""
    retired = await store.retire_outlived(work, after_s=float(_OUTLIVED_AFTER_S))
    for key_id, kid in retired:
        work.emit(KeyRetired(version=2, key_id=key_id, kid=kid))
    return len(retired)
