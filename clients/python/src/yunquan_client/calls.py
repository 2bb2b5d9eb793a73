"""One call from beginning to end, without any network: what is sent next, how long to wait, what the answer means.

`conversation` is a generator. It yields what is to be done (`Send`, `Pause`, `Renew`) and is told what came of it.
Whoever does it, with threads or with asyncio, decides nothing: both clients run the same generator.
"""

import random
import uuid
from collections.abc import Callable, Generator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from json import loads
from typing import Any, Final, TypeAlias

from yunquan_client.errors import NotReached, refused

ATTEMPTS_MAX: Final = 6
PAUSE_S: Final = 0.25
PAUSE_S_MAX: Final = 8.0
RETRY_AFTER_S_MAX: Final = 120.0
"""Whoever is told to wait for longer gets the refusal instead."""
TIMEOUT_S: Final = 20.0
_AGAIN: Final = frozenset({425, 429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One operation of the platform. A command carries one idempotency key through all its attempts."""

    method: str
    service: str
    path: str
    params: Mapping[str, Any] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    content: bytes | None = None
    content_type: str = "application/json"
    if_match: int | None = None
    wait_s: int = 0
    idempotency_key: str | None = None

    @property
    def is_command(self) -> bool:
        """Whether it changes something."""
        return self.method not in {"GET", "HEAD"}

    def with_key(self) -> "Call":
        """The call with a key of its own, unless it has one or needs none."""
        if self.idempotency_key is not None or not self.is_command:
            return self
        return replace(self, idempotency_key=str(uuid.uuid4()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Send:
    """To be sent to the platform; `form` instead of a body only to the token endpoint."""

    method: str
    url: str
    headers: Mapping[str, str]
    params: Mapping[str, Any] = field(default_factory=dict)
    json: Mapping[str, Any] | None = None
    content: bytes | None = None
    form: Mapping[str, str] | None = None
    timeout_s: float = TIMEOUT_S


@dataclass(frozen=True, slots=True)
class Pause:
    """To be waited for."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Renew:
    """The token was refused: another one is to be got, unless somebody has done so meanwhile."""

    refused: str


@dataclass(frozen=True, slots=True)
class Reply:
    """What came: header names are in small letters."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    def json(self) -> dict[str, Any]:
        """The body, which is an object wherever the platform answers one. Raises: ValueError."""
        found = loads(self.content) if self.content else {}
        if not isinstance(found, dict):
            raise ValueError("the body is no object")  # noqa: TRY004 - as for a body that is no JSON
        return found

    @property
    def etag(self) -> int | None:
        """The version of what was answered, where it has one."""
        text = self.headers.get("etag", "").strip('"')
        return int(text) if text.isdigit() else None

    @property
    def replayed(self) -> bool:
        """Whether it is the answer to an earlier attempt."""
        return self.headers.get("idempotent-replayed") == "true"


@dataclass(frozen=True, slots=True)
class NoReply:
    """The connection failed, or the time was over."""

    reason: str


Outcome: TypeAlias = Reply | NoReply | None
Steps: TypeAlias = Generator[Send | Pause | Renew, Outcome, Reply]


def conversation(call: Call, *, token: Callable[[], str], spread: Callable[[], float] = random.random) -> Steps:
    """Do one call. Raises: Refused, NotReached.

    Retried is whatever the platform says may be retried, and a connection that fails: a command carries its key, so
    that a second attempt is never a second act. A token that is refused is renewed once.
    """
    call = call.with_key()
    renewed = False
    last: Reply | NoReply = NoReply("not sent")
    for attempt in range(1, ATTEMPTS_MAX + 1):
        sent_with = token()
        outcome = yield _send(call, sent_with)
        if not isinstance(outcome, (Reply, NoReply)):
            raise TypeError("a request is answered by a Reply or a NoReply")
        last = outcome
        if isinstance(last, Reply):
            if last.status < 400:
                return last
            if last.status == 401 and not renewed:
                renewed = True
                yield Renew(sent_with)
                continue
        pause_s = pause_before_next(last, attempt=attempt, spread=spread())
        if pause_s is None or attempt == ATTEMPTS_MAX:
            break
        yield Pause(pause_s)
    if isinstance(last, NoReply):
        raise NotReached(last.reason, idempotency_key=call.idempotency_key)
    raise refused(last.status, problem_of(last))


def pause_before_next(outcome: Reply | NoReply, *, attempt: int, spread: float) -> float | None:
    """Seconds to wait before the next attempt; None where there is to be none.

    The pause doubles with each attempt and half of it is left to chance, so that callers that failed together do not
    come back together. `Retry-After` is the least. A conflict that passes by itself, as with a copy that lags, is
    waited for; a missing thing and another version (404, 412) are not, though the platform calls them retryable: mostly
    they stay.
    """
    pause_s = min(PAUSE_S * (1 << (attempt - 1)), PAUSE_S_MAX) * (0.5 + spread / 2)
    if isinstance(outcome, NoReply):
        return pause_s
    asked_s = retry_after_s(outcome)
    lags = outcome.status == 409 and asked_s is not None and problem_of(outcome).get("retryable") is True
    if outcome.status not in _AGAIN and not lags:
        return None
    if asked_s is not None and asked_s > RETRY_AFTER_S_MAX:
        return None
    return pause_s if asked_s is None else max(pause_s, asked_s)


def retry_after_s(reply: Reply) -> float | None:
    """Seconds of a `Retry-After` in either form (RFC 9110, 10.2.3), by the clock that the answer itself names."""
    text = reply.headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    moment = _moment(text)
    return None if moment is None else max(0.0, (moment - (date_of(reply) or datetime.now(UTC))).total_seconds())


def date_of(reply: Reply) -> datetime | None:
    """When the platform says it answered."""
    return _moment(reply.headers.get("date", ""))


def problem_of(reply: Reply) -> Mapping[str, Any]:
    """The problem detail of a refusal; where something between answered in another form, its beginning."""
    with suppress(ValueError):
        return reply.json()
    return {"code": "", "title": f"HTTP {reply.status}", "detail": reply.content[:200].decode("utf-8", "replace")}


def _moment(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
    except ValueError:
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def _send(call: Call, token: str) -> Send:
    headers = {"authorization": f"Bearer {token}", "accept": "application/json"}
    if call.idempotency_key is not None:
        headers["idempotency-key"] = call.idempotency_key
    if call.if_match is not None:
        headers["if-match"] = f'"{call.if_match}"'
    if call.wait_s:
        headers["prefer"] = f"wait={call.wait_s}"
    if call.content is not None:
        headers["content-type"] = call.content_type
    return Send(
        method=call.method,
        url=f"/api/{call.service}/v1{call.path}",
        headers=headers,
        params={name: value for name, value in call.params.items() if value is not None},
        json=call.body,
        content=call.content,
        timeout_s=TIMEOUT_S + call.wait_s,
    )
