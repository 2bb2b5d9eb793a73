"""How long the embedded platform takes from its command to its first answer: with and without making the database."""

import os
import re
import subprocess
import sys
import time

from bench.processes import ROOT, NotStarted, scratch_folder
from bench.report import Figure, Report, at_most
from embedded.child import free_port

START_S = 120.0
_STARTED = re.compile(r"started in ([0-9.]+) s")


def measure(report: Report) -> None:
    """Two starts on one folder: the first makes the cluster. Raises: NotStarted."""
    with scratch_folder() as folder:
        for name, target_s in (("first start, with initdb", 10), ("start", 5)):
            began = time.monotonic()
            command = [sys.executable, "-m", "embedded", "--once", "--no-demonstration"]
            command += ["--data", str(folder / "platform"), "--port", str(free_port())]
            took_s = _until_started(command, began=began)
            report.add(Figure(f"embedded: {name}", "s", took_s, at_most(target_s)))


def _until_started(command: list[str], *, began: float) -> float:
    process = subprocess.Popen(  # noqa: S603 - our own module
        command,
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "200", "PYTHONUNBUFFERED": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    said: list[str] = []
    took_s: float | None = None
    try:
        for line in process.stdout or ():
            said.append(line)
            if took_s is None and _STARTED.search(line):
                took_s = time.monotonic() - began
        process.wait(START_S)
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(START_S)
    if took_s is None:
        raise NotStarted(f"the embedded platform did not start: {''.join(said)[-1_000:]}")
    return took_s
