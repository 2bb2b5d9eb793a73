"""One platform for all tests of security: opening five services costs more than most of the tests."""

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.integration.security.estate import Estate, open_estate


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def estate(postgres_server: str) -> AsyncIterator[Estate]:
    async with open_estate(postgres_server) as running:
        yield running
