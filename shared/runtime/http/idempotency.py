"""Idempotency keys: key, request hash, effect and response are one transaction; one key, one effect, for ever."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import asyncpg
import msgspec
from starlette.responses import Response

from shared.runtime.database.sql import LOCK_TIMEOUT_MS, Connection
from shared.runtime.unit_of_work.statement import KEY_WAIT_MS
from shared.runtime.unit_of_work.work import Work
from shared.runtime.validation.problems import plain_problem, stored_problem
from shared.runtime.validation.refusals import IdempotencyKeyInUse, IdempotencyKeyMissing, IdempotencyKeyReused

_VISIBLE = re.compile(r'"?([\x21-\x7e]{1,255}?)"?')

_FIND = """
SELECT i.scope, i.key, i.request_hash, i.status, i.body, i.resource FROM idempotency i
JOIN unnest($1::text[], $2::text[]) AS k(scope, key) ON i.scope = k.scope AND i.key = k.key
"""


REPLAYED = "Idempotent-Replayed"
SHOWN_ONCE = "******"
"""What a replay shows in place of a secret that the first answer showed."""
# The lock says that a transaction with this key is under way; it ends with it.
_CLAIM = """
SELECT pg_try_advisory_xact_lock(hashtextextended($1 || ' ' || $2, 0)) AS free,
       i.request_hash, i.status, i.body, i.resource
FROM (VALUES (1)) AS one LEFT JOIN idempotency i ON i.scope = $1 AND i.key = $2
"""
_WAIT = """
SELECT set_config('lock_timeout', $3, true), pg_advisory_xact_lock(hashtextextended($1 || ' ' || $2, 0)),
       set_config('lock_timeout', $4, true)
"""
# Whoever adds a key that another transaction has added and not committed waits for its end; this one is taken back.
_PROBE = """
INSERT INTO idempotency (scope, key, request_hash, status)
SELECT k.scope, k.key, ''::bytea, 0
FROM unnest($1::text[], $2::text[]) AS k(scope, key), (SELECT set_config('lock_timeout', $3, true)) AS patience
ON CONFLICT DO NOTHING
"""
PROBE_MS = 10
"""How long a key that is looked at again may be locked before it counts as being used."""


@dataclass(frozen=True, slots=True)
class CallKey:
    """The client's key within its scope (account, method, route), and the hash of what was asked.

    `anonymous` scopes are those of a network: whoever shares it is not told what others made.
    """

    scope: str
    key: str
    request_hash: bytes
    anonymous: bool = False


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """A stored response. `body` is None once it is older than 30 days; then only the resource is named.

    A refusal is stored without the request it answered.
    """

    status: int
    body: bytes | None
    resource: str


class _Versioned(msgspec.Struct):
    version: int | None = None


def key_of(header: str | None) -> str:
    """The key in an Idempotency-Key header. Bare and quoted forms are equal. Raises: IdempotencyKeyMissing."""
    match = _VISIBLE.fullmatch(header or "")
    if match is None:
        raise IdempotencyKeyMissing
    return match[1]


def call_key(  # noqa: PLR0913 - the parts of a request
    header: str | None,
    *,
    account: str,
    method: str,
    route: str,
    path: str,
    query: str = "",
    body: bytes,
    anonymous: bool = False,
) -> CallKey:
    """The key of one call; `route` is the path with its parameters' names. Raises: IdempotencyKeyMissing."""
    digest = hashlib.sha256(f"{path}?{query}\n".encode() + body).digest()
    return CallKey(f"{account}:{method}:{route}", key_of(header), digest, anonymous)


def canonical(raw: bytes) -> bytes:
    """A body in one spelling: order of fields, white space, escapes and 1.0 for 1 make no other request.

    The order and the numbers are those of RFC 8785; what is no JSON, a file, is taken as it is.
    """
    try:
        found = json.loads(raw, parse_float=_number)
        return json.dumps(found, sort_keys=True, separators=(",", ":")).encode()
    except (ValueError, RecursionError):
        return raw


def _number(text: str) -> float | int:
    value = float(text)
    return int(value) if value.is_integer() else value


async def find_answers(
    connection: Connection, keys: Sequence[CallKey]
) -> Mapping[tuple[str, str], tuple[bytes, StoredAnswer]]:
    """The stored answers of those keys that were used before, with the hash of their request."""
    rows = await connection.fetch(_FIND, [key.scope for key in keys], [key.key for key in keys])
    return {
        (row["scope"], row["key"]): (row["request_hash"], StoredAnswer(row["status"], row["body"], row["resource"]))
        for row in rows
    }


async def keys_in_use(connection: Connection, keys: Sequence[CallKey]) -> set[tuple[str, str]]:
    """Those keys that another transaction has written and not committed: its request still runs.

    Asked only after a lock was waited for in vain. Which key it was is found by halving.
    """
    if not keys:
        return set()
    await connection.execute("SAVEPOINT probe")
    try:
        await connection.execute(_PROBE, [key.scope for key in keys], [key.key for key in keys], str(PROBE_MS))
    except asyncpg.LockNotAvailableError:
        locked = True
    else:
        locked = False
    await connection.execute("ROLLBACK TO SAVEPOINT probe")
    if not locked:
        return set()
    if len(keys) == 1:
        return {(keys[0].scope, keys[0].key)}
    half = len(keys) // 2
    return await keys_in_use(connection, keys[:half]) | await keys_in_use(connection, keys[half:])


async def claim_key(connection: Connection, key: CallKey) -> tuple[bytes, StoredAnswer] | None:
    """The stored answer of a key with the hash of its request, or None: then the key is this transaction's.

    Where another transaction has the key, its end is waited for, KEY_WAIT_MS at most. Raises: IdempotencyKeyInUse.
    """
    row = await connection.fetchrow(_CLAIM, key.scope, key.key)
    if row["request_hash"] is None and not row["free"]:
        try:
            await connection.execute(_WAIT, key.scope, key.key, str(KEY_WAIT_MS), str(LOCK_TIMEOUT_MS))
        except asyncpg.LockNotAvailableError as error:
            raise IdempotencyKeyInUse from error
        row = await connection.fetchrow(_CLAIM, key.scope, key.key)
    if row["request_hash"] is None:
        return None
    return row["request_hash"], StoredAnswer(row["status"], row["body"], row["resource"])


def replayed(key: CallKey, stored: tuple[bytes, StoredAnswer]) -> StoredAnswer:
    """The first answer of a repeated call. Raises: IdempotencyKeyReused when the request differs."""
    request_hash, answer = stored
    if request_hash != key.request_hash:
        raise IdempotencyKeyReused(resource="" if key.anonymous else answer.resource)
    return answer


def keep_answer(work: Work, key: CallKey, answer: StoredAnswer) -> None:
    """Keep an answer with its effects. A unique violation at the flush means a parallel first call: run it again."""
    work.keep_answer((key.scope, key.key, key.request_hash, answer.status, answer.body, answer.resource))


def respond(answer: StoredAnswer, *, replay: bool, instance: str, request_id: str) -> Response:
    """An answer to the present request: the stored body, its ETag and Location, or the stored refusal."""
    if answer.body is None:
        response = _expired(answer, instance=instance, request_id=request_id)
    elif answer.status >= 400:
        response = stored_problem(answer.body, instance=instance, request_id=request_id)
    else:
        response = Response(answer.body, status_code=answer.status, media_type="application/json")
        version = version_in(answer.body)
        if version is not None:
            response.headers["ETag"] = f'"{version}"'
    if answer.resource:
        response.headers["Location"] = answer.resource
    if replay:
        response.headers[REPLAYED] = "true"
    return response


def version_in(body: bytes) -> int | None:
    """The version of the resource that a response body shows, or None: its ETag, the first time and at each replay."""
    if not body:
        return None
    try:
        return msgspec.json.decode(body, type=_Versioned).version
    except msgspec.ValidationError:
        return None


def _expired(answer: StoredAnswer, *, instance: str, request_id: str) -> Response:
    """The answer of a key whose stored body is past its 30 days: 409 that names the resource, and nothing runs."""
    if answer.status >= 400:
        detail = "该请求早已被拒绝，原因不再保存；如需重新办理，请换用新的 Idempotency-Key。"
    elif answer.resource:
        detail = f"该请求早已完成，请读取 {answer.resource}"
    else:
        detail = "该请求早已完成，不会再次执行；请查询该业务的当前状态。"
    return plain_problem(
        409,
        code="idempotency.body_expired",
        detail=detail,
        instance=instance,
        request_id=request_id,
        facts={"resource": answer.resource} if answer.resource else {},
    )
