"""Whether a service can do its work now, and what is missing when it cannot: stable codes for alarms, words for people.

A schema ahead of this process is no lack: during a rolling update the new one is there before the old processes end.
"""

import asyncio
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import asyncpg
import structlog
from starlette.responses import JSONResponse, Response

from shared.runtime.auth.tokens import TokenVerifier
from shared.runtime.service.runtime import Runtime

log = structlog.get_logger()

COPY_LAG_S_MAX = 10.0
"""Source: DESIGN, section 2: a copy that lags over 10 s makes the service not ready."""
DATABASE_S_MAX = 2.0
KEEP_S = 1.0

_REVISION = re.compile(r'^(down_)?revision(?:: [^=]+)? = (?:"([^"]+)"|None)', re.MULTILINE)
_RUNTIME_MIGRATIONS = Path(__file__).parents[1] / "deploy" / "migrations" / "versions"
# Tables that nobody migrated (tests make them from their declarations) have no revision to compare.
_SCHEMA = """
SELECT to_regclass('alembic_version') IS NULL AS unversioned,
       has_table_privilege(to_regclass('alembic_version'), 'SELECT') AS readable
"""


@dataclass(frozen=True, slots=True)
class Missing:
    """One thing without which a service is not ready."""

    code: str
    text: str
    text_en: str


NOT_READY: Mapping[str, Missing] = {
    missing.code: missing
    for missing in (
        Missing("draining", "进程即将停止，不再接收新请求", "the process is about to end"),
        Missing("bus.not_connected", "消息总线未连接", "the message bus is not connected"),
        Missing("keys.unknown", "尚无签名公钥，无法验证登录令牌", "no signing key is known: no token can be verified"),
        Missing("copy.lagging", "数据副本落后超过 10 秒", "a copy of another service's data is over 10 s behind"),
        Missing("database.unreachable", "数据库无法访问", "the database does not answer"),
        Missing("database.behind", "数据库结构落后，须先执行迁移", "the schema is older than this code"),
        Missing("database.unreadable", "无权读取数据库迁移版本", "the role may not read alembic_version"),
    )
}


@lru_cache(maxsize=32)
def revisions(service: str) -> tuple[frozenset[str], frozenset[str]]:
    """All revisions of a service's database and the newest ones, of its own branch and of the runtime's (ADR 0028).

    Read from the files of the migrations, without loading Alembic.
    """
    try:
        found = find_spec(f"services.{service}")
    except ModuleNotFoundError:
        found = None
    folder = Path(found.origin).parent / "migrations" / "versions" if found is not None and found.origin else None
    if folder is None or not folder.is_dir():
        return frozenset(), frozenset()
    made: set[str] = set()
    followed: set[str] = set()
    for file in sorted([*folder.glob("*.py"), *_RUNTIME_MIGRATIONS.glob("*.py")]):
        for down, name in _REVISION.findall(file.read_text(encoding="utf-8")):
            (followed if down else made).add(name)
    return frozenset(made), frozenset(made - followed - {""})


class Readiness:
    """Asks one running service; whoever asks within a second gets the same answer."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._missing: Sequence[Missing] = ()
        self._asked_s: float | None = None
        self._asking = asyncio.Lock()

    async def missing(self) -> Sequence[Missing]:
        """What is missing; nothing when the service is ready."""
        async with self._asking:
            if self._asked_s is None or time.monotonic() - self._asked_s >= KEEP_S:
                codes = [*self._missing_here(), *await self._missing_in_database()]
                self._missing = [NOT_READY[code] for code in codes]
                self._asked_s = time.monotonic()
        # A process that begins to drain says so at once.
        draining = NOT_READY["draining"]
        return [draining, *self._missing] if self._runtime.draining and draining not in self._missing else self._missing

    def _missing_here(self) -> list[str]:
        runtime = self._runtime
        lag_s = max(runtime.flow.stream_lags().values(), default=0.0)
        wanting = {
            "draining": runtime.draining,
            "bus.not_connected": not runtime.bus.connected(),
            "keys.unknown": not runtime.ports.get(TokenVerifier).knows_keys,
            "copy.lagging": lag_s > COPY_LAG_S_MAX,
        }
        return [code for code, is_missing in wanting.items() if is_missing]

    async def _missing_in_database(self) -> list[str]:
        commits = self._runtime.counts["commits"]
        try:
            async with asyncio.timeout(DATABASE_S_MAX), self._runtime.reading() as connection:
                return await self._compare_schema(connection)
        except Exception as error:  # noqa: BLE001 - readiness reports every fault
            if isinstance(error, TimeoutError) and self._runtime.counts["commits"] > commits:
                # Every connection is in use and work is done: taking a busy replica out would only load the others.
                return []
            log.warning("readiness.database", service=self._runtime.service.name, error=type(error).__name__)
            return ["database.unreachable"]

    async def _compare_schema(self, connection: asyncpg.Connection) -> list[str]:
        known, newest = revisions(self._runtime.service.name)
        row = await connection.fetchrow(_SCHEMA)
        if row["unversioned"] or not newest:
            return []
        if not row["readable"]:
            return ["database.unreadable"]
        there = {item["version_num"] for item in await connection.fetch("SELECT version_num FROM alembic_version")}
        return ["database.behind"] if not newest <= there and there <= known else []


def readiness(missing: Mapping[str, Sequence[Missing]]) -> Response:
    """The body of /health/ready: 200, or 503 with what is missing in which service."""
    bad = {
        service: [{"code": part.code, "text": part.text, "text_en": part.text_en} for part in parts]
        for service, parts in missing.items()
        if parts
    }
    return JSONResponse({"ready": not bad, "missing": bad}, status_code=503 if bad else 200)
