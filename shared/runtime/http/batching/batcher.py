"""Gathers concurrent calls of a service's hot routes into one transaction; idempotency and answers stay per call.

One such transaction of a service is in flight at a time, whatever routes its calls came by: while it commits, the next
calls collect, so batches form by themselves. Where calls come together the next batch waits a moment for as many as
came lately, because a transaction costs nearly the same for one call as for ten; a lonely call waits for nobody.

Nearly every key is new, so a batch first runs without looking its keys up: the table refuses a key that was used
before, and then, as after any other fault, the whole batch runs again and replays what it finds. Keys of refusals that
are not kept with theirs are looked up, because the table cannot refuse what is not written. A key that another
process has written and not committed is waited for, KEY_WAIT_MS at most; its call is then told to come again.
"""

import asyncio
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from contextvars import Context
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
import structlog

from shared.kernel.refusals import Refusal
from shared.runtime.database.sql import is_transient
from shared.runtime.http.idempotency import CallKey, StoredAnswer, find_answers, keep_answer, keys_in_use, replayed
from shared.runtime.service.hot_routes import GATHER_MAX, HotRoute
from shared.runtime.service.runtime import Runtime
from shared.runtime.tracing.contexts import contexts_of, ids_in
from shared.runtime.tracing.current import current_traceparent
from shared.runtime.unit_of_work.work import Work
from shared.runtime.validation.problems import encode_problem, is_kept
from shared.runtime.validation.refusals import IdempotencyKeyInUse, Overloaded, Unavailable

log = structlog.get_logger()

LINGER_S = 0.003
WAITING_MAX = 5_000
TRIES_MAX = 4

_ENCODER = msgspec.json.Encoder()


@dataclass(slots=True, eq=False)
class Call:
    """One HTTP call that waits for its place in a batch."""

    route: HotRoute
    command: Any
    key: CallKey
    wants_news: bool
    done: "asyncio.Future[CallOutcome]"
    traceparent: str


@dataclass(slots=True)
class CallOutcome:
    """What one call came to: its answer, the result or the refusal behind it, and the future of its next state."""

    answer: StoredAnswer
    result: Any = None
    refusal: Refusal | None = None
    replayed: bool = False
    news_key: UUID | None = None
    news: asyncio.Future[object] | None = field(default=None, repr=False)


class CommandBatcher:
    """Serves the hot routes of one running service."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._batch_max = max((route.gather_max for route in runtime.service.hot_routes), default=GATHER_MAX)
        self._waiting: deque[Call] = deque()
        self._task: asyncio.Task[None] | None = None
        self._expected = 1
        self._enough = asyncio.Event()

    async def submit(
        self,
        route: HotRoute,
        command: Any,  # noqa: ANN401 - any command
        key: CallKey,
        *,
        wants_news: bool,
    ) -> CallOutcome:
        """Run one command in the next batch. Raises: Overloaded, Unavailable."""
        if len(self._waiting) >= WAITING_MAX:
            raise Overloaded
        done: asyncio.Future[CallOutcome] = asyncio.get_running_loop().create_future()
        self._waiting.append(Call(route, command, key, wants_news, done, current_traceparent()))
        if len(self._waiting) >= self._expected:
            self._enough.set()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._drain(), context=Context())
        return await done

    async def _drain(self) -> None:
        while self._waiting:
            await self._serve()

    async def _serve(self) -> None:
        """Commit the next batch: its calls come together while its transaction begins, which is most of their wait."""
        since_s = asyncio.get_running_loop().time()
        batch: Sequence[Call] = ()
        outcomes: Sequence[CallOutcome] = ()
        try:
            async with self._runtime.work() as work:
                batch = await self._gather(since_s=since_s)
                outcomes = await self._run(work, batch)
        except Exception as error:  # noqa: BLE001 - the callers get the fault, the route goes on
            self._forget(outcomes)
            if batch:
                await self._settle(batch, failed=error)
            elif await _may_try_again(error, tried=1):
                # It did not even begin: whoever came during the pause belongs to the batch as well.
                await self._settle(self._take())
            else:
                _fail(self._take(), error)
        else:
            _tell(batch, outcomes)

    async def _gather(self, *, since_s: float) -> Sequence[Call]:
        """What waits, or as many calls as came together lately, at the latest LINGER_S after `since_s`."""
        loop = asyncio.get_running_loop()
        if len(self._waiting) < self._expected and loop.time() < since_s + LINGER_S:
            self._enough.clear()
            alarm = loop.call_at(since_s + LINGER_S, self._enough.set)
            await self._enough.wait()
            alarm.cancel()
        return self._take()

    def _take(self) -> Sequence[Call]:
        batch = [self._waiting.popleft() for _ in range(min(self._batch_max, len(self._waiting)))]
        self._expected = min(GATHER_MAX, max(len(batch), self._expected * 3 // 4))
        return batch

    async def _settle(self, batch: Sequence[Call], *, failed: Exception | None = None) -> None:
        """Commit a batch, whose first try may have failed.

        A fault of one call is found by halving, a fault of the moment runs the whole batch again.
        """
        try:
            outcomes = await self._try_again(batch, failed=failed)
        except Exception as error:  # noqa: BLE001 - the callers get the fault, the route goes on
            if is_transient(error) or len(batch) == 1:
                _fail(batch, error)
                return
            half = len(batch) // 2
            await self._settle(batch[:half])
            await self._settle(batch[half:])
        else:
            _tell(batch, outcomes)

    async def _try_again(self, batch: Sequence[Call], *, failed: Exception | None) -> Sequence[CallOutcome]:
        """Try to commit a batch, TRIES_MAX times with a try that failed before. Raises: the fault that stands."""
        tried = 0 if failed is None else 1
        while True:
            if failed is not None and not await _may_try_again(failed, tried=tried):
                raise failed
            tried += 1
            try:
                return await self._try(batch, repeated=tried > 1, locked=_is_locked(failed))
            except Exception as error:  # noqa: BLE001 - it is raised when no other try may help
                failed = error

    async def _try(self, batch: Sequence[Call], *, repeated: bool, locked: bool) -> Sequence[CallOutcome]:
        outcomes: Sequence[CallOutcome] = ()
        try:
            async with self._runtime.work() as work:
                outcomes = await self._run(work, batch, repeated=repeated, locked=locked)
        except BaseException:
            self._forget(outcomes)
            raise
        return outcomes

    def _forget(self, outcomes: Sequence[CallOutcome]) -> None:
        """Nobody waits for news of what was rolled back."""
        for outcome in outcomes:
            if outcome.news_key is not None and outcome.news is not None:
                self._runtime.waiters.forget(outcome.news_key, outcome.news)

    async def _run(
        self, work: Work, batch: Sequence[Call], *, repeated: bool = False, locked: bool = False
    ) -> Sequence[CallOutcome]:
        """Run a batch in one transaction; a repeat looks its keys up, and leaves out what is under way elsewhere."""
        stored = dict(await find_answers(work.connection, [call.key for call in batch])) if repeated else {}
        fresh: dict[tuple[str, str], Call] = {}
        for call in batch:
            identity = (call.key.scope, call.key.key)
            if identity not in stored:
                fresh.setdefault(identity, call)
        in_use = await keys_in_use(work.connection, [call.key for call in fresh.values()]) if locked else set()
        for identity in in_use:
            del fresh[identity]
        ran: dict[tuple[str, str], CallOutcome] = {}
        for calls in _by_handler(fresh.values()):
            results = await calls[0].route.handler(work, [call.command for call in calls])
            # The other handlers serve concurrent callers: they do not read what this one has changed.
            work.set_apart()
            for call, result in zip(calls, results, strict=True):
                outcome = _outcome(call, result)
                ran[call.key.scope, call.key.key] = outcome
                if outcome.refusal is None or is_kept(outcome.refusal):
                    keep_answer(work, call.key, outcome.answer)
        if not repeated:
            await self._find_first_answers(work, fresh, ran, stored)
        if fresh:
            work.contexts = contexts_of((call.traceparent, ids_in(ran[key].result)) for key, call in fresh.items())
        self._register(fresh, ran)
        return [self._answer(call, fresh, ran, stored) for call in batch]

    async def _find_first_answers(
        self,
        work: Work,
        fresh: dict[tuple[str, str], Call],
        ran: Mapping[tuple[str, str], CallOutcome],
        stored: dict[tuple[str, str], tuple[bytes, StoredAnswer]],
    ) -> None:
        """Move calls that came before, and were done, from `fresh` to `stored`.

        A refusal of the moment is not kept with its key, so the table says nothing of a key that was used before. The
        call may be refused for the very reason that it was done: its own act has changed the version that it names.
        """
        unkept = [call.key for key, call in fresh.items() if (no := ran[key].refusal) is not None and not is_kept(no)]
        if unkept:
            stored |= await find_answers(work.connection, unkept)
            for identity in stored:
                fresh.pop(identity, None)

    def _register(self, fresh: Mapping[tuple[str, str], Call], ran: Mapping[tuple[str, str], CallOutcome]) -> None:
        """Let callers wait for the next state; before the commit, because that state may come right behind it."""
        for identity, call in fresh.items():
            outcome = ran[identity]
            if call.wants_news and call.route.awaits is not None and outcome.refusal is None:
                outcome.news_key = call.route.awaits(outcome.result)
                outcome.news = self._runtime.waiters.register(outcome.news_key)

    def _answer(
        self,
        call: Call,
        fresh: dict[tuple[str, str], Call],
        ran: dict[tuple[str, str], CallOutcome],
        stored: dict[tuple[str, str], tuple[bytes, StoredAnswer]],
    ) -> CallOutcome:
        identity = (call.key.scope, call.key.key)
        if fresh.get(identity) is call:
            return ran[identity]
        first = stored.get(identity)
        try:
            if first is not None:
                return CallOutcome(replayed(call.key, first), replayed=True)
            if identity not in fresh:
                raise IdempotencyKeyInUse
            return _echo(call, fresh[identity], ran[identity])
        except Refusal as refusal:
            return _refused(refusal)


def _outcome(call: Call, result: Any) -> CallOutcome:  # noqa: ANN401 - any answer
    if isinstance(result, Refusal):
        return _refused(result)
    route = call.route
    resource = route.location(result) if route.location else ""
    return CallOutcome(StoredAnswer(route.status, _ENCODER.encode(result), resource), result=result)


def _refused(refusal: Refusal) -> CallOutcome:
    return CallOutcome(StoredAnswer(*encode_problem(refusal), ""), refusal=refusal)


def _echo(call: Call, first: Call, outcome: CallOutcome) -> CallOutcome:
    """What a call is told whose key another one of its batch has. Raises: IdempotencyKeyReused, IdempotencyKeyInUse."""
    if outcome.refusal is None or is_kept(outcome.refusal):
        return CallOutcome(replayed(call.key, (first.key.request_hash, outcome.answer)), replayed=True)
    if call.key.request_hash != first.key.request_hash:
        # The first one leaves the key free again, but this one did not run.
        raise IdempotencyKeyInUse
    return CallOutcome(outcome.answer, refusal=outcome.refusal)


def _by_handler(calls: Iterable[Call]) -> list[list[Call]]:
    """The calls of each handler, in the order they came; routes may share one."""
    groups: dict[object, list[Call]] = {}
    for call in calls:
        groups.setdefault(call.route.handler, []).append(call)
    return list(groups.values())


def _is_locked(error: Exception | None) -> bool:
    return isinstance(error, asyncpg.LockNotAvailableError)


async def _may_try_again(error: Exception, *, tried: int) -> bool:
    """Whether another try may help after this fault; waits until it is time for it."""
    if tried >= TRIES_MAX:
        return False
    if is_transient(error):
        await asyncio.sleep(0.02 * 4**tried)
        return True
    # A key may have been used before, here or just now in another process: the repeat replays it.
    if tried == 1 or isinstance(error, asyncpg.UniqueViolationError):
        await asyncio.sleep(0.0 if tried == 1 else 0.02)
        return True
    return False


def _tell(batch: Sequence[Call], outcomes: Sequence[CallOutcome]) -> None:
    for call, outcome in zip(batch, outcomes, strict=True):
        if not call.done.done():
            call.done.set_result(outcome)


def _fail(batch: Sequence[Call], error: Exception) -> None:
    if is_transient(error):
        log.warning("gather.unavailable", calls=len(batch), error=type(error).__name__, reason=str(error)[:200])
        error = Unavailable()
    for call in batch:
        if not call.done.done():
            call.done.set_exception(error)
