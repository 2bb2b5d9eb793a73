"""Tables read once in the order of a key, in bounded memory and without a transaction that stays open.

A holdable cursor is filled when it is declared: PostgreSQL reads and sorts once, keeps the result in a file of its own,
and no snapshot holds vacuum back while the rows are fetched. So the whole is linear, whatever index there is.
"""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from itertools import count
from typing import Any, Protocol
from uuid import UUID

from shared.runtime.service import Service
from shared.runtime.sql import DriverConnection

PAGE = 1_000
Row = Mapping[str, Any]
Rows = Sequence[Row]

_NAMES = count(1)
_BY_KEYS = "SET LOCAL enable_seqscan = off; SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off"


class Books(Protocol):
    """What one service wrote, wherever it runs."""

    @property
    def service(self) -> Service:
        """The service."""
        ...

    def reading(self) -> AbstractAsyncContextManager[DriverConnection]:
        """A connection to its database."""
        ...


async def read(books: Books, statement: str, *arguments: object) -> Rows:
    """The rows of one statement."""
    async with books.reading() as connection:
        rows: Rows = await connection.fetch(statement, *arguments)
        return rows


async def read_keys(books: Books, statement: str, *arguments: object) -> Rows:
    """The rows of one page, found by their keys.

    For a page of many keys the planner would read a table of some size whole, and each time.
    """
    async with books.reading() as connection, connection.transaction(readonly=True):
        await connection.execute(_BY_KEYS)
        rows: Rows = await connection.fetch(statement, *arguments)
        return rows


async def counted(books: Books, table: str) -> int:
    """How many rows a table of ours has."""
    (row,) = await read(books, f"SELECT count(*) AS rows FROM {table}")  # noqa: S608 - our own name
    rows: int = row["rows"]
    return rows


class Walk:
    """The rows of one sorted statement, as they were when it was opened; `PAGE` of them are here at a time.

    It keeps its connection until it is closed.
    """

    def __init__(self, connection: DriverConnection, name: str) -> None:
        self._connection, self._name = connection, name
        self._rows: Rows = ()
        self._at = 0

    @classmethod
    async def open(cls, connection: DriverConnection, statement: str) -> "Walk":
        """Read and sort on the server. A declaration takes no parameters: literals are quoted by `literal`."""
        name = f"walk_{next(_NAMES)}"
        await connection.execute(f"DECLARE {name} NO SCROLL CURSOR WITH HOLD FOR {statement}")
        return cls(connection, name)

    async def peek(self) -> Row | None:
        """The next row, which stays the next one; None at the end."""
        if self._at == len(self._rows):
            self._rows = await self._connection.fetch(f"FETCH {PAGE} FROM {self._name}")
            self._at = 0
        return self._rows[self._at] if self._rows else None

    async def take(self) -> Row | None:
        """The next row; None at the end."""
        row = await self.peek()
        if row is not None:
            self._at += 1
        return row

    async def of(self, keys: Collection[UUID], *, key: str) -> dict[UUID, Row]:
        """The rows of some keys; rows up to the greatest of them are passed by, and one of a key is kept."""
        found: dict[UUID, Row] = {}
        last = max(keys)
        while (row := await self.peek()) is not None and row[key] <= last:
            if row[key] in keys:
                found[row[key]] = row
            self._at += 1
        return found

    async def close(self) -> None:
        """Let the server forget what is left."""
        await self._connection.execute(f"CLOSE {self._name}")

    async def __aiter__(self) -> AsyncIterator[Row]:
        while (row := await self.take()) is not None:
            yield row


def literal(text: str) -> str:
    """A text as it stands in a statement."""
    return "'" + text.replace("'", "''") + "'"
