"""One start of the embedded platform: database, services, demonstration, proof, and then service until Ctrl-C."""

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path

import httpx
from rich.console import Console
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from embedded.demonstration import play
from embedded.front import Front, render
from embedded.platform import PlatformSettings, Secrets, open_platform, prepare_databases
from embedded.postgres import EmbeddedPostgres, PostgresSettings
from embedded.proof import Proof, print_proof, read_proof
from shared.contracts.policy import load_pack
from shared.runtime.host import Host, listen, serve, stop_on_signals
from shared.runtime.logging import configure

DEMONSTRATION_MARK = "demonstration-played"


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
    configure(level="ERROR")
    began = time.monotonic()
    load_pack(settings.policy_file.read_text(encoding="utf-8"), name=str(settings.policy_file))
    stopping = asyncio.Event()
    stop_on_signals(stopping)
    listener = listen(settings.host, settings.port)
    settings.folder.mkdir(parents=True, exist_ok=True)
    kept = Secrets(settings.folder / "secrets.json")
    with EmbeddedPostgres(PostgresSettings(folder=settings.folder / "postgres")) as postgres:
        console.print(postgres.places)
        platform = PlatformSettings(
            folder=settings.folder, policy_file=settings.policy_file, host=settings.host, port=settings.port
        )
        databases = await prepare_databases(postgres, kept)
        front = Front(sign_ins=())
        async with open_platform(platform, databases=databases, kept=kept, extra_routes=[_front_route(front)]) as host:
            serving = asyncio.create_task(serve(host, listener, stopping=stopping))
            console.print(f"started in {time.monotonic() - began:.1f} s")
            code = await _demonstrate(settings, host=host, front=front, console=console, kept=kept, stopping=stopping)
            if not settings.once and not stopping.is_set():
                console.print("Ctrl-C stops it; the data stay.")
                await stopping.wait()
            stopping.set()
            await serving
    return code


async def _demonstrate(  # noqa: PLR0913 - the parts of one start
    settings: EmbeddedSettings, *, host: Host, front: Front, console: Console, kept: Secrets, stopping: asyncio.Event
) -> int:
    base = f"http://{settings.host}:{settings.port}"
    mark = settings.folder / DEMONSTRATION_MARK
    async with httpx.AsyncClient(base_url=base, timeout=60) as client:
        story = play(client, console=console, kept=kept, mark=mark, wanted=settings.demonstration)
        playing = asyncio.create_task(story)
        stop = asyncio.create_task(stopping.wait())
        await asyncio.wait({playing, stop}, return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        if not playing.done():
            playing.cancel()
            await asyncio.wait({playing})
            console.print("stopped; the demonstration goes on at the next start")
            return 130
        front.sign_ins = playing.result()
        proof: Proof = await read_proof({runtime.service.name: runtime for runtime in host.runtimes})
    front.proof = proof
    print_proof(console, proof)
    console.print(f"\nopen {base}/")
    for sign_in in front.sign_ins:
        console.print(f"  {sign_in.role:<16} {sign_in.name:<28} {sign_in.password}", soft_wrap=True)
    return 0 if proof.balances else 1


def _front_route(front: Front) -> Route:
    async def page(request: Request) -> Response:
        del request
        return HTMLResponse(render(front))

    return Route("/", page)
