"""The migration reads from the record who suspended whom, and gives no body to two that were authenticated for it."""

import datetime as dt
from collections.abc import Callable
from uuid import UUID, uuid4

import asyncpg
from alembic import command
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from shared.runtime.deploy.branches import migration_config
from shared.runtime.deploy.migrate import upgrade

START = dt.datetime(2026, 5, 4, tzinfo=dt.UTC)
BODY, OTHER_BODY = "91520100MA6DK0X17", "91520300MA6H2B7C7"


async def schema_before(dsn: str) -> None:
    engine = create_async_engine(dsn.replace("postgresql://", "postgresql+asyncpg://", 1), poolclass=NullPool)

    def run(connection: object) -> None:
        config = migration_config("identity")
        config.attributes["connection"] = connection
        for revision in ("runtime@head", "0005"):
            command.upgrade(config, revision)

    async with engine.begin() as connection:
        await connection.run_sync(run)
    await engine.dispose()


async def an_organisation(connection: asyncpg.Connection, code: str, *, suspended: bool = False) -> UUID:
    organisation_id = uuid4()
    await connection.execute(
        "INSERT INTO organisation (id, kind, name, credit_code, region, state, recognition, legal_person, size_class,"
        " priority_listed, suspended_since, closed, check_flagged, check_evidence, registered_at, version)"
        " VALUES ($1, 'enterprise', '甲公司', $2, '520100', 'authenticated', 'none', true, 'small', false, $3, false,"
        " false, '', $4, 1)",
        organisation_id,
        code,
        START if suspended else None,
        START,
    )
    return organisation_id


async def decide(connection: asyncpg.Connection, number: int, subject_id: UUID, act: str, role: str) -> None:
    await connection.execute(
        "INSERT INTO decision (id, subject_type, subject_id, act, account_id, role, ground, rule, pack_version, facts,"
        " at) VALUES ($1, 'organisation', $2, $3, $4, $5, '', 'A9', '1', '{}', $6)",
        UUID(int=number),
        subject_id,
        f"organisation.{act}",
        uuid4(),
        role,
        START,
    )


async def test_who_suspended_is_read_from_the_record(fresh_database: Callable[[], str]) -> None:
    dsn = fresh_database()
    await schema_before(dsn)
    connection = await asyncpg.connect(dsn)
    acts = {
        "by the bureau": [("suspend", "bureau_lead")],
        "by the operator": [("suspend", "operator_lead")],
        "brought forward": [("suspend", "bureau_lead"), ("suspend", "operator_lead")],
        "anew": [("suspend", "bureau_lead"), ("reinstate", "bureau_lead"), ("suspend", "operator_lead")],
    }
    made: dict[UUID, str] = {}
    number = 0
    for name, decided in acts.items():
        organisation_id = await an_organisation(connection, f"{BODY[:-4]}{len(made):04}T", suspended=True)
        made[organisation_id] = name
        for act, role in decided:
            number += 1
            await decide(connection, number, organisation_id, act, role)
    await upgrade("identity", dsn)
    rows = await connection.fetch("SELECT id, suspended_by_bureau FROM organisation")
    await connection.close()
    found = {made[row["id"]]: row["suspended_by_bureau"] for row in rows}
    assert found == {"by the bureau": True, "by the operator": False, "brought forward": True, "anew": False}


async def test_of_two_that_were_authenticated_for_one_body_neither_holds_it(
    fresh_database: Callable[[], str],
) -> None:
    dsn = fresh_database()
    await schema_before(dsn)
    connection = await asyncpg.connect(dsn)
    twice = [await an_organisation(connection, f"{BODY}{last}") for last in "TA"]
    alone = await an_organisation(connection, f"{OTHER_BODY}R")
    await upgrade("identity", dsn)
    rows = await connection.fetch("SELECT id, body_held FROM organisation")
    # An act on one of the two is as free as before.
    await connection.execute("UPDATE organisation SET suspended_since = $2 WHERE id = $1", twice[0], START)
    await connection.close()
    assert {row["id"]: row["body_held"] for row in rows} == {twice[0]: None, twice[1]: None, alone: OTHER_BODY}
