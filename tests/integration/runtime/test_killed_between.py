"""A process that is killed between the effect of a command and its answer: a repeat in another process, on one effect.

A lock that the test holds stops the first process at the moment in question, and it is killed there.
"""

import asyncio
import base64
import json
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from uuid import UUID

import asyncpg
import httpx
import pytest

from shared.contracts.permissions import Role
from tests.factories.harness import Platform, open_platform
from tests.factories.serving import Served, serving
from tests.integration.runtime.sample_service import SERVICE

MODULE = "tests.integration.runtime.sample_service"
BOTH = pytest.mark.parametrize("path", ["/api/toy/v1/things", "/api/toy/v1/cold-things"])
LOCK = 4_711
KEY = "killed-1"
STOPPED_AT_COMMIT = f"""
CREATE FUNCTION wait_at_commit() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM pg_advisory_xact_lock({LOCK}); RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER waits AFTER INSERT ON thing DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW EXECUTE FUNCTION wait_at_commit();
"""
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
OTHERS = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND state <> 'idle' AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""
LOOKS = 400


async def until(connection: asyncpg.Connection, question: str, wanted: int) -> None:
    for _ in range(LOOKS):
        if await connection.fetchval(question) == wanted:
            return
        await asyncio.sleep(0.05)
    pytest.fail(f"not {wanted}: {question}")


def account_of(served: Served) -> UUID:
    """Whose token the process gave: a key belongs to an account."""
    body = served.tokens["toy"][Role.ENTERPRISE.value].split(".")[1]
    return UUID(json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))["sub"])


@asynccontextmanager
async def killed(fresh_database: Callable[[], str], path: str, *, prepare: str, hold: str) -> AsyncIterator[Platform]:
    """A command in a process that is stopped by a lock, killed, and let go; then another process of the service."""
    urls: list[str] = []

    def remembered() -> str:
        urls.append(fresh_database())
        return urls[-1]

    async with serving([MODULE], remembered) as served:
        holder, looker = [await asyncpg.connect(urls[0]) for _ in range(2)]
        await holder.execute(prepare or "SELECT 1")
        transaction = holder.transaction()
        await transaction.start()
        await holder.execute(hold)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{served.port}", trust_env=False) as client:
            headers = {**served.headers("toy", Role.ENTERPRISE), "Idempotency-Key": KEY}
            call = asyncio.create_task(client.post(path, json={"name": "a"}, headers=headers, timeout=60))
            await until(looker, WAITING, 1)
            os.kill(served.pid, signal.SIGKILL)
            with pytest.raises(httpx.HTTPError):
                await call
        await transaction.rollback()
        await until(looker, OTHERS, 0)
        account_id = account_of(served)
        for connection in (holder, looker):
            await connection.close()
    async with open_platform([SERVICE], lambda: "", databases={"toy": urls[0]}) as platform:
        platform.account_id = account_id  # type: ignore[attr-defined]
        yield platform


async def repeat(platform: Platform, path: str) -> httpx.Response:
    headers = platform.headers(Role.ENTERPRISE, account_id=platform.account_id, key=KEY)  # type: ignore[attr-defined]
    return await platform.client.post(path, json={"name": "a"}, headers=headers)


async def things(platform: Platform) -> int:
    async with platform.runtime("toy").reading() as connection:
        return int(await connection.fetchval("SELECT count(*) FROM thing"))


@BOTH
async def test_a_process_that_is_killed_before_its_commit_has_done_nothing_and_the_repeat_runs(
    fresh_database: Callable[[], str], path: str
) -> None:
    # The effect is written with or before the key, and the key waits for this lock.
    hold = "LOCK TABLE idempotency IN SHARE MODE"
    async with killed(fresh_database, path, prepare="", hold=hold) as platform:
        assert await things(platform) == 0
        again = await repeat(platform, path)
        assert (again.status_code, "Idempotent-Replayed" in again.headers) == (201, False)
        assert await things(platform) == 1


@BOTH
async def test_a_process_that_is_killed_after_its_commit_and_before_its_answer_has_done_it_once(
    fresh_database: Callable[[], str], path: str
) -> None:
    hold = f"SELECT pg_advisory_xact_lock({LOCK})"
    async with killed(fresh_database, path, prepare=STOPPED_AT_COMMIT, hold=hold) as platform:
        assert await things(platform) == 1
        again = await repeat(platform, path)
        assert (again.status_code, again.headers["Idempotent-Replayed"]) == (201, "true")
        assert again.headers["Location"].endswith(again.json()["id"])
        assert await things(platform) == 1
