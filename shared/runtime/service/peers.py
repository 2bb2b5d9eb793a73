"""The other processes of a service: who is there, and of which aggregates they have told their callers.

A caller waits in one process, and the reply that it waits for may be applied in another. That one names the aggregate
to the others by NOTIFY, and each looks up whoever waits for it (`long_poll`). A notification takes a lock of the whole
database until its transaction has ended. So it is sent after the commit that it tells of, by a transaction of its own
that writes nothing and so waits for no disk, and one carries all names since the one before. Nothing depends on it:
what is lost is found by the looks that go on meanwhile. A process without others sends only that it is there.
"""

import asyncio
import secrets
from typing import TYPE_CHECKING
from uuid import UUID

import asyncpg
import structlog

from shared.runtime.database.sql import connect

if TYPE_CHECKING:
    from shared.runtime.service.runtime import Runtime

log = structlog.get_logger()

GREET_S = 5.0
GONE_S = 12.0
"""Who has not greeted for so long is not there any more."""
NAMES_MAX = 200
"""A notification holds less than 8,000 bytes."""
RETRY_S_MAX = 5.0
_NOTIFY = "SELECT pg_notify($1, $2)"
_ASKS, _IS_HERE, _TOLD = "asks", "here", "told"


class Peers:
    """What one process knows of the others of its service."""

    def __init__(self, runtime: "Runtime") -> None:
        self._runtime = runtime
        self._channel = f"{runtime.service.name}.news"
        # Two processes may be given one name; this one is nobody else's.
        self._own = secrets.token_hex(6)
        self._seen_s: dict[str, float] = {}
        self._untold: set[UUID] = set()
        self._greet = ""
        self._wake = asyncio.Event()

    async def run(self) -> None:
        """Listen to the others, and tell them, until cancelled. Without a connection nobody is known to be there."""
        pause_s = 0.5
        while True:
            try:
                connection = await connect(
                    self._runtime.settings.database_url.get_secret_value(),
                    application=f"{self._runtime.service.name} news",
                )
                try:
                    connection.add_termination_listener(self._lost)
                    await connection.add_listener(self._channel, self._heard)
                    pause_s = 0.5
                    await self._tell(connection)
                finally:
                    connection.terminate()
            except Exception as error:  # noqa: BLE001 - callers are found by looking meanwhile
                log.warning("peers.lost", service=self._runtime.service.name, error=type(error).__name__)
            self._seen_s.clear()
            self._runtime.waiters.elsewhere = None
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, RETRY_S_MAX)

    async def _tell(self, connection: asyncpg.Connection) -> None:
        self._greet, greet_at = _ASKS, 0.0
        while True:
            now = self._now()
            if self._greet or now >= greet_at:
                word, self._greet, greet_at = self._greet or _IS_HERE, "", now + GREET_S
                await connection.execute(_NOTIFY, self._channel, f"{self._own} {word}")
                self._forget_gone(now)
            while self._untold:
                taken = [self._untold.pop() for _ in range(min(len(self._untold), NAMES_MAX))]
                names = " ".join(key.hex for key in taken)
                await connection.execute(_NOTIFY, self._channel, f"{self._own} {_TOLD} {names}")
            try:
                async with asyncio.timeout(greet_at - self._now()):
                    await self._wake.wait()
            except TimeoutError:
                continue
            self._wake.clear()

    def _name(self, key: UUID) -> None:
        self._untold.add(key)
        self._wake.set()

    def _heard(self, _connection: object, _pid: int, _channel: str, payload: object) -> None:
        sender, word, *names = str(payload).split(" ")
        if sender == self._own:
            return
        self._seen_s[sender] = self._now()
        self._runtime.waiters.elsewhere = self._name
        if word == _ASKS:
            self._greet = _IS_HERE
            self._wake.set()
        elif word == _TOLD:
            self._runtime.waiters.name(UUID(hex=name) for name in names)

    def _lost(self, _connection: object) -> None:
        """The next statement on the connection says so."""
        self._greet = _IS_HERE
        self._wake.set()

    def _forget_gone(self, now: float) -> None:
        self._seen_s = {sender: seen_s for sender, seen_s in self._seen_s.items() if seen_s > now - GONE_S}
        if not self._seen_s:
            self._runtime.waiters.elsewhere = None

    def _now(self) -> float:
        return asyncio.get_running_loop().time()
