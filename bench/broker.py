"""RabbitMQ for a run: the one that is given, or a container of our own."""

import contextlib
import os
import secrets
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from bench.machine import said_by
from bench.processes import ROOT, NotStarted

USER = "bench"
PORT = 5672
STARTED_S = 90.0
STARTED = "Server startup complete"
_INSPECT = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}} {{.State.Pid}}"


@dataclass(frozen=True, slots=True)
class Broker:
    """A RabbitMQ: its URL, its version, and its process when it is ours."""

    url: str
    version: str
    process_id: int | None


@contextmanager
def open_broker(url: str | None) -> Iterator[Broker]:
    """The broker at `url`, else one in a container that publishes no port: it is reached on the bridge of this machine.

    Raises: NotStarted.
    """
    if url is not None:
        yield Broker(url, "as given", None)
        return
    name, password = f"yunquan-bench-{os.getpid()}-{secrets.token_hex(3)}", secrets.token_hex(16)
    account = ["-e", f"RABBITMQ_DEFAULT_USER={USER}", "-e", f"RABBITMQ_DEFAULT_PASS={password}"]
    try:
        said_by(["docker", "run", "--detach", "--name", name, *account, _image()])
    except (OSError, subprocess.SubprocessError) as error:
        raise NotStarted("RabbitMQ needs Docker: run deploy/engine.sh, or give --rabbitmq-url") from error
    try:
        _wait(name)
        address, process_id = said_by(["docker", "inspect", "--format", _INSPECT, name]).split()
        version = said_by(["docker", "exec", name, "rabbitmqctl", "version"])
        yield Broker(f"amqp://{USER}:{password}@{address}:{PORT}/", version, int(process_id))
    finally:
        with contextlib.suppress(subprocess.SubprocessError):
            said_by(["docker", "rm", "--force", "--volumes", name])


def _wait(name: str) -> None:
    deadline = time.monotonic() + STARTED_S
    while time.monotonic() < deadline:
        if STARTED in said_by(["docker", "logs", "--tail", "200", name]):
            return
        time.sleep(0.2)
    raise NotStarted(f"RabbitMQ did not start within {STARTED_S:.0f} s")


def _image() -> str:
    """BROKER_IMAGE of the environment or of the file that deploy/engine.sh writes, else the public one."""
    file = ROOT / ".data/images.env"
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    named = dict(line.split("=", 1) for line in lines if "=" in line)
    return os.environ.get("BROKER_IMAGE") or named.get("BROKER_IMAGE") or "rabbitmq:4-management"
