"""Idempotency keys: key, request hash, effect and response are one transaction; one key, one effect, for ever."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shared.runtime.db import Connection
from shared.runtime.problems import IdempotencyKeyMissing, IdempotencyKeyReused
from shared.runtime.work import Work

_VISIBLE = re.compile(r'"?([\x21-\x7e]{1,255}?)"?')

_FIND = """
SELECT i.scope, i.key, i.request_hash, i.status, i.body, i.resource FROM idempotency i
JOIN unnest($1::text[], $2::text[]) AS k(scope, key) ON i.scope = k.scope AND i.key = k.key
"""


@dataclass(frozen=True, slots=True)
class CallKey:
    """The client's key within its scope (account, method, path), and the hash of what was asked."""

    scope: str
    key: str
    request_hash: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """A stored response. `body` is None once it is older than 30 days; then only the resource is named."""

    status: int
    body: bytes | None
    resource: str


def call_key(  # noqa: PLR0913 - the parts of a request
    header: str | None, *, account: str, method: str, path: str, query: str = "", body: bytes
) -> CallKey:
    """The key of one call. Bare and quoted forms are equal. Raises: IdempotencyKeyMissing."""
    match = _VISIBLE.fullmatch(header or "")
    if match is None:
        raise IdempotencyKeyMissing
    digest = hashlib.sha256(f"{path}?{query}\n".encode() + body).digest()
    return CallKey(f"{account}:{method}:{path}", match[1], digest)


async def find_answers(
    connection: Connection, keys: Sequence[CallKey]
) -> Mapping[tuple[str, str], tuple[bytes, Answer]]:
    """The stored answers of those keys that were used before, with the hash of their request."""
    rows = await connection.fetch(_FIND, [key.scope for key in keys], [key.key for key in keys])
    return {
        (row["scope"], row["key"]): (row["request_hash"], Answer(row["status"], row["body"], row["resource"]))
        for row in rows
    }


def replayed(key: CallKey, stored: tuple[bytes, Answer]) -> Answer:
    """The first answer of a repeated call. Raises: IdempotencyKeyReused when the request differs."""
    request_hash, answer = stored
    if request_hash != key.request_hash:
        raise IdempotencyKeyReused(resource=answer.resource)
    return answer


def keep_answer(work: Work, key: CallKey, answer: Answer) -> None:
    """Keep an answer with its effects. A unique violation at the flush means a parallel first call: run it again."""
    work.keep_answer((key.scope, key.key, key.request_hash, answer.status, answer.body, answer.resource))
