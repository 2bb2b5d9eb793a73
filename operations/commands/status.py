"""status: each service at a glance."""

import os
from collections.abc import Mapping
from typing import Any

import asyncpg
import httpx

from operations.commands.base import Call, Subparsers, command
from operations.places import Database, open_estate, service_names
from operations.report import Code, Report, table
from shared.runtime.deploy.branches import listed, newest_revisions

COUNTED_MAX = 100_000
ASK_TIMEOUT_S = 3.0
STUCK_S = 900

_COUNTS = """
SELECT (SELECT count(*) FROM (SELECT 1 FROM outbox UNION ALL SELECT 1 FROM resend LIMIT $1) t) AS outbox,
       (SELECT count(*) FROM (SELECT FROM parked LIMIT $1) t) AS parked,
       (SELECT count(*) FROM (SELECT FROM retry LIMIT $1) t) AS retry,
       (SELECT count(*) FROM (SELECT FROM dead_letter WHERE replayed_at IS NULL LIMIT $1) t) AS dead_letters,
       (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = $2) AS sessions,
       (SELECT bool_and(until > clock_timestamp()) FROM relay_partition) AS relays
"""
_SAGAS = """
SELECT count(*) FILTER (WHERE resend_at IS NOT NULL) AS moving,
       count(*) FILTER (WHERE resend_at IS NOT NULL AND moved_at < clock_timestamp() - make_interval(secs => $1))
           AS stuck
FROM saga
"""
_HEADS = ("service", "ready", "schema", "outbox", "parked", "retry", "dead letters", "sagas moving", "sagas stuck")


def add(commands: Subparsers) -> None:
    """Declare the command."""
    does = "show each service: ready, migrations, outbox, dead letters, sagas"
    command(commands, "status", does=does, examples="status\nstatus --json", run=run)


async def run(call: Call) -> Report:
    """One line a service; differences when one is down, behind its code, stuck, or has dead letters."""
    async with open_estate(service_names()) as estate:
        rows = [await _row(database) for database in estate.values()]
    call.progress.close()
    lines = table(_HEADS, [list(row.values()) for row in rows])
    well = all(
        row["ready"] == "yes" and row["schema"] == "newest" and not row["dead_letters"] and not row["sagas_stuck"]
        for row in rows
    )
    return Report(lines=lines, data={"services": rows, "well": well}, code=Code.WELL if well else Code.DIFFERENCES)


async def _row(database: Database) -> dict[str, Any]:
    name = database.service.name
    schema = await _schema(database)
    async with database.reading() as connection:
        counts: Mapping[str, Any] = await connection.fetchrow(_COUNTS, COUNTED_MAX, name)
        sagas: Mapping[str, Any] = (
            await connection.fetchrow(_SAGAS, float(STUCK_S)) if "saga" in database.service.metadata.tables else {}
        )
    return {
        "service": name,
        "ready": await _ready(name, counts),
        "schema": schema,
        **{kind: counts[kind] for kind in ("outbox", "parked", "retry", "dead_letters")},
        "sagas_moving": sagas.get("moving"),
        "sagas_stuck": sagas.get("stuck"),
    }


async def _schema(database: Database) -> str:
    newest = newest_revisions(database.service.name)
    async with database.reading() as connection:
        try:
            there = {row["version_num"] for row in await connection.fetch("SELECT version_num FROM alembic_version")}
        except asyncpg.UndefinedTableError:
            return "no migrations"
    return "newest" if there == newest else f"{listed(there)} of {listed(newest)}"


async def _ready(name: str, counts: Mapping[str, Any]) -> str:
    """What the service says under <NAME>_URL; without one, whether it is connected and its relays hold their leases."""
    base = os.environ.get(f"{name.upper()}_URL")
    if base is None:
        return "yes" if counts["sessions"] and counts["relays"] else "no"
    try:
        async with httpx.AsyncClient(timeout=ASK_TIMEOUT_S) as client:
            answer = await client.get(f"{base.rstrip('/')}/health/ready")
            missing = answer.json().get("missing", {})
    except (httpx.HTTPError, ValueError) as error:
        return f"no: {type(error).__name__}"
    return "yes" if answer.is_success else "no: " + "; ".join(part for parts in missing.values() for part in parts)
