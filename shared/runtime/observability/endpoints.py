"""The watching of one process: /health/live, /health/ready and /metrics, and what must run for them.

They lie beside /api, not under it: whoever routes the public's requests routes /api alone.
"""

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from shared.runtime.observability.audits import AuditRecord, run_audit
from shared.runtime.observability.metrics import CONTENT_TYPE, Metrics, ObservedService
from shared.runtime.observability.readiness import Readiness, readiness
from shared.runtime.service.gauges import Sample, Sampler
from shared.runtime.service.runtime import Runtime


class Watch:
    """What a process shows of its services."""

    def __init__(self, runtimes: Sequence[Runtime]) -> None:
        self._readiness = {runtime.service.name: Readiness(runtime) for runtime in runtimes}
        self._observed = [_observed(runtime) for runtime in runtimes]
        self.metrics = Metrics(self._observed)

    def routes(self) -> list[BaseRoute]:
        """The routes that show it."""
        return [
            Route("/health/live", self._live),
            Route("/health/ready", self._ready),
            Route("/metrics", self._show_metrics),
        ]

    def audits(self) -> Sequence[tuple[Runtime, Coroutine[Any, Any, None]]]:
        """What must run as long as the process."""
        return [
            (observed.runtime, run_audit(observed.runtime, audit, observed.audits[audit.name]))
            for observed in self._observed
            for audit in observed.runtime.service.audits
        ]

    async def _live(self, request: Request) -> Response:
        del request
        return JSONResponse({"live": True, "services": list(self._readiness)})

    async def _ready(self, request: Request) -> Response:
        del request
        return readiness({name: await asked.missing() for name, asked in self._readiness.items()})

    async def _show_metrics(self, request: Request) -> Response:
        del request
        await asyncio.gather(*(self._refresh(observed) for observed in self._observed))
        return Response(self.metrics.render(), headers={"Content-Type": CONTENT_TYPE})

    async def _refresh(self, observed: ObservedService) -> None:
        observed.sample = await observed.sampler.sample()
        observed.missing = await self._readiness[observed.runtime.service.name].missing()


def _observed(runtime: Runtime) -> ObservedService:
    service = runtime.service
    audits: Mapping[str, AuditRecord] = {audit.name: AuditRecord() for audit in service.audits}
    return ObservedService(runtime, Sampler(runtime, service.gauge_queries, service=service.name), audits, Sample(), ())
