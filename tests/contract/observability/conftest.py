"""Prometheus's own checker, found or fetched by tools/promtool.sh."""

import subprocess
from pathlib import Path

import pytest

from tests.requirements_of_environment import cannot_run
from tests.unit.observability.operations_files import CHECKOUT

_FETCH_S = 300


@pytest.fixture(scope="session")
def promtool() -> Path:
    """The path of promtool; without one the test is skipped with the cure, and fails under CI=true."""
    found = subprocess.run(  # noqa: S603 - the project's own script
        [CHECKOUT / "tools" / "promtool.sh"], check=False, capture_output=True, text=True, timeout=_FETCH_S
    )
    if found.returncode != 0:
        reason = (found.stderr.strip().splitlines() or ["tools/promtool.sh failed without a word"])[-1]
        cannot_run(reason)
    return Path(found.stdout.strip())
