"""A checkout as somebody else has it, in which a guide may write, check releases out and make images."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tools.k8s_check.documents import CHECKOUT

_NOBODY = ("-c", "user.name=reader", "-c", "user.email=reader@localhost", "-c", "commit.gpgsign=false")
_LIMIT_S = 120


def make_checkout(folder: Path, *, guide: str) -> Path:
    """A clone with what is not committed yet, and with a tag for each release that the guide checks out.

    The environment and what `.data` keeps (a kubectl, the names of images) are those of this checkout.
    """
    _git(CHECKOUT, "clone", "--quiet", "--shared", str(CHECKOUT), str(folder))
    changed = _git(CHECKOUT, "diff", "--binary", "HEAD")
    if changed:
        _git(folder, "apply", "--index", "-", given=changed)
    for name in _git(CHECKOUT, "ls-files", "-z", "--others", "--exclude-standard").split(b"\0"):
        if (source := CHECKOUT / os.fsdecode(name)).is_file():
            (folder / os.fsdecode(name)).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, folder / os.fsdecode(name))
            _git(folder, "add", os.fsdecode(name))
    if _git(folder, "status", "--porcelain"):
        _git(folder, *_NOBODY, "commit", "--quiet", "--no-verify", "--message", "What is not committed yet")
    for release in set(re.findall(r"^git checkout (\S+)$", guide, re.MULTILINE)):
        _git(folder, "tag", "--force", release)
    (folder / ".venv").symlink_to(sys.prefix)
    (CHECKOUT / ".data").mkdir(exist_ok=True)
    (folder / ".data").symlink_to(CHECKOUT / ".data")
    return folder


def _git(folder: Path, *words: str, given: bytes | None = None) -> bytes:
    done = subprocess.run(  # noqa: S603 - git, in a checkout of our own
        ["git", *words],  # noqa: S607 - wherever it is installed
        cwd=folder,
        input=given,
        capture_output=True,
        check=False,
        timeout=_LIMIT_S,
    )
    assert done.returncode == 0, f"git {' '.join(words)}: {done.stderr.decode()}"
    return done.stdout
