"""An inbox: an event is dealt with once, because that it was and what you did with it commit together.

Webhooks and the feed may bring an event twice and out of order; both bring the same ids, so both may use one inbox.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from typing import Final, Protocol

from yunquan_client.models import Event

TABLE: Final = "yunquan_inbox"


class Arrival(StrEnum):
    """How an event comes."""

    NEW = "new"
    """Deal with it."""
    LATE = "late"
    """It is new, and a later event of its order was dealt with before: read the order, whose state is later, too."""
    REPEATED = "repeated"
    """It was dealt with before; do nothing."""


class Cursor(Protocol):
    """What is asked of a cursor."""

    rowcount: int

    def execute(self, statement: str, parameters: Sequence[str | int] = ..., /) -> object:
        """Run a statement."""

    def fetchone(self) -> object:
        """The next row, or None."""


class Connection(Protocol):
    """What is asked of a connection (DB-API 2.0): sqlite3 and psycopg have it."""

    def cursor(self) -> Cursor:
        """A cursor."""

    def commit(self) -> object:
        """Commit."""

    def rollback(self) -> object:
        """Roll back."""


class Inbox:
    """The events that were dealt with, in a table of your own database.

    `placeholder` is how your driver writes a parameter: `?` for sqlite3, `%s` for psycopg.
    """

    def __init__(self, *, placeholder: str = "?", table: str = TABLE) -> None:
        if placeholder not in {"?", "%s"}:
            raise ValueError("the placeholder is ? or %s")
        if not table.replace("_", "a").isidentifier():
            raise ValueError("the table has another name than this")
        marks = {"table": table, "mark": placeholder}
        self._create = _CREATE.format(**marks)
        self._later = _LATER.format(**marks)
        self._add = _ADD.format(**marks)

    def create(self, connection: Connection) -> None:
        """Make the table, unless it is there; commits."""
        connection.cursor().execute(self._create)
        connection.commit()

    @contextmanager
    def receiving(self, connection: Connection, event: Event) -> Iterator[Arrival]:
        """Deal with an event in the block, with the same connection, and do not commit there.

        What the block wrote and that the event was dealt with commit together at its end; after an exception neither
        does. Two that receive the same event at once: one waits for the other, and finds it repeated.
        """
        if getattr(connection, "autocommit", False) is True or (
            isinstance(connection, sqlite3.Connection) and connection.isolation_level is None
        ):
            raise ValueError("the connection commits each statement by itself; an inbox needs a transaction")
        try:
            yield self._arrive(connection, event)
        except BaseException:
            connection.rollback()
            raise
        connection.commit()

    def _arrive(self, connection: Connection, event: Event) -> Arrival:
        cursor = connection.cursor()
        cursor.execute(self._add, (event.id, event.order_id, event.sequence))
        if cursor.rowcount != 1:
            return Arrival.REPEATED
        cursor.execute(self._later, (event.order_id, event.sequence))
        return Arrival.LATE if cursor.fetchone() is not None else Arrival.NEW


_CREATE = """
CREATE TABLE IF NOT EXISTS {table} (
    event_id varchar(64) PRIMARY KEY, order_id varchar(64) NOT NULL, sequence integer NOT NULL,
    received_at timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP
)
"""
_ADD = """
INSERT INTO {table} (event_id, order_id, sequence) VALUES ({mark}, {mark}, {mark}) ON CONFLICT (event_id) DO NOTHING
"""
_LATER = "SELECT 1 FROM {table} WHERE order_id = {mark} AND sequence > {mark} LIMIT 1"
