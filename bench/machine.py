"""What the machine says of itself and of processes: CPU seconds, resident memory, versions. Linux only (/proc)."""

import os
import platform
import re
import subprocess
from collections import defaultdict
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PACKAGES = ("asyncpg", "aio-pika", "aiormq", "msgspec", "starlette", "fastapi", "uvicorn", "uvloop")


def _fields(process_id: int) -> list[str]:
    """The fields of /proc/<id>/stat from the state on; empty when the process is gone."""
    try:
        return Path(f"/proc/{process_id}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return []


def family(root_id: int) -> list[int]:
    """A process and its living descendants."""
    children: dict[int, list[int]] = defaultdict(list)
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (fields := _fields(int(entry.name))):
            children[int(fields[1])].append(int(entry.name))
    found = [root_id]
    for process_id in found:
        found += children[process_id]
    return found


def cpu_seconds(root_id: int) -> float:
    """CPU seconds of a process, its living descendants and the descendants that ended and were waited for."""
    ticks = sum(sum(int(field) for field in _fields(process_id)[11:15]) for process_id in family(root_id))
    return ticks / _TICKS_PER_S


def cpu_by_name(roots: Mapping[str, int]) -> dict[str, float]:
    """CPU seconds of several process families."""
    return {name: cpu_seconds(root_id) for name, root_id in roots.items()}


def resident_mb(process_id: int) -> float:
    """Resident memory of one process in MB (10^6 bytes)."""
    text = Path(f"/proc/{process_id}/status").read_text(encoding="utf-8")
    found = re.search(r"^VmRSS:\s+(\d+) kB", text, re.MULTILINE)
    return int(found[1]) * 1_024 / 1e6 if found else 0.0


def description() -> dict[str, str]:
    """The machine and the versions, for the head of a report."""
    return {
        "processor": f"{_processor()}, {len(os.sched_getaffinity(0))} cores usable",
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB",
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "packages": ", ".join(f"{name} {version(name)}" for name in _PACKAGES),
        "load before": " ".join(f"{value:.2f}" for value in os.getloadavg()),
    }


def _processor() -> str:
    text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    found = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return found[1] if found else platform.machine()


def said_by(command: Iterable[str], *, timeout_s: float = 60.0) -> str:
    """The standard output of a program. Raises: subprocess.CalledProcessError, subprocess.TimeoutExpired."""
    done = subprocess.run([*command], capture_output=True, text=True, check=True, timeout=timeout_s)  # noqa: S603
    return done.stdout.strip()
