"""What the tests know of the Docker engine: does it answer, which images, whose leftovers to sweep."""

import functools
import os
import subprocess
import warnings
from pathlib import Path

import docker
from docker.errors import DockerException
from requests.exceptions import RequestException

from tests.requirements_of_environment import cannot_run

IMAGES_FILE = Path(__file__).parents[1] / ".data" / "images.env"
OWNER_LABEL = "yunquan.test.owner"
OWNER_VARIABLE = "YUNQUAN_TEST_OWNER"

_ENGINE_TIMEOUT_SECONDS = 60


def read_images_file() -> None:
    """Take the image names that deploy/engine.sh wrote; what the environment already says wins."""
    if not IMAGES_FILE.exists():
        return
    for line in IMAGES_FILE.read_text(encoding="utf-8").splitlines():
        name, _, value = line.partition("=")
        os.environ.setdefault(name, value)


def image(variable: str, *, public: str) -> str:
    """The image to use for, say, POSTGRES_IMAGE; the public name where nobody chose another."""
    return os.environ.get(variable, public)


@functools.cache
def why_no_engine() -> str | None:
    """One line with reason and cure when container tests cannot run, else None.

    NO_CONTAINERS is the reason that deploy/engine.sh has already given to `make test`.
    """
    known = os.environ.get("NO_CONTAINERS")
    if known:
        return known
    # Asked through the client program, because the library leaves a socket open when nobody answers.
    try:
        subprocess.run(
            ["docker", "version", "--format", "{{.Server.Version}}"],  # noqa: S607 - wherever it is installed
            capture_output=True,
            check=True,
            timeout=_ENGINE_TIMEOUT_SECONDS,
        )
    except (OSError, subprocess.SubprocessError):
        return "no Docker engine answers: run deploy/engine.sh, or start the engine of this machine"
    return None


def require_engine() -> None:
    """Skip the test when there is no engine; fail it under CI=true, where a skip would hide the gap."""
    reason = why_no_engine()
    if reason is not None:
        cannot_run(reason)


def owner_of_this_run() -> str:
    """The process that owns the containers of this run: its id and start time; xdist's workers inherit it."""
    return os.environ.setdefault(OWNER_VARIABLE, f"{os.getpid()}-{_started_at(os.getpid())}")


def sweep_leftovers() -> None:
    """Remove containers and networks of test runs that are no more, for example after a kill."""
    if why_no_engine() is not None:
        return
    client = docker.from_env(timeout=_ENGINE_TIMEOUT_SECONDS)
    ours = {"label": OWNER_LABEL}
    try:
        for container in client.containers.list(all=True, filters=ours, ignore_removed=True):
            if _is_gone(container.labels[OWNER_LABEL]):
                container.remove(v=True, force=True)
        for network in client.networks.list(filters=ours):
            if _is_gone(network.attrs["Labels"][OWNER_LABEL]):
                network.remove()
    except (DockerException, RequestException) as error:
        # Another run may be sweeping the same leftovers, or the engine hangs; what stays is swept next time.
        warnings.warn(f"leftover containers were not swept: {error}", stacklevel=2)
    finally:
        client.close()


def _is_gone(owner: str) -> bool:
    process_id, _, started_at = owner.partition("-")
    return _started_at(int(process_id)) != started_at


def _started_at(process_id: int) -> str:
    # A process id is given out again after a while; together with its start time it is unique on a machine.
    try:
        fields = Path(f"/proc/{process_id}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        pass
    else:
        return fields[19]
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return "gone"
    except PermissionError:
        pass
    return "alive"
