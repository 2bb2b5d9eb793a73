"""The guide for those who integrate, typed as it stands against identity over TCP."""

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import jwt

from services.identity.service import SERVICE
from shared.runtime.host.host import listen, serve
from tests.factories.clients import BASE
from tests.factories.harness import open_platform, repository
from tests.factories.staff import SETTINGS
from tests.integration.identity.conftest import PROVIDER_CODE, Office

GUIDE = repository() / "docs" / "integration" / "authentication.md"


def blocks(language: str) -> list[str]:
    """The guide's blocks of a language, in order."""
    return re.findall(rf"```{language}\n(.*?)```", GUIDE.read_text("utf-8"), re.DOTALL)


def typed(folder: Path, command: list[str]) -> str:
    """What a command of the guide prints."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603 - what the guide says
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


async def test_whoever_types_the_guide_gets_a_token(fresh_database: Callable[[], str], tmp_path: Path) -> None:
    listener = listen("127.0.0.1", 0)
    host = f"http://127.0.0.1:{listener.getsockname()[1]}"
    settings = {"identity": {**SETTINGS, "public_url": host}}
    async with open_platform([SERVICE], fresh_database, settings=settings) as platform:
        stopping = asyncio.Event()
        serving = asyncio.create_task(serve(platform.host, listener, stopping=stopping))
        office = Office(platform)
        party = await office.party("provider", PROVIDER_CODE)
        token = office.own(party)["Authorization"].removeprefix("Bearer ")
        keys, opening = blocks("sh")
        await asyncio.to_thread(typed, tmp_path, ["/bin/sh", "-euc", keys])
        typing = ["/bin/sh", "-euc", f"HOST={host} TOKEN={token}\n{opening}"]
        opened = json.loads(await asyncio.to_thread(typed, tmp_path, typing))
        (program,) = blocks("python")
        asking = [sys.executable, "-c", program, host, opened["client_id"], opened["kids"][0]]
        given = await asyncio.to_thread(typed, tmp_path, asking)
        claims = jwt.decode(given, options={"verify_signature": False})
        assert (claims["iss"], claims["scope"], claims["client_id"]) == (host, "order:read", opened["client_id"])
        await platform.settle()
        me = await platform.client.get(f"{BASE}/me", headers={"Authorization": f"Bearer {given}"})
        assert me.json()["permissions"] == ["order:order:read_own"]
        stopping.set()
        await serving
