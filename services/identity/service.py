"""The wiring of identity, and the parts its handlers find by type."""

import asyncio
from datetime import timedelta

from services.identity.api import router
from services.identity.bootstrap import ensure_first_admin
from services.identity.handlers.designations import DESIGNATION_ENDS, end_operator_rights
from services.identity.heap import give_large_blocks_back
from services.identity.jobs import JOBS
from services.identity.sealing import Vault
from services.identity.sessions import SessionRules
from services.identity.settings import IdentitySettings
from services.identity.signing import SigningKeys, ensure_key
from services.identity.tables import METADATA
from shared.kernel.refusals import bug
from shared.runtime.auth.passwords import Passwords
from shared.runtime.blobs import EncryptedBlobs
from shared.runtime.loose_files import FileRules
from shared.runtime.runtime import Runtime
from shared.runtime.sealed import file_rules, key_ring, open_documents, open_transfers, secret_key
from shared.runtime.service import Service
from shared.runtime.transfers import Transfers
from shared.runtime.uploads import Inspections


async def prepare(runtime: Runtime) -> None:
    """Register the parts, then make the first signing key and the first administrator when there are none."""
    settings = runtime.settings
    if not isinstance(settings, IdentitySettings):
        bug("identity runs with its own settings")
    vault = Vault(key_ring(settings), index_key=secret_key(settings.index_key))
    give_large_blocks_back()
    passwords = await asyncio.to_thread(
        Passwords, threads=settings.password_threads, waiting_max=settings.passwords_waiting_max
    )
    keys = SigningKeys(
        vault=vault,
        issuer=settings.token_issuer,
        ttl_s=settings.access_token_ttl_s,
        lead=timedelta(seconds=settings.key_lead_s),
    )
    runtime.ports.add(Vault, vault)
    runtime.ports.add(Passwords, passwords)
    runtime.ports.add(SigningKeys, keys)
    runtime.ports.add(EncryptedBlobs, open_documents(settings))
    runtime.ports.add(FileRules, file_rules(settings))
    runtime.ports.add(Inspections, Inspections())
    runtime.ports.add(Transfers, open_transfers(settings))
    runtime.ports.add(SessionRules, SessionRules(timedelta(hours=settings.refresh_ttl_hours)))
    async with runtime.work() as work:
        await ensure_key(work)
    await ensure_first_admin(
        runtime,
        sign_in_name=settings.first_admin_name,
        password=settings.first_admin_password.get_secret_value(),
    )


SERVICE = Service(
    name="identity",
    metadata=METADATA,
    settings=IdentitySettings,
    router=router,
    timers={DESIGNATION_ENDS: end_operator_rights},
    jobs=JOBS,
    prepare=prepare,
)
