"""Which trace came before: a request that moves what another trace began is tied to it, and that trace to the request.

A provider confirms days after the purchase was placed, with a trace of its own. The fact before the one that the
request says holds the context in which it was said, so the statement that writes what is said also reads that one row.
Nothing here runs where nobody traces, and nothing for messages: what a batch moves, such as a balance, many share.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple
from uuid import UUID

from shared.runtime.tracing.contexts import FactRow
from shared.runtime.tracing.current import read_traceparent, trace_id_of

TIES_MAX = 200
"""So many facts of one transaction are looked back from; a request that moves more tells a list, not a story."""

_CONTEXT = re.compile(rb'"traceparent":"([0-9a-f-]{55})"')
_KIND = re.compile(rb'"type":"([a-z0-9_.]{1,100})"')


class FactLink(NamedTuple):
    """What was said in one context about something of which another context was the last to speak."""

    subject: UUID
    kind: str
    earlier: str
    later: str


def context_in(body: bytes) -> str:
    """The traceparent of an event's JSON, or nothing; inside a text its quotes would be escaped."""
    found = _CONTEXT.search(body)
    return "" if found is None else read_traceparent(found[1].decode())


def before(facts: Sequence[FactRow]) -> list[tuple[UUID, int]]:
    """Aggregate and version of the facts just before those that belong to a trace."""
    return [(row[2], row[3] - 1) for row in facts if row[3] > 1 and context_in(row[4])][:TIES_MAX]


def ties_between(facts: Iterable[FactRow], found: Iterable[tuple[UUID, bytes]]) -> Iterator[FactLink]:
    """The ties of facts to those found before them, given as aggregate and body; one trace is not tied to itself."""
    earlier = {subject: context_in(body) for subject, body in found}
    for _, _, subject, _, body in facts:
        known, now = earlier.get(subject, ""), context_in(body)
        if known and now and trace_id_of(known) != trace_id_of(now):
            kind = _KIND.search(body)
            yield FactLink(subject, "" if kind is None else kind[1].decode(), known, now)
