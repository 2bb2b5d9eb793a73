"""The order service alone, with a market in its copies; participants' answers are fed as events."""

from collections.abc import AsyncIterator, Callable

import pytest

from services.order.service import SERVICE
from shared.contracts.messages.base import Command
from tests.factories.harness import open_platform
from tests.factories.trade import Market, listeners


@pytest.fixture
async def market(fresh_database: Callable[[], str]) -> AsyncIterator[Market]:
    """A market of one enterprise, one provider and one product; nothing may be dead-lettered by a test."""
    heard: list[Command] = []
    async with open_platform([SERVICE, *listeners(heard)], fresh_database) as platform:
        yield await Market(platform, heard).open()
        assert await platform.dead_letters() == []
