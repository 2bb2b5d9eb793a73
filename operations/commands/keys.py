"""keys: the signing keys of tokens, and which encryption keys the settings name."""

from datetime import timedelta
from typing import Any

from operations.commands.base import Call, Subparsers, add_acting, command, dry
from operations.journal import record
from operations.places import Database, open_estate
from operations.report import Report, table
from services.identity.sealing import Vault
from services.identity.settings import IdentitySettings
from services.identity.signing import SigningKeys, publish_key
from shared.documents.settings import key_ring, secret_key

_LIST = """
SELECT kid, usable_from, retired_at,
       CASE WHEN retired_at IS NOT NULL THEN 'retired' WHEN usable_from > clock_timestamp() THEN 'published'
            WHEN usable_from = max(usable_from) FILTER (WHERE retired_at IS NULL AND usable_from <= clock_timestamp())
                 OVER () THEN 'signing' ELSE 'verifying' END AS state
FROM issuing_key ORDER BY usable_from
"""


def add(commands: Subparsers) -> None:
    """Declare the commands."""
    parser = command(
        commands, "keys", does="list and rotate the keys tokens are signed with", examples="keys list\nkeys rotate"
    )
    acts = parser.add_subparsers(metavar="ACT", required=True)
    command(acts, "list", does="list signing keys, and the kids on identity's ring", examples="keys list", run=run_list)
    examples = "keys rotate\nkeys rotate --yes --reason 'yearly rotation'"
    rotating = command(
        acts,
        "rotate",
        does="publish a new signing key; the old one retires by itself",
        examples=examples,
        run=run_rotate,
    )
    add_acting(rotating)


async def run_list(call: Call) -> Report:
    """Signing keys with their state; the encryption keys by their names only."""
    del call
    async with open_estate(["identity"]) as estate:
        rows = await _list(estate["identity"])
    heads = ("kid", "state", "usable_from", "retired_at")
    lines = table(heads, [[row[name] for name in heads] for row in rows])
    return Report(lines=lines, data={"signing_keys": rows})


async def _list(identity: Database) -> list[dict[str, Any]]:
    async with identity.reading() as connection:
        return [dict(row) for row in await connection.fetch(_LIST)]


async def run_rotate(call: Call) -> Report:
    """A new key: published at once, used after its lead. Needs identity's own settings, which seal it."""
    given = call.given
    settings = IdentitySettings()  # its secrets come from the environment
    ring = key_ring(settings)
    lines = [f"a new key is published now and signs in {settings.key_lead_s} s; encryption key in use: {ring.current}"]
    kid = ""
    async with open_estate(["identity"]) as estate:
        if given.yes:
            lead = timedelta(seconds=settings.key_lead_s)
            vault = Vault(ring, index_key=secret_key(settings.index_key))
            keys = SigningKeys(vault=vault, issuer=settings.token_issuer, ttl_s=settings.access_token_ttl_s, lead=lead)
            async with estate["identity"].writing() as work:
                work.ports.add(SigningKeys, keys)
                kid = await publish_key(work, lead=lead)
                subject = work.new_id()
                await record(
                    work,
                    call.operator,
                    act="key.rotate",
                    subject_type="signing_key",
                    subject_id=subject,
                    ground=given.reason,
                    kid=kid,
                )
            lines.append(f"published {kid}")
        rows = await _list(estate["identity"])
    data = {"acted": given.yes, "kid": kid, "encryption_kid": ring.current, "signing_keys": rows}
    return Report(lines=dry(lines, acted=given.yes), data=data)
