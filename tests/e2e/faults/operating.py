"""The operators' command line, called as operators call it."""

import asyncio
import json
import os
import sys
from collections.abc import Collection, Mapping
from typing import Any

from embedded.platform import SERVICES
from tests.e2e.stack import ROOT, Stack

COMMAND_S = 180


def environment(stack: Stack, service: str) -> dict[str, str]:
    """The variables that the command line needs for a stack whose databases stand on different servers."""
    found = {f"{each.name.upper()}_DATABASE_URL": stack.owner_url(each) for each in SERVICES}
    administrator = next(stack.administrator_url(each) for each in SERVICES if each.name == service)
    return {**found, "POSTGRES_ADMIN_URL": administrator}


async def operate(stack: Stack, command: str, service: str, *words: str, codes: Collection[int] = (0,)) -> Any:
    """Run `python -m operations COMMAND SERVICE ...`; its answer. Raises: AssertionError with what it said."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "operations", "--json", "--operator", "faults", command, service, *words),
        cwd=ROOT,
        env={**os.environ, **environment(stack, service)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(COMMAND_S):
            out, said = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    text = f"operations {command} {service}: exit code {process.returncode}: {said.decode()[-2000:]}"
    assert process.returncode in codes, f"{text}\n{out.decode()[-4000:]}"
    found: Mapping[str, Any] = json.loads(out)
    return found
