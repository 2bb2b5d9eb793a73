"""`make audit` says what is known, and never takes silence for a good answer."""

import os
import subprocess
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[3]
KNOWN = (
    "Name  Version ID            Fix Versions\n----- ------- ------------- ------------\nidna 3.20 PYSEC-0000-1 3.21"
)
LEFT_OUT = (
    "No known vulnerabilities found\nName Skip Reason\nidna Dependency not found on PyPI and could not be audited"
)


@pytest.mark.parametrize(
    ("said", "code", "wanted", "told"),
    [
        ("No known vulnerabilities found", 0, 0, "nothing is known against any locked package"),
        (KNOWN, 1, 1, "PYSEC-0000-1"),
        (LEFT_OUT, 0, 3, "nobody could say anything about 1 packages"),
        ("ERROR: ConnectionError", 1, 3, "the service did not answer"),
        (f"{KNOWN}\n{LEFT_OUT}", 1, 1, "PYSEC-0000-1"),
    ],
    ids=["good", "known", "left-out", "silent", "known-and-left-out"],
)
def test_an_answer_is_an_answer_and_silence_is_none(
    said: str, code: int, wanted: int, told: str, tmp_path: Path
) -> None:
    program = tmp_path / "pip-audit"
    program.write_text(f"#!/bin/sh\ncat <<'SAID'\n{said}\nSAID\nexit {code}\n", encoding="utf-8")
    program.chmod(0o755)
    done = subprocess.run(  # noqa: S603 - the project's own command
        [CHECKOUT / "tools" / "audit.sh"],
        env={**os.environ, "PIP_AUDIT": str(program)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, told in done.stdout + done.stderr) == (wanted, True), done.stdout + done.stderr
