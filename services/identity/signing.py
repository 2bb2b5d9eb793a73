"""The keys that access tokens are signed with: made here, sealed at rest, published before they are used."""

import secrets
import time
from dataclasses import dataclass, field
from datetime import timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import insert

from services.identity.sealing import Vault
from services.identity.tables import ISSUING_KEY
from shared.contracts.messages.identity import KeyPublished, KeyRetired
from shared.kernel.refusals import bug
from shared.runtime.auth import CLOCK_SKEW_MAX_S, TTL_MAX_S, TokenSigner
from shared.runtime.sql import Connection, execute
from shared.runtime.work import Work

_LOCK = "SELECT pg_advisory_xact_lock(hashtext('identity.issuing_key'))"
_CURRENT = """
SELECT id, kid, private_key_sealed FROM issuing_key WHERE retired_at IS NULL AND usable_from <= clock_timestamp()
ORDER BY usable_from DESC LIMIT 1
"""
_OUTLIVED = """
UPDATE issuing_key k SET retired_at = clock_timestamp(), version = 2
WHERE k.retired_at IS NULL AND EXISTS (
    SELECT FROM issuing_key n WHERE n.retired_at IS NULL AND n.usable_from > k.usable_from
    AND n.usable_from < clock_timestamp() - make_interval(secs => $1)
) RETURNING k.id, k.kid
"""
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
        row = await connection.fetchrow(_CURRENT)
        if row is None:
            bug("there is no signing key; the service makes one at its first start")
        kid = row["kid"]
        if kid not in self._opened:
            raw = self.vault.open(row["private_key_sealed"], record_id=row["id"], field="private_key")
            key = Ed25519PrivateKey.from_private_bytes(raw)
            self._opened[kid] = TokenSigner(key, kid=kid, issuer=self.issuer, ttl_s=self.ttl_s, now=time.time)
        return self._opened[kid]


async def ensure_key(work: Work) -> None:
    """Make and publish the first signing key, unless there is one; it is used at once. Emits: KeyPublished."""
    await work.connection.execute(_LOCK)
    if await work.connection.fetchval("SELECT count(*) FROM issuing_key WHERE retired_at IS NULL") == 0:
        await publish_key(work, lead=timedelta())


async def publish_key(work: Work, *, lead: timedelta) -> str:
    """Make a signing key that is used after `lead` and return its kid. Emits: KeyPublished."""
    key_id, kid = work.new_id(), secrets.token_hex(8)
    private = Ed25519PrivateKey.generate()
    public = private.public_key().public_bytes_raw()
    sealed = work.ports.get(SigningKeys).vault.seal(private.private_bytes_raw(), record_id=key_id, field="private_key")
    usable_from = await work.connection.fetchval("SELECT clock_timestamp() + $1::interval", lead)
    values = {"id": key_id, "kid": kid, "public_key": public, "private_key_sealed": sealed}
    await execute(work.connection, insert(ISSUING_KEY).values(**values, usable_from=usable_from, version=1))
    work.emit(KeyPublished(version=1, key_id=key_id, kid=kid, public_key=public))
    return kid


async def retire_outlived_keys(work: Work) -> int:
    """Retire keys whose last token has expired since a newer key took over. Emits: KeyRetired."""
    rows = await work.connection.fetch(_OUTLIVED, float(_OUTLIVED_AFTER_S))
    for row in rows:
        work.emit(KeyRetired(version=2, key_id=row["id"], kid=row["kid"]))
    return len(rows)
