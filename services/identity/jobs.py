"""What identity does on a schedule, in machine time."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from services.identity.auth.throttle import SECOND_FACTOR_RULE
from services.identity.handlers.affiliations import tie_body
from services.identity.handlers.blacklist import stop_listed
from services.identity.handlers.registration import EXPIRED_BATCH_MAX, expire_unused
from services.identity.handlers.resemblances import index_phone, notice_alike
from services.identity.sealing import Vault
from services.identity.sessions import SessionRules
from services.identity.signing import retire_outlived_keys
from services.identity.store.documents import remove_unfiled
from services.identity.store.organisations import (
    fold_party,
    load_organisation,
    unfolded_parties,
    untied_of_one_body,
)
from services.identity.store.sweeps import (
    delete_expired_tokens,
    delete_old_assertions,
    delete_old_counters,
    forget_old_successors,
)
from shared.documents.loose_files import REMOVED_AT_ONCE_MAX, REMOVING, FileRules, let_go
from shared.runtime.service import Job
from shared.runtime.work import Work

SWEEP_BATCH_MAX: Final = 1_000
STANDING_BATCH_MAX: Final = 50


async def sweep_refresh_tokens(work: Work) -> int:
    """Delete refresh tokens past the end of their session."""
    return await delete_expired_tokens(work, limit=SWEEP_BATCH_MAX)


async def sweep_counters(work: Work) -> int:
    """Delete counters of failed sign-ins that are worth nothing any more."""
    return await delete_old_counters(work, older_than=SECOND_FACTOR_RULE.forget_after, limit=SWEEP_BATCH_MAX)


async def sweep_assertions(work: Work) -> int:
    """Delete used assertions of clients that have expired."""
    return await delete_old_assertions(work, limit=SWEEP_BATCH_MAX)


async def remove_unfiled_documents(work: Work) -> int:
    """Drop uploads that were never submitted and whose time is over; their files are removed after the commit."""
    before = work.now - timedelta(days=work.ports.get(FileRules).keep_days)
    keys = await remove_unfiled(work, before=before, limit=REMOVED_AT_ONCE_MAX)
    await let_go(work.connection, keys)
    return len(keys)


async def stop_blacklisted(work: Work) -> int:
    """Stop whoever is listed and not stopped: one that registered while its code was being listed, or long ago."""
    return await stop_listed(work, limit=STANDING_BATCH_MAX)


async def tie_bodies(work: Work) -> int:
    """Tie enterprises and providers of one body that are not tied: those from before ties came by themselves."""
    tied = 0
    for enterprise_id, provider_id in await untied_of_one_body(work.connection, limit=STANDING_BATCH_MAX):
        tied += await tie_body(work, await load_organisation(work.connection, enterprise_id), [provider_id])
    return tied


async def fold_parties(work: Work) -> int:
    """Keep the folded name and the telephone's index of parties from before these were kept, and notice likenesses."""
    vault = work.ports.get(Vault)
    parties = await unfolded_parties(work.connection, limit=STANDING_BATCH_MAX)
    for party in parties:
        phone = vault.open(party.phone_sealed, record_id=party.id, field="phone").decode()
        await fold_party(work, party, phone_index=index_phone(vault, phone))
    for party in parties:
        if party.handed_in:
            await notice_alike(work, party.id)
    return len(parties)


async def forget_successors(work: Work) -> int:
    """Delete the sealed refresh tokens that a second tab can ask for no more."""
    grace = work.ports.get(SessionRules).refresh_grace
    return await forget_old_successors(work, older_than=grace, limit=SWEEP_BATCH_MAX)


JOBS: Sequence[Job] = (
    Job(name="retire_keys", every_s=60, handler=retire_outlived_keys),
    Job(name="stop_blacklisted", every_s=60, handler=stop_blacklisted, batch_max=STANDING_BATCH_MAX),
    Job(name="tie_bodies", every_s=60, handler=tie_bodies, batch_max=STANDING_BATCH_MAX),
    Job(name="fold_parties", every_s=60, handler=fold_parties, batch_max=STANDING_BATCH_MAX),
    Job(name="sweep_refresh_tokens", every_s=600, handler=sweep_refresh_tokens, batch_max=SWEEP_BATCH_MAX),
    Job(
        name="remove_unfiled_documents",
        every_s=3_600,
        handler=remove_unfiled_documents,
        batch_max=REMOVED_AT_ONCE_MAX,
    ),
    REMOVING,
    Job(name="forget_successors", every_s=600, handler=forget_successors, batch_max=SWEEP_BATCH_MAX),
    Job(name="sweep_assertions", every_s=60, handler=sweep_assertions, batch_max=SWEEP_BATCH_MAX),
    Job(name="sweep_counters", every_s=600, handler=sweep_counters, batch_max=SWEEP_BATCH_MAX),
    Job(name="expire_registrations", every_s=600, handler=expire_unused, batch_max=EXPIRED_BATCH_MAX),
)
