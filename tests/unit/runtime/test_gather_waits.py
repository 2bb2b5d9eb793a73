"""How long a batch of calls waits: until as many are there as came together lately; a lonely one not at all."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from shared.runtime.http.batching import batcher
from shared.runtime.http.batching.batcher import Call, CallOutcome, CommandBatcher
from shared.runtime.http.idempotency import StoredAnswer
from shared.runtime.validation.refusals import Unavailable

PATIENCE_S = 10.0


class Counted(CommandBatcher):
    """A batcher that commits nothing and remembers how many calls each batch had."""

    def __init__(self) -> None:
        runtime: Any = SimpleNamespace(service=SimpleNamespace(hot_routes=()))
        super().__init__(runtime)
        self.batches: list[int] = []

    async def _serve(self) -> None:
        batch = await self._gather(since_s=asyncio.get_running_loop().time())
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
    monkeypatch.setattr(batcher, "LINGER_S", 6 * PATIENCE_S)


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


class Slow(CommandBatcher):
    """A batcher whose transactions begin when they may, or not at all; it commits nothing."""

    def __init__(self) -> None:
        self.may_begin = asyncio.Event()
        self.begun = 0
        self.faults = 0
        self.batches: list[int] = []
        runtime: Any = SimpleNamespace(service=SimpleNamespace(hot_routes=()), work=self._work)
        super().__init__(runtime)

    @asynccontextmanager
    async def _work(self) -> AsyncIterator[Any]:
        self.begun += 1
        await self.may_begin.wait()
        if self.faults:
            self.faults -= 1
            raise ConnectionError("the database is away")
        yield None

    async def _run(self, work: Any, batch: Sequence[Call], *, repeated: bool = False, locked: bool = False) -> Any:
        del work, repeated, locked
        self.batches.append(len(batch))
        return [CallOutcome(StoredAnswer(200, b"", "")) for _ in batch]

    def call(self) -> asyncio.Task[CallOutcome]:
        """One caller."""
        some: Any = SimpleNamespace(handler=None)
        return asyncio.create_task(self.submit(some, some, some, wants_news=False))


async def test_calls_that_come_while_the_transaction_begins_belong_to_it() -> None:
    calls = Slow()
    first = calls.call()
    await asyncio.sleep(0.01)
    rest = [calls.call() for _ in range(4)]
    await asyncio.sleep(0.01)
    calls.may_begin.set()
    async with asyncio.timeout(PATIENCE_S):
        await asyncio.gather(first, *rest)
    assert (calls.batches, calls.begun) == ([5], 1)


async def test_whoever_waits_for_a_transaction_that_cannot_begin_is_told_so_and_the_next_is_served(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(batcher, "TRIES_MAX", 1)
    calls = Slow()
    calls.faults = 1
    calls.may_begin.set()
    async with asyncio.timeout(PATIENCE_S):
        with pytest.raises(Unavailable):
            await calls.call()
        assert (await calls.call()).answer.status == 200
    assert calls.batches == [1]


async def test_a_transaction_that_begins_at_the_second_try_takes_all_who_wait() -> None:
    calls = Slow()
    calls.faults = 1
    calls.may_begin.set()
    first = calls.call()
    await asyncio.sleep(0.01)
    async with asyncio.timeout(PATIENCE_S):
        await asyncio.gather(first, calls.call())
    assert calls.batches == [2]
