"""The wiring of identity, and the parts its handlers find by type."""

import asyncio
from datetime import timedelta

from services.identity.admission import DeviceRules, RegistrationRules
from services.identity.api import router
from services.identity.api.tokens import METADATA_OPERATION, METADATA_PATH
from services.identity.auth.passwords import Passwords
from services.identity.auth.throttle import ThrottleRule
from services.identity.bootstrap import FirstAdmin, ensure_first_admins
from services.identity.client_tokens import TokenRates
from services.identity.handlers.accounts import ResetRules
from services.identity.handlers.blacklist import (
    LIFTING_TIMER,
    LISTING_TIMER,
    lapse_late_liftings,
    lapse_late_listings,
)
from services.identity.handlers.designations import DESIGNATION_ENDS, end_operator_rights
from services.identity.handlers.registration import RegistrationPasswords
from services.identity.handlers.staff import ProposalRules
from services.identity.jobs import JOBS
from services.identity.malloc import return_large_blocks
from services.identity.sealing import Vault
from services.identity.sessions import SessionRules
from services.identity.settings import IdentitySettings
from services.identity.signing import SigningKeys, ensure_key
from services.identity.tables import METADATA
from shared.documents.blobs import EncryptedBlobs
from shared.documents.loose_files import FileRules
from shared.documents.settings import file_rules, key_ring, open_documents, open_transfers, secret_key
from shared.documents.transfers import Transfers
from shared.documents.uploads import Inspections
from shared.kernel.refusals import bug
from shared.runtime.service import Runtime, Service


async def prepare(runtime: Runtime) -> None:
    """Register the parts, then make the first signing key and the first administrators when they are missing."""
    settings = runtime.settings
    if not isinstance(settings, IdentitySettings):
        bug("identity runs with its own settings")
    vault = Vault(key_ring(settings), index_key=secret_key(settings.index_key))
    return_large_blocks()
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
    runtime.ports.add(TokenRates, TokenRates())
    registering = await asyncio.to_thread(
        RegistrationPasswords, threads=1, waiting_max=settings.registrations_waiting_max
    )
    runtime.ports.add(RegistrationPasswords, registering)
    _add_rules(runtime, settings)
    async with runtime.work() as work:
        await ensure_key(work)
    await ensure_first_admins(
        runtime,
        [
            FirstAdmin(settings.first_admin_name, settings.first_admin_password.get_secret_value()),
            FirstAdmin(settings.second_admin_name, settings.second_admin_password.get_secret_value()),
        ],
    )


def _add_rules(runtime: Runtime, settings: IdentitySettings) -> None:
    required = settings.second_factor_required
    sessions = SessionRules(
        refresh_ttl=timedelta(hours=settings.refresh_ttl_hours),
        refresh_grace=timedelta(seconds=settings.refresh_grace_s),
        second_factor_required=not settings.demonstration if required is None else required,
    )
    free = settings.registrations_free or (1_000 if settings.demonstration else 10)
    registration = RegistrationRules(
        throttle=ThrottleRule(
            free_failures=free,
            first_delay=timedelta(seconds=30),
            max_delay=timedelta(minutes=10),
            forget_after=timedelta(hours=1),
        ),
        unused_ttl=timedelta(days=settings.registration_ttl_days),
    )
    resets = ResetRules(
        party_ttl=timedelta(minutes=settings.reset_code_min), staff_ttl=timedelta(hours=settings.staff_code_hours)
    )
    runtime.ports.add(SessionRules, sessions)
    runtime.ports.add(DeviceRules, DeviceRules(timedelta(days=settings.device_days)))
    runtime.ports.add(RegistrationRules, registration)
    runtime.ports.add(ResetRules, resets)
    runtime.ports.add(ProposalRules, ProposalRules(timedelta(days=settings.proposal_days)))


SERVICE = Service(
    name="identity",
    title="身份",
    duty="上云企业与云服务商注册、实名认证、认定、工作人员、登录",
    metadata=METADATA,
    settings=IdentitySettings,
    router=router,
    well_known={METADATA_PATH: METADATA_OPERATION},
    timers={
        DESIGNATION_ENDS: end_operator_rights,
        LISTING_TIMER: lapse_late_listings,
        LIFTING_TIMER: lapse_late_liftings,
    },
    jobs=JOBS,
    prepare=prepare,
)
