"""The demonstration's API client: sessions, one key for each act, waits that say what they waited for.

An act's Idempotency-Key follows from the act itself, so a story that was interrupted is told again from its beginning
and every act that was done before answers from its stored response.
"""

import asyncio
import hashlib
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import httpx

Answer: TypeAlias = dict[str, Any]

CONCURRENCY_MAX = 8
TRIES_MAX = 8
PAUSE_S = 0.1
PAUSE_MAX_S = 5.0
# Signed in again this long before the access tokens run out (they live 300 s at most).
TOKEN_MARGIN_S = 30.0
WAIT_S = 60.0
WAIT_POLL_S = 0.03

_AGAIN = frozenset({429, 502, 503, 504})


class StoryFailed(Exception):
    """The story cannot go on; the text says at which act and what the platform answered."""


@dataclass(frozen=True, slots=True)
class Login:
    """Who acts: a sign-in name and its password."""

    name: str
    password: str = field(repr=False)


@dataclass(slots=True)
class _Session:
    """The access tokens of one account by service, with the machine time when they run out."""

    tokens: Mapping[str, str]
    until_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A document to upload."""

    content: bytes
    media_type: str = "image/png"


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """One HTTP command or reading: who does what where.

    `body` is JSON or a File. `turn` tells apart acts that are otherwise the same. `refused` is the code of the refusal
    that the story expects, `tolerated` are those that it can live with. `version` becomes If-Match.
    """

    who: Login | None
    method: str
    path: str
    body: Answer | File | None = None
    query: Mapping[str, str | int] = field(default_factory=dict)
    turn: int = 1
    refused: str = ""
    tolerated: frozenset[str] = frozenset()
    version: int | None = None

    @property
    def service(self) -> str:
        """The service that serves the path `/api/<service>/v1/...`."""
        return self.path.split("/")[2]

    @property
    def content(self) -> bytes:
        """The bytes of the body."""
        if isinstance(self.body, File):
            return self.body.content
        return b"" if self.body is None else json.dumps(self.body, ensure_ascii=False, sort_keys=True).encode()

    @property
    def key(self) -> str:
        """The Idempotency-Key: the same act has the same key at every start."""
        text = f"{self.who.name if self.who else ''} {self.method} {self.path} {dict(self.query)} {self.turn}\n"
        return f"demo-{hashlib.sha256(text.encode() + self.content).hexdigest()[:40]}"


class Api:
    """Calls the platform for everybody in the story, at most 8 calls at a time."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http
        self._slots = asyncio.Semaphore(CONCURRENCY_MAX)
        self._sessions: dict[str, _Session] = {}
        self._signing_in: dict[str, asyncio.Lock] = {}
        self.acts = 0

    async def do(self, act: Act) -> Answer:
        """Do one act and give its answer. Raises: StoryFailed when it is refused, or not refused as expected."""
        for attempt in range(1, TRIES_MAX + 1):
            response = await self._send(act)
            # A token may be too old, or signed with a key that a service has yet to hear of.
            if response.status_code == 401 and act.who is not None and attempt < TRIES_MAX:
                self._sessions.pop(act.who.name, None)
            elif response.status_code not in _AGAIN or attempt == TRIES_MAX:
                return self._judge(act, response)
            await asyncio.sleep(_pause_s(response, attempt))
        raise StoryFailed(f"{_describe(act)}: {TRIES_MAX} tries")

    async def get(self, who: Login | None, path: str, **query: str | int) -> Answer:
        """Read something."""
        return await self.do(Act(who=who, method="GET", path=path, query=query))

    async def wait_for(self, what: str, ready: Callable[[], Awaitable[bool]], *, seconds: float = WAIT_S) -> None:
        """Ask again and again until `ready` says so. Raises: StoryFailed that names `what`."""
        deadline = time.monotonic() + seconds
        while not await ready():
            if time.monotonic() > deadline:
                raise StoryFailed(f"waited {seconds:.0f} s in vain for: {what}")
            await asyncio.sleep(WAIT_POLL_S)

    async def gets_in(self, who: Login) -> bool:
        """Whether an account may sign in; one whose registration has expired since may not."""
        body: Answer = {"sign_in_name": who.name, "password": who.password}
        act = Act(
            who=None,
            method="POST",
            path="/api/identity/v1/sessions",
            body=body,
            tolerated=frozenset({"identity.sign_in_failed"}),
        )
        return "access_tokens" in await self.do(act)

    async def _send(self, act: Act) -> httpx.Response:
        headers = {"Idempotency-Key": act.key} if act.method != "GET" else {}
        if act.body is not None:
            headers["Content-Type"] = act.body.media_type if isinstance(act.body, File) else "application/json"
        if act.version is not None:
            headers["If-Match"] = f'"{act.version}"'
        if act.who is not None:
            token = (await self._session(act.who)).tokens.get(act.service)
            if token is None:
                raise StoryFailed(f"{_describe(act)}: no token for {act.service}")
            headers["Authorization"] = f"Bearer {token}"
        async with self._slots:
            try:
                return await self._http.request(
                    act.method, act.path, content=act.content or None, params=dict(act.query), headers=headers
                )
            except httpx.TransportError as error:
                raise StoryFailed(f"{_describe(act)}: {type(error).__name__} {error}") from error

    async def _session(self, who: Login) -> _Session:
        lock = self._signing_in.setdefault(who.name, asyncio.Lock())
        async with lock:
            session = self._sessions.get(who.name)
            if session is None or session.until_s < time.monotonic():
                session = self._sessions[who.name] = await self._sign_in(who)
            return session

    async def _sign_in(self, who: Login) -> _Session:
        body: Answer = {"sign_in_name": who.name, "password": who.password}
        answer = await self.do(Act(who=None, method="POST", path="/api/identity/v1/sessions", body=body))
        return _Session(
            tokens=answer["access_tokens"],
            until_s=time.monotonic() + answer["expires_in_s"] - TOKEN_MARGIN_S,
        )

    def _judge(self, act: Act, response: httpx.Response) -> Answer:
        answer: Answer = _json(response)
        if act.method != "GET":
            self.acts += 1
        if act.refused:
            if response.is_success or answer.get("code") != act.refused:
                raise StoryFailed(f"{_describe(act)}: expected {act.refused}, got {_problem(response, answer)}")
        elif not response.is_success and answer.get("code") not in act.tolerated:
            raise StoryFailed(f"{_describe(act)}: {_problem(response, answer)}")
        return answer


async def together(*acts: Awaitable[Any]) -> list[Any]:
    """Do independent acts at the same time; the first failure ends them all. Their results, in order."""
    tasks = [asyncio.ensure_future(act) for act in acts]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        for task in tasks:
            if task.done() and (error := task.exception()) is not None:
                raise error
        return [task.result() for task in tasks]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _json(response: httpx.Response) -> Answer:
    if not response.content:
        return {}
    try:
        answer = response.json()
    except ValueError:
        return {"text": response.text}
    return answer if isinstance(answer, dict) else {"data": answer}


def _pause_s(response: httpx.Response, attempt: int) -> float:
    asked = response.headers.get("retry-after", "")
    return min(float(asked) if asked.isdigit() else PAUSE_S * 2**attempt, PAUSE_MAX_S)


def _describe(act: Act) -> str:
    return f"{act.method} {act.path} by {act.who.name if act.who else 'anybody'}"


def _problem(response: httpx.Response, answer: Answer) -> str:
    parts = [str(answer[name]) for name in ("code", "detail", "article", "pointer") if answer.get(name)]
    return f"{response.status_code} {' · '.join(parts) or response.text[:300]}"
