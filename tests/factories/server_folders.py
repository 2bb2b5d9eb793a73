"""Folders for the servers that tests start: in memory where there is room, and swept when a killed run left them."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

from embedded.binaries import default_folder

MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it
MEMORY_NEEDED_BYTES = 4 * 1024**3
"""What the servers of all workers take, with room to spare; it is memory, too."""


def parent() -> Path:
    """Where servers keep their files: in memory where there is room, since making databases is making files."""
    try:
        roomy = shutil.disk_usage(MEMORY).free >= MEMORY_NEEDED_BYTES and os.access(MEMORY, os.W_OK)
    except OSError:
        roomy = False
    return MEMORY / "yunquan-tests" if roomy else default_folder() / "tests"


@contextmanager
def server_folders(parent: Path) -> Iterator[Callable[[], Path]]:
    """A factory of empty folders that another user can enter when the tests run as root; away with them at the end."""
    made: list[Path] = []
    parent.mkdir(mode=0o755, parents=True, exist_ok=True)

    def make() -> Path:
        folder = Path(mkdtemp(dir=parent, prefix=f"{os.getpid()}-"))
        folder.chmod(0o755)
        made.append(folder)
        return folder

    try:
        yield make
    finally:
        for folder in made:
            shutil.rmtree(folder, ignore_errors=True)


def sweep(parent: Path) -> None:
    """Remove folders whose process is gone: a killed run would hold its memory for ever."""
    for folder in parent.glob("*-*"):
        owner = folder.name.partition("-")[0]
        if owner.isdigit() and not Path(f"/proc/{owner}").exists():
            shutil.rmtree(folder, ignore_errors=True)
