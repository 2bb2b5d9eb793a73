"""The server as a child process: how it dies with us, what it says when it cannot start."""

import ctypes
import os
import re
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path

HOST = "127.0.0.1"

_PR_SET_PDEATHSIG = 1


def die_with_parent() -> Callable[[], None] | None:
    """What the child does just before it becomes PostgreSQL: ask Linux for SIGINT when its parent dies.

    It runs after the change of user, which would clear the request. Elsewhere only `stop` ends the server.
    """
    if sys.platform != "linux":
        return None
    library = ctypes.CDLL(None, use_errno=True)
    parent_id = os.getpid()

    def request() -> None:
        library.prctl(_PR_SET_PDEATHSIG, signal.SIGINT)
        if os.getppid() != parent_id:
            os._exit(1)

    return request


def free_port() -> int:
    """A TCP port of 127.0.0.1 that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def lines_of(path: Path) -> list[str]:
    """The lines of a file that may vanish while it is read; none then."""
    try:
        return path.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return []


def last_line(text: str) -> str:
    """The last line that says something."""
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "no reason given")


def explain(said: str, *, folder: Path, port: int) -> str:
    """One line for the person at the terminal, made of what the server or the system said."""
    if "No space left on device" in said:
        return f"the disk that holds {folder} is full: free some space and start again"
    if "Address already in use" in said:
        return f"port {port} of {HOST} is in use: choose another one, or none for a free one"
    if "Permission denied" in said or "Read-only file system" in said:
        return f"the data folder {folder} is not writable: choose another one"
    reasons = re.findall(r"(?:FATAL|PANIC|error):\s+(.+)", said)
    return f"PostgreSQL did not start: {reasons[0] if reasons else last_line(said)} (log in {folder})"
