"""Looks up in the database what callers wait for, for news that another process committed.

With several replicas the reply that a caller waits for may be applied by another one, which names the aggregate to the
others (`peers`). Whoever waits for what was named is looked up at once, all of them with one statement. A name may be
lost with a connection, so whoever has waited a moment is looked up as well; a lone process tells its callers itself and
seldom looks.
"""

import asyncio

import structlog

from shared.runtime.service.runtime import Runtime

log = structlog.get_logger()

LOOK_EACH_S = 0.1
LOOK_EACH_S_NAMED = 0.5
"""The same where other processes name what they tell, and a look only finds what was lost."""


async def run_news(runtime: Runtime) -> None:
    """Look up what others named, and what was waited for longer than a commit here would take; until cancelled."""
    read, waiters, loop = runtime.service.news, runtime.waiters, asyncio.get_running_loop()
    if read is None:
        return
    look_at = 0.0
    while True:
        each_s = LOOK_EACH_S if waiters.elsewhere is None else LOOK_EACH_S_NAMED
        await _wait(waiters.wake, seconds=min(each_s, look_at - loop.time()))
        keys, now = waiters.take_named(), loop.time()
        if now >= look_at:
            look_at = now + each_s
            keys = list({*keys, *waiters.waiting_since(now - each_s)})
        if not keys:
            continue
        try:
            async with runtime.reading() as connection:
                news = await read(connection, keys)
        except Exception as error:  # noqa: BLE001 - the callers wait on, and are answered at the latest when their time ends
            log.warning("news.failed", service=runtime.service.name, error=type(error).__name__)
            await asyncio.sleep(1.0)
            continue
        for key, value in news.items():
            waiters.tell_here(key, value)


async def _wait(event: asyncio.Event, *, seconds: float) -> None:
    """Wait, at most `seconds`, for an event."""
    try:
        async with asyncio.timeout(max(0.0, seconds)):
            await event.wait()
    except TimeoutError:
        return
