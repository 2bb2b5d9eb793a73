"""Runs one service, or several in one process: opens everything, serves HTTP, and closes everything again.

A mounted application's lifespan does not run, so nothing depends on lifespans: the host owns pools, buses and tasks.
"""

import asyncio
import contextlib
import gc
import signal
import socket
import time
from collections.abc import AsyncIterator, Coroutine, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from contextvars import copy_context
from typing import Any

import structlog
import uvicorn
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi_offline import FastAPIOffline
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp, ExceptionHandler, Receive, Scope, Send

from shared.contracts.policy import PolicyPack, load_pack
from shared.handbook import handbook_routes
from shared.kernel.refusals import Refusal
from shared.runtime.auth.tokens import TokenVerifier
from shared.runtime.bus.base import Bus, command_queue, fact_queue
from shared.runtime.database.sql import create_pool, create_read_pool
from shared.runtime.http.batching.dispatch import HotFirst
from shared.runtime.http.callers import Callers
from shared.runtime.http.common_routes import router as operate_router
from shared.runtime.http.edge import WAIT_S_MAX, Edge, fault_response
from shared.runtime.http.gates import Gates
from shared.runtime.http.methods import allowed_methods
from shared.runtime.http.openapi import describe
from shared.runtime.http.protocol import JoiningProtocol
from shared.runtime.messaging.consumer import Applier, Consumer, run_retries
from shared.runtime.messaging.relay import Relay
from shared.runtime.observability.endpoints import Watch
from shared.runtime.observability.metrics import version
from shared.runtime.observability.requests import Requests
from shared.runtime.operator.dead_letters import router as dead_letter_router
from shared.runtime.operator.keys import RUNTIME_SUBSCRIPTIONS, KeyReload, Looking
from shared.runtime.schedule.housekeeping import ENDED_SESSIONS, HOUSEKEEPING
from shared.runtime.schedule.scheduler import run_jobs, run_timers
from shared.runtime.service.long_poll_lookup import run_news
from shared.runtime.service.peers import Peers
from shared.runtime.service.runtime import Runtime
from shared.runtime.service.service import Service
from shared.runtime.service.settings import ServiceSettings
from shared.runtime.tracing.tracing import open_tracing
from shared.runtime.validation.network import Proxies
from shared.runtime.validation.problems import plain_problem, problem_response
from shared.runtime.validation.wording import malformed

log = structlog.get_logger()

SYNCHRONISE_S = 2.0
STOP_S = 10.0


class Host:
    """The services of one process, opened."""

    def __init__(self, runtimes: Sequence[Runtime], *, extra_routes: Sequence[BaseRoute] = ()) -> None:
        self.runtimes = runtimes
        self.appliers = {
            runtime.service.name: Applier(runtime, {**RUNTIME_SUBSCRIPTIONS, **runtime.service.subscriptions})
            for runtime in runtimes
        }
        self.watch = Watch(runtimes)
        routes = [*self.watch.routes(), *_service_routes(runtimes), *handbook_routes(), *extra_routes]
        cold = Starlette(routes=routes, exception_handlers={HTTPException: _http_error})
        self.app = Requests(Edge(HotFirst(cold, runtimes)), runtimes, counts=self.watch.metrics)
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Start the background work of every service."""
        for runtime in self.runtimes:
            applier = self.appliers[runtime.service.name]
            runtime.ports.add(Applier, applier)
            name = runtime.service.name
            self._spawn(runtime, _synchronise(runtime))
            for partition in runtime.handed:
                self._spawn(runtime, Relay(runtime, partition).run())
            self._spawn(runtime, Consumer(runtime, applier, command_queue(name)).run())
            self._spawn(runtime, Consumer(runtime, applier, fact_queue(name)).run())
            self._spawn(runtime, run_retries(runtime, applier))
            self._spawn(runtime, run_timers(runtime))
            self._spawn(runtime, run_news(runtime))
            if runtime.service.news is not None and runtime.settings.may_have_peers:
                self._spawn(runtime, Peers(runtime).run())
            self._spawn(runtime, run_jobs(runtime, HOUSEKEEPING))
            self._spawn(runtime, run_jobs(runtime, ENDED_SESSIONS))
            for job in runtime.service.jobs:
                self._spawn(runtime, run_jobs(runtime, job))
            for runner in runtime.service.runners:
                self._spawn(runtime, runner(runtime))
        for runtime, audit in self.watch.audits():
            self._spawn(runtime, audit)

    def _spawn(self, runtime: Runtime, work: Coroutine[Any, Any, None]) -> None:
        context = copy_context()
        context.run(structlog.contextvars.bind_contextvars, service=runtime.service.name)
        self._tasks.append(asyncio.create_task(work, context=context))

    def drain(self) -> float:
        """Say from now on that nothing new should be sent here; returns the seconds to wait for who listens to it."""
        for runtime in self.runtimes:
            runtime.draining = True
        return max(runtime.settings.drain_s for runtime in self.runtimes)

    async def stop(self) -> None:
        """End the background work, bounded in time."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=STOP_S)
        self._tasks.clear()


@asynccontextmanager
async def open_host(
    services: Sequence[Service],
    settings: Mapping[str, ServiceSettings],
    buses: Mapping[str, Bus],
    *,
    extra_routes: Sequence[BaseRoute] = (),
) -> AsyncIterator[Host]:
    """Open pools, clocks, ports and buses of the services, then run their background work until the block ends."""
    async with AsyncExitStack() as stack:
        runtimes = [
            await _open_runtime(stack, service, settings[service.name], buses[service.name]) for service in services
        ]
        host = Host(runtimes, extra_routes=extra_routes)
        host.start()
        stack.push_async_callback(host.stop)
        # What lives from here on is garbage soon; what was imported is not worth walking again.
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 20, 50)
        yield host


async def _open_runtime(stack: AsyncExitStack, service: Service, settings: ServiceSettings, bus: Bus) -> Runtime:
    pack = load_pack(settings.policy_file.read_text(encoding="utf-8"), name=str(settings.policy_file))
    pool = await create_pool(
        settings.database_url.get_secret_value(), size_max=settings.pool_size_max, application=service.name
    )
    stack.push_async_callback(_close_pool, pool)
    reads = await create_read_pool(
        settings.database_url.get_secret_value(),
        size_max=settings.read_pool_size_max,
        reports_max=settings.reports_at_once_max,
        application=f"{service.name}-reads",
    )
    stack.push_async_callback(_close_pool, reads.pool)
    await bus.open()
    stack.push_async_callback(bus.close)
    runtime = Runtime(service, settings, pool=pool, reads=reads, bus=bus)
    runtime.tracing = open_tracing(service.name, version=version())
    if runtime.tracing is not None:
        stack.push_async_callback(asyncio.to_thread, runtime.tracing.close)
    verifier = TokenVerifier(
        {},
        audience=service.name,
        issuer=settings.token_issuer,
        client_issuer=settings.public_url,
        now=time.time,
    )
    runtime.ports.add(PolicyPack, pack)
    runtime.ports.add(TokenVerifier, verifier)
    runtime.ports.add(KeyReload, KeyReload())
    looking = Looking()
    runtime.ports.add(Looking, looking)
    proxies = Proxies.read(hops=settings.forwarded_hops, networks=settings.trusted_proxies)
    runtime.ports.add(Proxies, proxies)
    runtime.ports.add(Callers, Callers(verifier, proxies, settings))
    async with pool.acquire() as connection:
        await runtime.clock.synchronise(connection)
        await looking.load(connection, verifier)
        await runtime.row_security.look(connection)
    if service.prepare is not None:
        await service.prepare(runtime)
    return runtime


async def _close_pool(pool: Any) -> None:  # noqa: ANN401 - asyncpg has no types
    try:
        await asyncio.wait_for(pool.close(), STOP_S)
    except TimeoutError:
        pool.terminate()


async def _synchronise(runtime: Runtime) -> None:
    """Read database time, the clock's offset and what other processes learned, look for row security; until cancelled.

    What they learned is of keys and of accounts and sessions that ended.
    """
    verifier, looking = runtime.ports.get(TokenVerifier), runtime.ports.get(Looking)
    reload = runtime.ports.get(KeyReload)
    for turn in range(1_000_000_000):
        try:
            async with runtime.pool.acquire() as connection:
                if turn % 10 == 0 or not runtime.clock.movable:
                    await runtime.clock.synchronise(connection)
                else:
                    await runtime.clock.look(connection)
                if reload.wanted or turn % 30 == 0:
                    reload.wanted = False
                    await looking.load(connection, verifier)
                else:
                    await looking.look(connection, verifier)
                if turn % 30 == 0:
                    await runtime.row_security.look(connection)
        except Exception as error:  # noqa: BLE001 - the clock must outlive every fault
            log.warning("clock.failed", service=runtime.service.name, error=type(error).__name__)
        for _ in range(20):
            await asyncio.sleep(SYNCHRONISE_S / 20)
            if reload.wanted:
                break


def _service_routes(runtimes: Sequence[Runtime]) -> list[BaseRoute]:
    routes: list[BaseRoute] = []
    for runtime in runtimes:
        mount = f"/api/{runtime.service.name}/v1"
        app = _bind_app(Gates(build_app(runtime), runtime.ports.get(Callers)), runtime)
        routes.append(Mount(mount, app))
        routes += [Route(known, _Elsewhere(app, mount, to)) for known, to in runtime.service.well_known.items()]
    return routes


class _Elsewhere:
    """The operation `to` of a service, answered at another address."""

    def __init__(self, app: ASGIApp, mount: str, to: str) -> None:
        self._app = app
        self._to = {"root_path": mount, "path": f"{mount}{to}"}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app({**scope, **self._to}, receive, send)


def _bind_app(app: ASGIApp, runtime: Runtime) -> ASGIApp:
    async def bound(scope: Scope, receive: Receive, send: Send) -> None:
        scope["yunquan.runtime"] = runtime
        await app(scope, receive, send)

    return bound


def build_app(runtime: Runtime) -> FastAPI:
    """The FastAPI application of one service's cold routes and its OpenAPI document."""
    name = runtime.service.name
    # The page's scripts come with us: a government network reaches no content delivery network.
    app = FastAPIOffline(
        title=f"云券 {name}",
        version="1",
        docs_url="/docs",
        redoc_url=None,
        openapi_url="/openapi.json",
        # A redirect names a scheme and a host, and behind a proxy we know neither.
        redirect_slashes=False,
    )
    own = [] if runtime.service.router is None else runtime.service.router.routes
    # As they were built when their modules were loaded: to include a router would build each of its routes anew.
    app.router.routes.extend([*own, *operate_router.routes, *dead_letter_router.routes])
    for kind, handler in ERROR_HANDLERS.items():
        app.add_exception_handler(kind, handler)
    describe(app, runtime.service)
    return app


async def _refused(request: Request, error: Exception) -> Response:
    if not isinstance(error, Refusal):
        raise error
    return problem_response(error, instance=request.url.path, request_id=request.scope["yunquan.request_id"])


async def _malformed(request: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise error
    return await _refused(request, malformed(error.errors()))


async def _http_error(request: Request, error: Exception) -> Response:
    if isinstance(error.__cause__, Refusal):
        # FastAPI wraps whatever goes wrong while it reads a body; a body over its bound is ours.
        return await _refused(request, error.__cause__)
    status = error.status_code if isinstance(error, HTTPException) else 500
    # A router sees one route at a time, and no hot one: what an address takes is asked of all of them.
    methods = allowed_methods(request) if status in {404, 405} else []
    if methods:
        status = 405
    code, detail = HTTP_ERRORS.get(status, ("request.refused", "请求被拒绝。"))
    request_id = request.scope["yunquan.request_id"]
    answer = plain_problem(status, code=code, detail=detail, instance=request.url.path, request_id=request_id)
    if methods:
        answer.headers["Allow"] = ", ".join(methods)
    return answer


async def _fault(request: Request, error: Exception) -> Response:
    return fault_response(error, instance=request.url.path, request_id=request.scope["yunquan.request_id"])


HTTP_ERRORS: Mapping[int, tuple[str, str]] = {
    400: ("request.malformed", "请求内容不是可读取的 JSON（嵌套过深、数字过长或编码有误）。"),
    404: ("resource.not_found", "未找到所请求的内容。"),
    405: ("request.method_not_allowed", "该地址不支持此请求方法。"),
}
ERROR_HANDLERS: Mapping[type[Exception], ExceptionHandler] = {
    Refusal: _refused,
    RequestValidationError: _malformed,
    HTTPException: _http_error,
    Exception: _fault,
}


class PortInUse(RuntimeError):
    """Another process listens there."""


def listen(host: str, port: int) -> socket.socket:
    """A listening socket. Raises: PortInUse with the cure in one line."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    found = socket.socket(family, socket.SOCK_STREAM)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind((host, port))
    except OSError as error:
        found.close()
        raise PortInUse(f"cannot listen on {host}:{port} ({error.strerror}); set another port") from error
    found.listen(2_048)
    found.setblocking(False)  # noqa: FBT003 - the socket module knows no keyword
    return found


class _Server(uvicorn.Server):
    """A server that leaves the signals to its process: it would raise them a second time when it has ended."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture nothing."""
        yield


async def serve(host: Host, listener: socket.socket, *, stopping: asyncio.Event) -> None:
    """Serve HTTP until `stopping` is set, drain, then finish what is under way."""
    config = uvicorn.Config(
        host.app,
        http=JoiningProtocol,
        log_config=None,
        access_log=False,
        lifespan="off",
        # A caller that waits for news is answered before its connection is closed.
        timeout_graceful_shutdown=int(WAIT_S_MAX + STOP_S / 2),
        backlog=2_048,
        # Longer than a client or proxy keeps an idle connection, so that it is never closed under a request.
        timeout_keep_alive=75,
        limit_concurrency=None,
        # What proxies say of a caller is judged where it is asked for, by the number of trusted hops, never before.
        proxy_headers=False,
        ws="none",
    )
    server = _Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    waiting = asyncio.create_task(stopping.wait())
    await asyncio.wait({serving, waiting}, return_when=asyncio.FIRST_COMPLETED)
    if not serving.done():
        await asyncio.wait({serving}, timeout=host.drain())
    server.should_exit = True
    await serving
    waiting.cancel()


def stop_on_signals(stopping: asyncio.Event) -> None:
    """Set `stopping` on SIGINT and SIGTERM; a second signal ends the process at once."""
    loop = asyncio.get_running_loop()

    def request(number: int) -> None:
        if stopping.is_set():
            raise SystemExit(128 + number)
        stopping.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(number, request, number)
