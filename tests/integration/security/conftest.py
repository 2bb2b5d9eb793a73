"""One platform for all tests of security: opening five services costs more than most of the tests."""

from collections.abc import AsyncIterator, Mapping

import pytest_asyncio

from tests.factories.databases import DatabasePool
from tests.integration.security.example_data import Story, Tenant
from tests.integration.security.platform_fixture import Estate, open_estate


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def estate(database_pool: DatabasePool) -> AsyncIterator[Estate]:
    async with open_estate(database_pool) as running:
        yield running


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def tenants(estate: Estate) -> Mapping[str, Tenant]:
    """Two enterprises and two providers with one of everything."""
    return await Story(estate).tell()
