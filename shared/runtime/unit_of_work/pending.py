"""Changes that wait to be written, and the connection that writes them before anything else is asked of it.

So whoever reads in a Work reads what this Work has changed, and nobody has to know when changes are written.
"""

from collections.abc import Iterable, Sequence
from typing import Any, cast

import asyncpg

from shared.runtime.database.sql import Record
from shared.runtime.unit_of_work.rows import Change
from shared.runtime.unit_of_work.statement import write


class WorkConnection:
    """The connection of one Work, for every statement that is not a change of declared rows.

    Each call first writes what is pending, and raises what that raises: Bug when a changed row was not as it was
    loaded; SerializationError, UniqueViolationError when a parallel transaction was first.
    """

    def __init__(self, raw: asyncpg.Connection) -> None:
        self.raw = raw
        """The driver's connection, which writes nothing by itself: for the unit of work."""
        self._pending: list[Change] = []
        self._apart: list[Change] = []

    def add(self, change: Change) -> None:
        """Let a change wait for the next call, or for the end of the Work."""
        self._pending.append(change)

    def set_apart(self) -> None:
        """Let what is pending wait for the end of the Work: whoever comes next is a concurrent caller, not a reader."""
        self._apart += self._pending
        self._pending = []

    def take(self) -> Sequence[Change]:
        """All changes that wait, in their order; the caller writes them now."""
        taken = [*self._apart, *self._pending]
        self._apart, self._pending = [], []
        return taken

    async def _write(self) -> None:
        pending, self._pending = self._pending, []
        await write(self.raw, (), changes=pending)

    async def fetch(self, query: str, /, *arguments: Any) -> list[Record]:  # noqa: ANN401 - values of any column
        """All rows of a statement."""
        if self._pending:
            await self._write()
        return cast("list[Record]", await self.raw.fetch(query, *arguments))

    async def fetchrow(self, query: str, /, *arguments: Any) -> Any:  # noqa: ANN401 - as above
        """The first row of a statement, or None."""
        if self._pending:
            await self._write()
        return await self.raw.fetchrow(query, *arguments)

    async def fetchval(self, query: str, /, *arguments: Any) -> Any:  # noqa: ANN401 - as above
        """The first column of the first row, or None."""
        if self._pending:
            await self._write()
        return await self.raw.fetchval(query, *arguments)

    async def execute(self, query: str, /, *arguments: Any) -> str:  # noqa: ANN401 - as above
        """Run a statement; answers with its command tag."""
        if self._pending:
            await self._write()
        return cast("str", await self.raw.execute(query, *arguments))

    async def executemany(self, command: str, arguments: Iterable[Sequence[Any]], /) -> None:
        """Run a statement for each sequence of arguments."""
        if self._pending:
            await self._write()
        await self.raw.executemany(command, arguments)

    async def copy_records_to_table(
        self, table: str, /, *, records: Iterable[Sequence[Any]], columns: Sequence[str]
    ) -> str:
        """Add many rows by COPY; answers with its command tag."""
        if self._pending:
            await self._write()
        return cast("str", await self.raw.copy_records_to_table(table, records=records, columns=columns))
