"""A running catalog service."""

from collections.abc import AsyncIterator, Callable

import pytest

from services.catalog.service import SERVICE
from tests.factories.catalog import PROVIDER_A, PROVIDER_B, Catalog
from tests.factories.harness import open_platform


@pytest.fixture
async def catalog(fresh_database: Callable[[], str]) -> AsyncIterator[Catalog]:
    """A catalog that knows two authenticated and recognised providers; nothing may end in a dead letter."""
    async with open_platform([SERVICE], fresh_database) as platform:
        running = Catalog(platform)
        await running.feed_party(PROVIDER_A)
        await running.feed_party(PROVIDER_B, name="遵义数智股份有限公司")
        yield running
        await platform.settle()
        assert await platform.dead_letters() == []
