"""The platform's own keys: made at the first start, sealed at rest, opened once a process."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.order.sealing import WebhookSeal
from services.order.store import webhook_keys as store
from shared.runtime.sql import Connection
from shared.runtime.work import Work


@dataclass(frozen=True, slots=True)
class PlatformKeys:
    """Gives the keys that sign; what was opened is remembered by its id, so another process's key is seen at once."""

    seal: WebhookSeal
    _opened: dict[UUID, Ed25519PrivateKey] = field(default_factory=dict)

    async def live(self, connection: Connection) -> Sequence[Ed25519PrivateKey]:
        """Every key in force, the newest first. Raises: WebhookSecretUnreadable."""
        found = await store.find_live(connection)
        for key_id, sealed in found:
            if key_id not in self._opened:
                raw = self.seal.open(sealed, record_id=key_id)
                self._opened[key_id] = Ed25519PrivateKey.from_private_bytes(raw)
        return [self._opened[key_id] for key_id, _ in found]


async def ensure_key(work: Work) -> None:
    """Make the first key, unless there is one."""
    await store.make_keys_alone(work.connection)
    if not await store.find_live(work.connection):
        await _add(work)


async def rotate_key(work: Work, *, overlap: timedelta) -> UUID:
    """Make a key that signs from now on; those before it sign beside it for `overlap`. Returns the new one's id."""
    await store.make_keys_alone(work.connection)
    key_id = await _add(work)
    await store.retire_others(work, key_id, after=overlap)
    return key_id


async def _add(work: Work) -> UUID:
    key_id, private = work.new_id(), Ed25519PrivateKey.generate()
    sealed = work.ports.get(WebhookSeal).close(private.private_bytes_raw(), record_id=key_id)
    await store.add(work, key_id, sealed=sealed, public_key=private.public_key().public_bytes_raw())
    return key_id
