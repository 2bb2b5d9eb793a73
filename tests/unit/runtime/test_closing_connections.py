"""Closing what may be broken: bounded in time, whatever the client waits for."""

import asyncio
from typing import Any, cast

import pytest

from shared.runtime.bus import rabbitmq_connection as rabbitmq


class Stubborn:
    """A connection whose close waits for an end that never comes, and once more when it is cancelled."""

    def __init__(self) -> None:
        self.never = asyncio.Event()

    async def close(self, _: object) -> None:
        """Wait, and wait again."""
        try:
            await self.never.wait()
        finally:
            await self.never.wait()


class Broken:
    """A connection that cannot be closed."""

    async def close(self, _: object) -> None:
        """Fail as the client does."""
        raise ConnectionError("gone")


async def test_who_never_answers_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rabbitmq, "CLOSE_TIMEOUT_S", 0.05)
    before = asyncio.all_tasks()
    async with asyncio.timeout(5):
        await rabbitmq.close_quietly(cast("Any", Stubborn()))
    assert asyncio.all_tasks() == before


async def test_a_fault_while_closing_is_no_fault() -> None:
    await rabbitmq.close_quietly(cast("Any", Broken()))
