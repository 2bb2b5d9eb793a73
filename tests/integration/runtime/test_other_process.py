"""What one process of a service takes from the queue, its other processes know seconds later, from their database."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from sqlalchemy import MetaData

from shared.contracts.messages.identity import AccountEnded, KeyRetired, SessionEnded
from shared.contracts.permissions import Role
from shared.kernel.ids import AccountId, OrganisationId
from shared.runtime.database.tables import attach
from shared.runtime.service.service import Service
from shared.runtime.service.settings import ServiceSettings
from tests.factories.harness import Platform, open_platform

METADATA = MetaData()
attach(METADATA)
SERVICE = Service(name="toy", metadata=METADATA, settings=ServiceSettings)
# Sign-out and disabling hold everywhere within seconds: far less than the minute after which all is read again.
KNOWN_WITHIN_S = 20.0


@pytest.fixture
async def pair(fresh_database: Callable[[], str]) -> AsyncIterator[tuple[Platform, Platform]]:
    """Two processes of one service on one database; only the first one is told anything."""
    async with (
        open_platform([SERVICE], fresh_database) as told,
        open_platform([SERVICE], fresh_database, databases=told.databases) as other,
    ):
        yield told, other


def token_of(platform: Platform, account_id: UUID, session_id: UUID | None = None) -> dict[str, str]:
    token = platform.signer.sign(
        AccountId(account_id),
        audience="toy",
        organisation_id=OrganisationId(uuid4()),
        roles=[Role.ENTERPRISE],
        region=None,
        session_id=session_id,
    )
    return {"Authorization": f"Bearer {token}"}


async def status(platform: Platform, headers: dict[str, str]) -> int:
    return (await platform.client.get("/api/toy/v1/notices", headers=headers)).status_code


async def until_refused(platform: Platform, headers: dict[str, str]) -> None:
    async with asyncio.timeout(KNOWN_WITHIN_S):
        while await status(platform, headers) != 401:  # noqa: ASYNC110 - another process is awaited
            await asyncio.sleep(0.05)


async def test_an_ended_account_is_refused_by_the_process_that_was_not_told(pair: tuple[Platform, Platform]) -> None:
    told, other = pair
    account_id, stranger = uuid4(), token_of(other, uuid4())
    headers = token_of(told, account_id)
    assert [await status(platform, headers) for platform in pair] == [200, 200]
    await told.feed(AccountEnded(version=0, account_id=account_id, tokens_before=datetime.now(UTC)))
    await until_refused(other, headers)
    # A later token of the account is good, and so are those of everybody else.
    assert [await status(other, token_of(other, account_id)), await status(other, stranger)] == [200, 200]


async def test_an_ended_session_is_refused_by_the_process_that_was_not_told(pair: tuple[Platform, Platform]) -> None:
    told, other = pair
    account_id, session_id = uuid4(), uuid4()
    headers, beside = token_of(told, account_id, session_id), token_of(told, account_id, uuid4())
    assert await status(other, headers) == 200
    ended = SessionEnded(version=0, account_id=account_id, session_id=session_id, ended_at=datetime.now(UTC))
    await told.feed(ended)
    await until_refused(other, headers)
    assert await status(other, beside) == 200


async def test_a_retired_key_is_not_trusted_by_the_process_that_was_not_told(pair: tuple[Platform, Platform]) -> None:
    told, other = pair
    headers = token_of(told, uuid4())
    assert await status(other, headers) == 200
    await told.feed(KeyRetired(version=0, key_id=uuid4(), kid="test"))
    await until_refused(other, headers)


async def test_what_a_slow_transaction_writes_is_not_overlooked(pair: tuple[Platform, Platform]) -> None:
    """A row is read though others began later and were committed, and read, before it."""
    told, other = pair
    runtime = told.runtime("toy")
    slow, fast = uuid4(), uuid4()
    held = {account_id: token_of(told, account_id) for account_id in (slow, fast)}
    async with runtime.pool.acquire() as connection, connection.transaction():
        await connection.execute("INSERT INTO revocation (account_id, tokens_before) VALUES ($1, now())", slow)
        await told.feed(AccountEnded(version=0, account_id=fast, tokens_before=datetime.now(UTC)))
        await until_refused(other, held[fast])
        assert await status(other, held[slow]) == 200
    await until_refused(other, held[slow])
