"""Which trace came before: a request that moves what another trace began is tied to it, and that trace to the request.

A provider confirms days after the purchase was placed, with a trace of its own. The fact before the one that the
request says holds the context in which it was said, and is read once the request's transaction has been committed.
Nothing here runs where nobody traces, and nothing for messages: what a batch moves, such as a balance, many share.
"""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

import msgspec
import structlog

from shared.runtime.database.sql import Connection
from shared.runtime.tracing.current import read_traceparent, trace_id_of

log = structlog.get_logger()

TIES_MAX = 200
"""So many facts of one transaction are looked back from; a request that moves more tells a list, not a story."""

_EARLIER = """
SELECT f.aggregate_id, f.body FROM unnest($1::uuid[], $2::int[]) AS e(aggregate_id, version)
    JOIN fact f ON f.aggregate_id = e.aggregate_id AND f.version = e.version
"""


class FactLink(NamedTuple):
    """What was said in one context about something of which another context was the last to speak."""

    subject: UUID
    kind: str
    earlier: str
    later: str


class _ToldFact(msgspec.Struct):
    """What is read of a fact."""

    type: str
    subject: UUID
    sequence: int
    traceparent: str = ""


_FACT = msgspec.json.Decoder(_ToldFact)


async def find_ties(connection: Connection, said: Sequence[bytes]) -> list[FactLink]:
    """The ties of facts, as they were said, to those before them, by one statement; one trace is not tied to itself.

    The facts are committed already, so a fault is logged and ties nothing.
    """
    try:
        facts = [fact for fact in map(_FACT.decode, said) if fact.traceparent and fact.sequence > 1][:TIES_MAX]
        if not facts:
            return []
        subjects, versions = [fact.subject for fact in facts], [fact.sequence - 1 for fact in facts]
        rows = await connection.fetch(_EARLIER, subjects, versions)
    except Exception:
        log.exception("tracing.not_tied", facts=len(said))
        return []
    earlier = {row["aggregate_id"]: read_traceparent(_FACT.decode(row["body"]).traceparent) for row in rows}
    ties = [FactLink(fact.subject, fact.type, earlier.get(fact.subject, ""), fact.traceparent) for fact in facts]
    return [tie for tie in ties if tie.earlier and trace_id_of(tie.earlier) != trace_id_of(tie.later)]
