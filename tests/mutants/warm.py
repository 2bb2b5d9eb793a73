"""A process with pytest and the libraries loaded, which forks for each run of tests; it knows nothing of the project.

Loading the libraries takes longer than most tests. A child takes them over and loads the project's own modules anew,
so it sees whatever bug is planted at that moment. Run as a file, from the copy whose tests it runs; a line of JSON is a
request (`arguments` of pytest, and the file that takes what it prints), the answer is a line with the exit code.
"""

import gc
import importlib
import json
import os
import sys
import traceback
import warnings
from contextlib import suppress
from typing import Final, NoReturn

LIBRARIES: Final = (
    *("pytest", "pytest_asyncio.plugin", "pytest_timeout", "_hypothesis_pytestplugin", "anyio._backends._asyncio"),
    *("hypothesis", "hypothesis.stateful", "hypothesis.strategies"),
    *("aio_pika", "alembic.command", "argon2", "asyncpg", "cryptography.hazmat.primitives.asymmetric.ed25519"),
    *("fastapi", "fastapi.routing", "fastapi.openapi.utils", "fastapi_offline", "httpx", "httptools", "msgspec"),
    *("jwt", "nacl.signing", "obstore", "obstore.store", "opentelemetry.sdk.trace", "opentelemetry.sdk.trace.export"),
    *("opentelemetry.exporter.otlp.proto.http.trace_exporter", "PIL.Image", "prometheus_client", "pydantic"),
    *("pydantic_settings", "pypdf", "rich.console", "sqlalchemy.dialects.postgresql.asyncpg", "sqlalchemy.ext.asyncio"),
    *("structlog", "uvicorn", "yaml", "dotenv"),
)
_NOT_IN: Final = 127


def main() -> None:
    """Serve requests until nobody asks any more."""
    # The folder of this file is no place to import from: the project is found from the copy's root.
    sys.path[:] = ["", *(path for path in sys.path if path and path != os.path.dirname(__file__))]  # noqa: PTH120
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in LIBRARIES:
            # A library that is missing or has moved costs time, not truth.
            with suppress(ImportError):
                importlib.import_module(name)
    from _pytest.config import default_plugins  # noqa: PLC0415 - loaded once, for every child

    for name in default_plugins:
        importlib.import_module(f"_pytest.{name}")
    # What is here for every child is none's rubbish: to look through it takes longer than most tests.
    gc.freeze()
    for line in sys.stdin:
        request = json.loads(line)
        child = os.fork()
        if child == 0:
            _run(request["arguments"], request["printed"])
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


def _run(arguments: list[str], printed: str) -> NoReturn:
    """What a child does."""
    import pytest  # noqa: PLC0415 - loaded by now

    code = _NOT_IN
    try:
        target = os.open(printed, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(target, 1)
        os.dup2(target, 2)
        code = int(pytest.main(arguments))
    except BaseException:  # noqa: BLE001 - it is printed, and the child ends
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main()
