"""What waiting callers are told of an order, read while another process decides it."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import asyncpg

from services.order.handlers.waiting import read_news, read_present
from tests.factories.trade import Market


class Interrupted:
    """A connection on which something else happens in the database behind its first statement."""

    def __init__(self, connection: asyncpg.Connection, between: Callable[[], Awaitable[object]]) -> None:
        self._connection = connection
        self._between: Callable[[], Awaitable[object]] | None = between

    async def fetch(self, query: str, /, *arguments: Any) -> list[asyncpg.Record]:
        """Run a statement; after the first one, let the other happen."""
        rows: list[asyncpg.Record] = await self._connection.fetch(query, *arguments)
        between, self._between = self._between, None
        if between is not None:
            await between()
        return rows


async def test_an_order_decided_while_it_is_read_is_told_as_decided_or_not_at_all(market: Market) -> None:
    order_id = UUID((await market.place())["id"])
    async with market.platform.runtime("order").reading() as connection:
        news = await read_news(Interrupted(connection, lambda: market.held(order_id)), [order_id])  # type: ignore[arg-type]
        assert news == {}, "at the moment of the one snapshot it was under way"
        told = await read_news(connection, [order_id])
    assert told[order_id]["state"] == "awaiting_confirmation"  # type: ignore[index]


async def test_a_repeated_call_is_told_order_and_saga_of_one_moment(market: Market) -> None:
    order_id = UUID((await market.place())["id"])
    async with market.platform.runtime("order").reading() as connection:
        present = await read_present(Interrupted(connection, lambda: market.held(order_id)), [order_id])  # type: ignore[arg-type]
    assert (present[order_id]["state"], present[order_id]["saga"]) == ("placed", "holding")
