"""Looks up in the database what callers wait for, for news that another process committed.

With several replicas the reply that a caller waits for may be applied by another one. So whoever has waited a moment is
looked up, all of them with one statement, as long as somebody waits; a lone process tells its callers itself and seldom
looks.
"""

import asyncio

import structlog

from shared.runtime.service.runtime import Runtime

log = structlog.get_logger()

LOOK_EACH_S = 0.1


async def run_news(runtime: Runtime) -> None:
    """Look up what callers have waited for longer than a commit here would take; runs until cancelled."""
    read = runtime.service.news
    if read is None:
        return
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(LOOK_EACH_S)
        keys = runtime.waiters.waiting_since(loop.time() - LOOK_EACH_S)
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
            runtime.waiters.tell(key, value)
