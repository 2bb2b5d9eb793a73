"""The client package by itself: one text for both clients, and nothing of the platform in it."""

import ast
import inspect
import subprocess
import sys
from pathlib import Path

import yunquan_client
from yunquan_client import AsyncYunquan, Yunquan

CHECKOUT = Path(__file__).parents[2]
PACKAGE = CHECKOUT / "clients/python"
PLATFORM = {"services", "shared", "operations", "embedded", "bench", "tools", "tests"}
ALLOWED = {"httpx2", "jwt", "cryptography", "yunquan_client"}


def imported(file: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            found.add(node.module.partition(".")[0])
    return found


def test_the_package_imports_its_own_requirements_and_nothing_of_the_platform() -> None:
    files = list((PACKAGE / "src").rglob("*.py"))
    assert files
    for file in files:
        foreign = imported(file) - set(sys.stdlib_module_names)
        assert foreign <= ALLOWED, file
    for folder in PLATFORM - {"tests"}:
        assert all("yunquan_client" not in imported(file) for file in (CHECKOUT / folder).rglob("*.py"))


def test_the_client_for_asyncio_is_made_of_the_one_for_threads() -> None:
    done = subprocess.run([sys.executable, PACKAGE / "twin.py", "--check"], check=False)  # noqa: S603 - our own program
    assert done.returncode == 0, "run python clients/python/twin.py"


def test_both_clients_have_the_same_methods_with_the_same_arguments() -> None:
    def surface(kind: type) -> dict[str, list[str]]:
        return {
            name: list(inspect.signature(value).parameters)
            for name, value in vars(kind).items()
            if not name.startswith("_") and callable(value)
        }

    assert surface(Yunquan) == surface(AsyncYunquan)
    assert len(surface(Yunquan)) >= 15


def test_what_the_package_gives_is_there_and_typed() -> None:
    assert all(hasattr(yunquan_client, name) for name in yunquan_client.__all__)
    assert (PACKAGE / "src/yunquan_client/py.typed").exists()
