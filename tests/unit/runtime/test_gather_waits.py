"""How long a batch of calls waits: until as many are there as came together lately; a lonely one not at all."""

import asyncio
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from shared.runtime import gather
from shared.runtime.gather import Call, Gatherer

PATIENCE_S = 10.0


class Counted(Gatherer):
    """A gatherer that commits nothing and remembers how many calls each batch had."""

    def __init__(self) -> None:
        runtime: Any = SimpleNamespace(service=SimpleNamespace(hot_routes=()))
        super().__init__(runtime)
        self.batches: list[int] = []

    async def _settle(self, batch: Sequence[Call]) -> None:
        self.batches.append(len(batch))
        answer: Any = None
        for call in batch:
            call.done.set_result(answer)

    async def call(self, count: int) -> None:
        """That many callers at once, until each is answered."""
        some: Any = None
        async with asyncio.timeout(PATIENCE_S):
            await asyncio.gather(*[self.submit(some, some, some, wants_news=False) for _ in range(count)])


@pytest.fixture
def for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waits for more calls than there are waits longer than the test has patience."""
    monkeypatch.setattr(gather, "LINGER_S", 6 * PATIENCE_S)


@pytest.mark.usefixtures("for_ever")
async def test_a_lonely_call_waits_for_nobody() -> None:
    calls = Counted()
    await calls.call(1)
    await calls.call(1)
    assert calls.batches == [1, 1]


@pytest.mark.usefixtures("for_ever")
async def test_a_batch_leaves_as_soon_as_it_is_as_large_as_the_one_before() -> None:
    calls = Counted()
    await calls.call(5)
    first = asyncio.create_task(calls.call(3))
    await asyncio.sleep(0.05)
    assert calls.batches == [5]
    await calls.call(2)
    await first
    assert calls.batches == [5, 5]


async def test_a_batch_that_stays_smaller_leaves_all_the_same_and_the_next_expect_fewer() -> None:
    calls = Counted()
    await calls.call(8)
    for _ in range(12):
        await calls.call(1)
    assert calls.batches == [8] + 12 * [1]
    assert calls._expected == 1
