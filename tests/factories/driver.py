"""What the driver asks of every connection anew, asked once in a process of tests.

An array of one of PostgreSQL's own types makes asyncpg ask what such an array is, once on each connection. A service
keeps its connections for hours; a test of five services opens twenty, and its servers worked longer for this one
question than for all that the test itself asked.
"""

from collections.abc import Iterable
from typing import Any

import asyncpg

FIRST_OWN_ID = 16_384
"""Below it every database of a release has the same; from it on a database numbers what it was given."""


def remember_types() -> None:
    """Have all connections of this process share what PostgreSQL's own types are; those of a database stay its own."""
    ask = asyncpg.Connection._introspect_types
    known: dict[frozenset[int], Any] = {}

    async def introspect(connection: asyncpg.Connection, ids: Iterable[int], limit_s: float | None) -> Any:
        asked = frozenset(ids)
        if max(asked) >= FIRST_OWN_ID:
            return await ask(connection, asked, limit_s)
        if asked not in known:
            known[asked] = await ask(connection, asked, limit_s)
        return known[asked]

    asyncpg.Connection._introspect_types = introspect
