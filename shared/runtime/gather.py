"""Gathers concurrent calls of one hot route into one transaction; idempotency and answers stay per call.

One transaction of a route is in flight at a time: while it commits, the next calls collect, so batches form by
themselves. A route on which calls come together waits a moment longer for more of them, because a transaction costs
nearly the same for one call as for ten; a lonely call waits for nobody.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from contextvars import Context
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
import structlog

from shared.kernel.refusals import Refusal
from shared.runtime.db import is_transient
from shared.runtime.hot import GATHER_MAX, HotRoute
from shared.runtime.idempotency import Answer, CallKey, find_answers, keep_answer, replayed
from shared.runtime.problems import Overloaded, Unavailable, encode_problem
from shared.runtime.runtime import Runtime
from shared.runtime.watching.contexts import contexts_of
from shared.runtime.watching.current import current_traceparent
from shared.runtime.work import Work

log = structlog.get_logger()

LINGER_S = 0.008
WAITING_MAX = 5_000
TRIES_MAX = 4

_ENCODER = msgspec.json.Encoder()


@dataclass(slots=True, eq=False)
class Call:
    """One HTTP call that waits for its place in a batch."""

    command: Any
    key: CallKey
    wants_news: bool
    done: "asyncio.Future[Outcome]"
    traceparent: str


@dataclass(slots=True)
class Outcome:
    """What one call came to: a stored answer, the result behind it, and the future of its next state."""

    answer: Answer
    result: Any = None
    replayed: bool = False
    news_key: UUID | None = None
    news: asyncio.Future[object] | None = field(default=None, repr=False)


class Gatherer:
    """Serves one hot route of one running service."""

    def __init__(self, runtime: Runtime, route: HotRoute) -> None:
        self._runtime = runtime
        self._route = route
        self._waiting: deque[Call] = deque()
        self._task: asyncio.Task[None] | None = None
        self._crowded = False

    async def submit(self, command: Any, key: CallKey, *, wants_news: bool) -> Outcome:  # noqa: ANN401 - any command
        """Run one command in the next batch. Raises: Overloaded, Unavailable."""
        if len(self._waiting) >= WAITING_MAX:
            raise Overloaded
        done: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._waiting.append(Call(command, key, wants_news, done, current_traceparent()))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._drain(), context=Context())
        return await done

    async def _drain(self) -> None:
        while self._waiting:
            if self._crowded and len(self._waiting) < GATHER_MAX:
                await asyncio.sleep(LINGER_S)
            batch = [self._waiting.popleft() for _ in range(min(self._route.gather_max, len(self._waiting)))]
            self._crowded = len(batch) > 1
            try:
                await self._settle(batch)
            except Exception as error:  # noqa: BLE001 - the callers get the fault, the route goes on
                _fail(batch, error)

    async def _settle(self, batch: Sequence[Call]) -> None:
        """Commit a batch; a fault of one call is found by halving, a fault of the moment runs the whole batch again."""
        try:
            outcomes = await self._try(batch)
        except Exception as error:  # noqa: BLE001 - the callers get the fault, the route goes on
            if is_transient(error) or len(batch) == 1:
                _fail(batch, error)
                return
            half = len(batch) // 2
            await self._settle(batch[:half])
            await self._settle(batch[half:])
            return
        for call, outcome in zip(batch, outcomes, strict=True):
            if not call.done.done():
                call.done.set_result(outcome)

    async def _try(self, batch: Sequence[Call]) -> Sequence[Outcome]:
        for attempt in range(1, TRIES_MAX + 1):
            try:
                async with self._runtime.work() as work:
                    return await self._commit(work, batch)
            except Exception as error:
                # A unique violation may be a parallel first use of a key in another process: the repeat replays it.
                again = is_transient(error) or isinstance(error, asyncpg.UniqueViolationError)
                if not again or attempt == TRIES_MAX:
                    raise
                await asyncio.sleep(0.02 * 4**attempt)
        raise Unavailable

    async def _commit(self, work: Work, batch: Sequence[Call]) -> Sequence[Outcome]:
        stored = dict(await find_answers(work.connection, [call.key for call in batch]))
        fresh: dict[tuple[str, str], Call] = {}
        for call in batch:
            identity = (call.key.scope, call.key.key)
            if identity not in stored:
                fresh.setdefault(identity, call)
        ran: dict[tuple[str, str], Outcome] = {}
        if fresh:
            results = await self._route.handler(work, [call.command for call in fresh.values()])
            for (identity, call), result in zip(fresh.items(), results, strict=True):
                ran[identity] = self._outcome(call, result)
                keep_answer(work, call.key, ran[identity].answer)
            work.contexts = contexts_of((call.traceparent, ran[key].answer.body or b"") for key, call in fresh.items())
        return [self._answer(call, fresh, ran, stored) for call in batch]

    def _answer(
        self,
        call: Call,
        fresh: dict[tuple[str, str], Call],
        ran: dict[tuple[str, str], Outcome],
        stored: dict[tuple[str, str], tuple[bytes, Answer]],
    ) -> Outcome:
        identity = (call.key.scope, call.key.key)
        if fresh.get(identity) is call:
            return ran[identity]
        first = stored.get(identity) or (fresh[identity].key.request_hash, ran[identity].answer)
        try:
            return Outcome(replayed(call.key, first), replayed=True)
        except Refusal as refusal:
            status, body = encode_problem(refusal)
            return Outcome(Answer(status, body, ""))

    def _outcome(self, call: Call, result: Any) -> Outcome:  # noqa: ANN401 - any answer
        if isinstance(result, Refusal):
            status, body = encode_problem(result)
            return Outcome(Answer(status, body, ""))
        resource = self._route.location(result) if self._route.location else ""
        outcome = Outcome(Answer(self._route.status, _ENCODER.encode(result), resource), result=result)
        if call.wants_news and self._route.awaits is not None:
            outcome.news_key = self._route.awaits(result)
            outcome.news = self._runtime.waiters.register(outcome.news_key)
        return outcome


def _fail(batch: Sequence[Call], error: Exception) -> None:
    if is_transient(error):
        log.warning("gather.unavailable", calls=len(batch), error=type(error).__name__, reason=str(error)[:200])
        error = Unavailable()
    for call in batch:
        if not call.done.done():
            call.done.set_exception(error)
