"""Of a batch of calls each is told what became of its own, whoever else came with it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from shared.kernel.refusals import Refusal, RefusalKind
from shared.runtime.http.batching import batcher
from shared.runtime.http.batching.batcher import CallOutcome, CommandBatcher
from shared.runtime.http.idempotency import CallKey

PATIENCE_S = 10.0
CALLERS = 12


class OddRefused(Refusal):
    """Every third of these calls is refused."""

    code = "test.odd"
    kind = RefusalKind.RULE
    zh = "第 {number} 个请求不予办理。"


class Numbered(msgspec.Struct):
    """An answer that says whose it is."""

    number: int


async def handle(work: Any, commands: Sequence[int]) -> Sequence[Numbered | Refusal]:
    """As handlers of hot routes do: an answer for each command, in their order."""
    del work
    return [OddRefused(number=number) if number % 3 == 0 else Numbered(number) for number in commands]


@asynccontextmanager
async def work() -> AsyncIterator[Any]:
    """A transaction that keeps nothing."""
    yield SimpleNamespace(contexts=None, keep_answer=lambda _: None, set_apart=lambda: None, connection=None)


@pytest.fixture
def gatherer(monkeypatch: pytest.MonkeyPatch) -> CommandBatcher:
    monkeypatch.setattr(batcher, "contexts_of", lambda _: b"")
    runtime: Any = SimpleNamespace(service=SimpleNamespace(hot_routes=()), work=work)
    return CommandBatcher(runtime)


async def test_each_of_a_batch_is_told_its_own_answer_or_its_own_refusal(gatherer: CommandBatcher) -> None:
    route: Any = SimpleNamespace(
        handler=handle, status=201, location=lambda made: f"/things/{made.number}", awaits=None
    )

    async def call(number: int) -> CallOutcome:
        key = CallKey(f"caller {number}", "the same key", b"")
        return await gatherer.submit(route, number, key, wants_news=False)

    async with asyncio.timeout(PATIENCE_S):
        outcomes = await asyncio.gather(*[call(number) for number in range(CALLERS)])
    for number, outcome in enumerate(outcomes):
        if number % 3 == 0:
            assert outcome.refusal is not None
            assert outcome.refusal.facts == {"number": number}
        else:
            assert (outcome.result.number, outcome.answer.resource) == (number, f"/things/{number}")
            assert outcome.answer.body == b'{"number":%d}' % number
