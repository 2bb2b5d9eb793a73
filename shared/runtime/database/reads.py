"""The pool that views and reports read through, apart from the one that writes: no reader keeps a purchase waiting.

Views take any of its connections and wait a little for one. Reports read much, or as long as a caller takes to receive
them: a few at once, and whoever comes when these are busy is refused at once, so that views find a connection.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

import asyncpg

from shared.kernel.refusals import Refusal, RefusalKind

VIEW_STATEMENT_MS: Final = 15_000
REPORT_STATEMENT_MS: Final = 60_000
REPORT_IDLE_MS: Final = 60_000
"""How long a report's transaction may stand still while its caller takes in what was sent."""
COMMAND_TIMEOUT_S: Final = 65.0
"""Longer than any statement may run, so that the server ends it and the connection stays."""
VIEW_WAIT_S: Final = 5.0
VIEWS_WAITING_MAX: Final = 256
AUDIT_WAIT_S: Final = 60.0
_REPORT_RETRY_AFTER_S: Final = 10
_VIEW_RETRY_AFTER_S: Final = 2

_BEGIN = f"""BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL statement_timeout = {REPORT_STATEMENT_MS};
SET LOCAL idle_in_transaction_session_timeout = {REPORT_IDLE_MS}"""


class ViewsBusy(Refusal):
    """Every connection for reading is in use, and none became free in time; nothing was read."""

    code = "reads.busy"
    kind = RefusalKind.UNAVAILABLE
    zh = "当前查询过多，请在 {retry_after_s} 秒后重试。"


class ReportsBusy(Refusal):
    """As many reports are under way as the process makes at once; nothing was read."""

    code = "reads.reports_busy"
    kind = RefusalKind.UNAVAILABLE
    zh = "正在生成的报表过多，请在 {retry_after_s} 秒后重试。"


class ReadPool:
    """The connections of one process for reading, and who may take them."""

    def __init__(self, pool: asyncpg.Pool, *, reports_max: int) -> None:
        self.pool = pool
        self._reports_max = reports_max
        self.reports = 0
        """How many are under way."""
        self._waiting = 0
        self._auditing = asyncio.Semaphore(1)

    @asynccontextmanager
    async def view(self) -> AsyncIterator[asyncpg.Connection]:
        """A connection for a view, outside any transaction. Raises: ViewsBusy."""
        if self._waiting >= VIEWS_WAITING_MAX:
            raise ViewsBusy(retry_after_s=_VIEW_RETRY_AFTER_S)
        self._waiting += 1
        try:
            connection = await self._take(VIEW_WAIT_S, lambda: ViewsBusy(retry_after_s=_VIEW_RETRY_AFTER_S))
        finally:
            self._waiting -= 1
        try:
            yield connection
        finally:
            await self.pool.release(connection)

    @asynccontextmanager
    async def report(self) -> AsyncIterator[asyncpg.Connection]:
        """A connection in one read-only snapshot, for what reads much. Raises: ReportsBusy."""
        if self.reports >= self._reports_max:
            raise ReportsBusy(retry_after_s=_REPORT_RETRY_AFTER_S)
        self.reports += 1
        try:
            connection = await self._take(VIEW_WAIT_S, lambda: ReportsBusy(retry_after_s=_REPORT_RETRY_AFTER_S))
            async with self._snapshot(connection):
                yield connection
        finally:
            self.reports -= 1

    @asynccontextmanager
    async def audit(self) -> AsyncIterator[asyncpg.Connection]:
        """The same for what the service checks by itself, one at a time. Raises: TimeoutError, after AUDIT_WAIT_S."""
        async with self._auditing:
            connection = await self._take(AUDIT_WAIT_S, TimeoutError)
            async with self._snapshot(connection):
                yield connection

    async def _take(self, wait_s: float, refused: Callable[[], Exception]) -> asyncpg.Connection:
        try:
            return await self.pool.acquire(timeout=wait_s)
        except TimeoutError:
            raise refused() from None

    @asynccontextmanager
    async def _snapshot(self, connection: asyncpg.Connection) -> AsyncIterator[None]:
        try:
            await connection.execute(_BEGIN)
            yield
        finally:
            # What is not known to have left its transaction is never used again.
            try:
                if not connection.is_closed():
                    await connection.execute("ROLLBACK")
            except BaseException:
                connection.terminate()
                raise
            finally:
                await self.pool.release(connection)
