"""One start of the embedded platform: database, services, demonstration, proof, and then service until Ctrl-C."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO, cast

import httpx
from rich.console import Console
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from embedded.demonstration import play, until_quiet
from embedded.demonstration.client import StoryFailed
from embedded.front import Front, SignIn, render
from embedded.log import BoundedLog
from embedded.platform import PlatformSettings, Secrets, open_platform, prepare_databases
from embedded.postgres import EmbeddedPostgres, PostgresNotStarted, PostgresSettings
from embedded.proof import Proof, print_proof, read_proof
from shared.contracts.policy import load_pack
from shared.runtime.host.host import Host, listen, serve, stop_on_signals
from shared.runtime.observability.logging import adopt_libraries, configure

DEMONSTRATION_MARK = "demonstration-played"
LOG_FILE = "platform.log"
OPERATIONS_FILE = "operations.env"
"""What `python -m operations` needs to reach this platform."""
LOOK_AFTER_S = 1.0
PROOF_READINGS_MAX = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddedSettings:
    """What the command line asked for."""

    once: bool
    host: str
    port: int
    folder: Path
    policy_file: Path
    demonstration: bool


async def run(settings: EmbeddedSettings) -> int:
    """Start, play the demonstration unless it was played, prove, and stay up unless `once`. Returns the exit code."""
    console = Console()
    began = time.monotonic()
    load_pack(settings.policy_file.read_text(encoding="utf-8"), name=str(settings.policy_file))
    stopping = asyncio.Event()
    stop_on_signals(stopping)
    listener = listen(settings.host, settings.port)
    settings.folder.mkdir(parents=True, exist_ok=True)
    log_file = settings.folder / LOG_FILE
    log = cast("TextIO", BoundedLog(log_file))
    configure(stream=log)
    adopt_libraries(stream=log)
    kept = Secrets(settings.folder / "secrets.json")
    with EmbeddedPostgres(PostgresSettings(folder=settings.folder / "postgres")) as postgres:
        console.print(postgres.places)
        platform = PlatformSettings(
            folder=settings.folder, policy_file=settings.policy_file, host=settings.host, port=settings.port
        )
        databases = await prepare_databases(postgres, kept, operations=settings.folder / OPERATIONS_FILE)
        front = Front(sign_ins=())
        async with open_platform(platform, databases=databases, kept=kept, extra_routes=[_front_route(front)]) as host:
            serving = asyncio.create_task(serve(host, listener, stopping=stopping))
            looking = asyncio.create_task(_look_after(postgres, console))
            console.print(f"started in {time.monotonic() - began:.1f} s")
            console.print(f"log: {log_file}", soft_wrap=True)
            console.print(f"operators: export OPERATIONS_ENV_FILE={settings.folder / OPERATIONS_FILE}", soft_wrap=True)
            code = await _demonstrate(settings, host=host, front=front, console=console, kept=kept, stopping=stopping)
            if not settings.once and not stopping.is_set():
                console.print("Ctrl-C stops it; the data stay.")
                await stopping.wait()
            stopping.set()
            await serving
            looking.cancel()
            await asyncio.wait({looking})
    return code


async def _look_after(postgres: EmbeddedPostgres, console: Console) -> None:
    """Start the database again when it ends by itself; the services wait for it and go on."""
    while True:
        await asyncio.sleep(LOOK_AFTER_S)
        try:
            # A thread of the default executor lives as long as the loop, and so may the server it starts.
            if await asyncio.to_thread(postgres.revive):
                console.print(f"PostgreSQL had ended and runs again; its log is {postgres.log_path}")
        except (PostgresNotStarted, OSError) as error:
            console.print(f"PostgreSQL has ended and cannot be started, next try in {LOOK_AFTER_S:.0f} s: {error}")


async def _demonstrate(  # noqa: PLR0913 - the parts of one start
    settings: EmbeddedSettings, *, host: Host, front: Front, console: Console, kept: Secrets, stopping: asyncio.Event
) -> int:
    base = f"http://{settings.host}:{settings.port}"
    async with httpx.AsyncClient(base_url=base, timeout=60) as client:
        playing = asyncio.create_task(_play(settings, client=client, console=console, kept=kept))
        stop = asyncio.create_task(stopping.wait())
        await asyncio.wait({playing, stop}, return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        if not playing.done():
            playing.cancel()
            await asyncio.wait({playing})
            console.print("stopped; the demonstration goes on at the next start")
            return 130
        front.sign_ins = playing.result()
        proof = await _prove(client, host, console)
    front.proof, front.proved_at = proof, datetime.now(UTC)
    print_proof(console, proof)
    console.print(f"\nopen {base}/")
    for sign_in in front.sign_ins:
        console.print(f"  {sign_in.role:<16} {sign_in.name:<28} {sign_in.password}", soft_wrap=True)
    return 0 if proof.balances else 1


async def _play(
    settings: EmbeddedSettings, *, client: httpx.AsyncClient, console: Console, kept: Secrets
) -> Sequence[SignIn]:
    """Tell the story where it is wanted, and wait for quiet: a proof in the middle would show what is on its way."""
    mark = settings.folder / DEMONSTRATION_MARK
    sign_ins = await play(client, console=console, kept=kept, mark=mark, wanted=settings.demonstration)
    try:
        await until_quiet(client)
    except StoryFailed as error:
        console.print(f"the proof is read all the same: {error}")
    return sign_ins


async def _prove(client: httpx.AsyncClient, host: Host, console: Console) -> Proof:
    """The proof. A job may be at work in the middle of it, so one that does not balance is read again."""
    books = {runtime.service.name: runtime for runtime in host.runtimes}
    for _ in range(PROOF_READINGS_MAX - 1):
        proof = await read_proof(books)
        if proof.balances:
            return proof
        console.print("the proof found a difference and is read again when everything is quiet")
        try:
            await until_quiet(client)
        except StoryFailed as error:
            console.print(f"the proof is read all the same: {error}")
    return await read_proof(books)


def _front_route(front: Front) -> Route:
    async def page(request: Request) -> Response:
        del request
        return HTMLResponse(render(front))

    return Route("/", page)
