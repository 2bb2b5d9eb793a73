"""A process that dies right after its n-th commit: nothing of what follows that commit happens any more."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from shared.runtime.service.runtime import Runtime
from shared.runtime.unit_of_work.work import Work
from tests.factories.harness import Platform

# Only a transaction that changed something has an id.
_CHANGED = "SELECT pg_current_xact_id_if_assigned() IS NOT NULL"


@dataclass
class Crash:
    """Counts the commits that changed something, and freezes every transaction from the n-th on."""

    after: int
    commits: int = 0
    armed: bool = False
    happened: asyncio.Event = field(default_factory=asyncio.Event)

    def install(self, platform: Platform) -> None:
        """Watch every transaction of the platform."""
        for runtime in platform.host.runtimes:
            runtime.work = self._watched(runtime)  # type: ignore[method-assign] # the seam of a kill

    def _watched(self, runtime: Runtime) -> Callable[..., Any]:
        work_of = Runtime.work

        @asynccontextmanager
        async def work(**arguments: Any) -> AsyncIterator[Work]:
            if self.happened.is_set():
                raise asyncio.CancelledError
            changed = False
            async with work_of(runtime, **arguments) as open_work:
                yield open_work
                await open_work.flush()
                changed = await open_work.connection.fetchval(_CHANGED)
                if self.happened.is_set():
                    raise asyncio.CancelledError
            if self.armed and changed:
                self.commits += 1
                if self.commits == self.after:
                    self.happened.set()
            if self.happened.is_set():
                # The commit stands, and whoever made it never learns of it: no answer, no acknowledgement.
                raise asyncio.CancelledError

        return work
