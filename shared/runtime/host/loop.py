"""The event loop of every process: uvloop where there is one."""

import asyncio
import sys


def new_loop() -> asyncio.AbstractEventLoop:
    """A fresh event loop, for asyncio.Runner."""
    if sys.platform == "win32":
        return asyncio.new_event_loop()
    import uvloop  # noqa: PLC0415 - there is none on Windows

    return uvloop.new_event_loop()
