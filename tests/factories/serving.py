"""Services served over TCP in a process of their own, whose memory a test can look at.

`python -m tests.factories.serving '{"<package.module>": "<database URL>"}'` prints a line of JSON with its port and
serves until its standard input ends.
"""

import asyncio
import contextlib
import importlib
import json
import os
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4

from shared.contracts.permissions import Role
from shared.runtime.host.host import listen, serve
from tests.factories.harness import open_platform, repository, with_tables

START_S = 60.0


@dataclass(frozen=True, slots=True)
class Served:
    """A process that serves, its port, and tokens by service and role."""

    pid: int
    port: int
    tokens: dict[str, dict[str, str]]

    def headers(self, service: str, role: Role) -> dict[str, str]:
        """Authorization of a role, and a fresh key."""
        return {"Authorization": f"Bearer {self.tokens[service][role.value]}", "Idempotency-Key": uuid4().hex}

    def peak_bytes(self) -> int:
        """The most memory it held at once since it started or `forget_peak`."""
        lines = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))

    def forget_peak(self) -> int:
        """Count the peak from now on; the memory held now, in bytes."""
        Path(f"/proc/{self.pid}/clear_refs").write_text("5", encoding="ascii")
        return self.peak_bytes()


@asynccontextmanager
async def serving(modules: Sequence[str], fresh_database: Callable[[], str]) -> AsyncIterator[Served]:
    """Serve the services of these modules (each has a SERVICE) in one process, until the block ends."""
    databases = {
        module: await with_tables(importlib.import_module(module).SERVICE, fresh_database) for module in modules
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", __name__, json.dumps(databases),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, cwd=repository(),
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        said = json.loads(await asyncio.wait_for(process.stdout.readline(), START_S))
        yield Served(process.pid, said["port"], said["tokens"])
    finally:
        process.stdin.close()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), START_S)
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _serve(databases: dict[str, str]) -> None:
    services = [importlib.import_module(module).SERVICE for module in databases]
    by_name = dict(zip((service.name for service in services), databases.values(), strict=True))
    listener = listen("127.0.0.1", 0)
    async with open_platform(services, lambda: "", databases=by_name) as platform:
        tokens = {
            service.name: {
                role.value: platform.headers(role, service=service.name, organisation_id=UUID(int=7))[
                    "Authorization"
                ].removeprefix("Bearer ")
                for role in Role
            }
            for service in services
        }
        print(json.dumps({"port": listener.getsockname()[1], "tokens": tokens}), flush=True)  # noqa: T201 - the parent reads it
        stopping = asyncio.Event()
        serving_it = asyncio.create_task(serve(platform.host, listener, stopping=stopping))
        await asyncio.get_running_loop().run_in_executor(None, os.read, sys.stdin.fileno(), 1)
        stopping.set()
        await serving_it


if __name__ == "__main__":
    asyncio.run(_serve(json.loads(sys.argv[1])))
