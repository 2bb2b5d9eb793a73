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
from services.identity.store.organisations import load_organisation
from shared.documents.loose_files import REMOVED_AT_ONCE_MAX, REMOVING, FileRules, let_go
from shared.kernel.names import fold_name
from shared.runtime.service import Job
from shared.runtime.work import Work

SWEEP_BATCH_MAX: Final = 1_000
STANDING_BATCH_MAX: Final = 50

_SWEEP_TOKENS = """
DELETE FROM refresh_token WHERE token_hash IN (
    SELECT token_hash FROM refresh_token WHERE expires_at < clock_timestamp() LIMIT $1
)
"""
_SWEEP_COUNTERS = """
DELETE FROM failed_sign_in WHERE (scope, key) IN (
    SELECT scope, key FROM failed_sign_in WHERE last_failed_at < clock_timestamp() - $1::interval LIMIT $2
)
"""
_UNTIED = """
SELECT e.id, p.id FROM organisation e
JOIN organisation p ON left(p.credit_code, 17) = left(e.credit_code, 17) AND p.kind = 'provider'
WHERE e.kind = 'enterprise' AND e.state = 'authenticated' AND p.state = 'authenticated' AND NOT EXISTS (
    SELECT FROM affiliation a WHERE a.enterprise_id = e.id AND a.provider_id = p.id AND a.kind = 'same_code'
) ORDER BY e.id LIMIT $1
"""
_UNFOLDED = """
SELECT o.id, o.name, o.submitted_at IS NOT NULL AS handed_in, c.phone_sealed
FROM contact c JOIN organisation o ON o.id = c.organisation_id WHERE c.phone_index IS NULL ORDER BY o.id LIMIT $1
"""

_FORGET_SUCCESSORS = """
UPDATE refresh_token SET successor_sealed = NULL WHERE token_hash IN (
    SELECT token_hash FROM refresh_token
    WHERE successor_sealed IS NOT NULL AND rotated_at < clock_timestamp() - $1::interval LIMIT $2
)
"""


async def sweep_refresh_tokens(work: Work) -> int:
    """Delete refresh tokens past the end of their session."""
    return _deleted(await work.connection.execute(_SWEEP_TOKENS, SWEEP_BATCH_MAX))


async def sweep_counters(work: Work) -> int:
    """Delete counters of failed sign-ins that are worth nothing any more."""
    return _deleted(await work.connection.execute(_SWEEP_COUNTERS, SECOND_FACTOR_RULE.forget_after, SWEEP_BATCH_MAX))


async def remove_unfiled_documents(work: Work) -> int:
    """Drop uploads that were never submitted and whose time is over; their files are removed after the commit."""
    before = work.now - timedelta(days=work.ports.get(FileRules).keep_days)
    keys = await remove_unfiled(work.connection, before=before, limit=REMOVED_AT_ONCE_MAX)
    await let_go(work.connection, keys)
    return len(keys)


async def stop_blacklisted(work: Work) -> int:
    """Stop whoever is listed and not stopped: one that registered while its code was being listed, or long ago."""
    return await stop_listed(work, limit=STANDING_BATCH_MAX)


async def tie_bodies(work: Work) -> int:
    """Tie enterprises and providers of one body that are not tied: those from before ties came by themselves."""
    rows = await work.connection.fetch(_UNTIED, STANDING_BATCH_MAX)
    return sum([await tie_body(work, await load_organisation(work.connection, row[0]), [row[1]]) for row in rows])


async def fold_parties(work: Work) -> int:
    """Keep the folded name and the telephone's index of parties from before these were kept, and notice likenesses."""
    vault = work.ports.get(Vault)
    rows = await work.connection.fetch(_UNFOLDED, STANDING_BATCH_MAX)
    for row in rows:
        phone = vault.open(row["phone_sealed"], record_id=row["id"], field="phone").decode()
        await work.connection.execute(
            "UPDATE organisation SET name_folded = $2 WHERE id = $1", row["id"], fold_name(row["name"])
        )
        await work.connection.execute(
            "UPDATE contact SET phone_index = $2 WHERE organisation_id = $1", row["id"], index_phone(vault, phone)
        )
    for row in rows:
        if row["handed_in"]:
            await notice_alike(work, row["id"])
    return len(rows)


def _deleted(status: str) -> int:
    return int(status.rpartition(" ")[2])


async def forget_successors(work: Work) -> int:
    """Delete the sealed refresh tokens that a second tab can ask for no more."""
    grace = work.ports.get(SessionRules).refresh_grace
    return _deleted(await work.connection.execute(_FORGET_SUCCESSORS, grace, SWEEP_BATCH_MAX))


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
    Job(name="sweep_counters", every_s=600, handler=sweep_counters, batch_max=SWEEP_BATCH_MAX),
    Job(name="expire_registrations", every_s=600, handler=expire_unused, batch_max=EXPIRED_BATCH_MAX),
)
