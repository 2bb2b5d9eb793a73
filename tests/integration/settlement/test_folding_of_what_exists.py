"""The migration folds what was filed and paid before; what turns out to be one number is reported, not taken away."""

import datetime as dt
from collections.abc import Callable
from uuid import UUID, uuid4

import asyncpg
from alembic import command
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from services.settlement.domain.evidence import EvidenceKey, KeyScheme
from services.settlement.domain.references import normalise_reference
from shared.runtime.deploy.branches import migration_config
from shared.runtime.deploy.migrate import upgrade

START = dt.datetime(2029, 5, 4, tzinfo=dt.UTC)
PROVIDER = UUID(int=1)
CLERK = UUID(int=2)


async def first_schema(dsn: str) -> None:
    """The database as it was before."""
    engine = create_async_engine(dsn.replace("postgresql://", "postgresql+asyncpg://", 1), poolclass=NullPool)

    def run(connection: object) -> None:
        config = migration_config("settlement")
        config.attributes["connection"] = connection
        for revision in ("runtime@head", "0001"):
            command.upgrade(config, revision)

    async with engine.begin() as connection:
        await connection.run_sync(run)
    await engine.dispose()


async def a_filed_claim(connection: asyncpg.Connection, kind: str, reference: str) -> UUID:
    """A filed claim with one piece of evidence, bound as it was bound then; the order."""
    claim_id, order_id = uuid4(), uuid4()
    await connection.execute(
        "INSERT INTO claim (id, provider_id, state, version, created_at, filed_at, window_closes_at, state_since)"
        " VALUES ($1, $2, 'submitted', 1, $3, $3, $3, $3)",
        claim_id,
        PROVIDER,
        START,
    )
    await connection.execute(
        "INSERT INTO decision (id, subject_type, subject_id, act, account_id, role, ground, rule, pack_version, facts,"
        " at) VALUES ($1, 'claim', $2, 'claim.submit', $3, 'provider', '', 'A22', '1', '{}', $4)",
        uuid4(),
        claim_id,
        CLERK,
        START,
    )
    await connection.execute(
        "INSERT INTO evidence (id, claim_id, order_id, kind, reference, sha256, media_type, size_bytes, pages, legible,"
        " blob_key, filed_at) VALUES ($1, $2, $3, $4, $5, $6, 'application/pdf', 1, 1, true, $7, $8)",
        uuid4(),
        claim_id,
        order_id,
        kind,
        reference,
        order_id.bytes,
        order_id.hex,
        START,
    )
    await connection.execute(
        "INSERT INTO evidence_key (scheme, value, order_id, kind) VALUES ($1, $2, $3, $1)",
        kind,
        normalise_reference(reference),
        order_id,
    )
    return order_id


async def a_payment(connection: asyncpg.Connection, reference: str) -> UUID:
    """A paid request, known by its reference as it was then."""
    request_id = uuid4()
    await connection.execute(
        "INSERT INTO appropriation (id, provider_id, state, version, declaration_version, requested_at, decided_at,"
        " approved_fen, payment_reference, payment_key, paid_on, paid_fen, paid_at, state_since)"
        " VALUES ($1, $2, 'paid', 3, '1', $3, $3, 1, $4, $5, $6, 1, $3, $3)",
        request_id,
        PROVIDER,
        START,
        reference,
        normalise_reference(reference),
        START.date(),
    )
    return request_id


async def test_old_numbers_are_folded_and_duplicates_are_reported_without_a_failure(
    fresh_database: Callable[[], str],
) -> None:
    dsn = fresh_database()
    await first_schema(dsn)
    connection = await asyncpg.connect(dsn)
    first = await a_filed_claim(connection, "invoice", "发票号码：24522000000000001234")
    await a_filed_claim(connection, "invoice", "0024522000000000001234")
    transfer = await a_filed_claim(connection, "transfer", "流水号：ZF-0001")
    payments = [await a_payment(connection, reference) for reference in ("凭证号0012", "12", "ZF-2029-1")]
    await connection.close()
    await upgrade("settlement", dsn)
    connection = await asyncpg.connect(dsn)
    keys = await connection.fetch("SELECT scheme, value, order_id FROM evidence_key")
    bound = {EvidenceKey(KeyScheme(row["scheme"]), row["value"]): row["order_id"] for row in keys}
    assert bound[EvidenceKey(KeyScheme.INVOICE, "24522000000000001234")] == first
    assert bound[EvidenceKey(KeyScheme.TRANSFER, "ZF1")] == transfer
    folded = await connection.fetch("SELECT DISTINCT reference_folded FROM evidence ORDER BY 1")
    assert [row["reference_folded"] for row in folded] == ["24522000000000001234", "ZF1"]
    paid = dict(await connection.fetch("SELECT id, payment_key FROM appropriation"))
    assert [paid[request] for request in payments] == ["凭证号0012", "12", "ZF20291"]
    notices = await connection.fetch(
        "SELECT recipient, subject_id, text FROM notice WHERE event = 'evidence.duplicate_found'"
    )
    assert len(notices) == 6
    assert {row["recipient"] for row in notices} == {"role:operator_lead", "role:bureau_lead", "role:auditor"}
    assert payments[0] in {row["subject_id"] for row in notices}
    assert {row["submitted_by"] for row in await connection.fetch("SELECT submitted_by FROM claim")} == {CLERK}
    await connection.close()
