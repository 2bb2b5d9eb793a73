"""The told story, a copy of its databases for tests that change them, and a desk to run commands at."""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from tests.integration.operations.seeded_databases import Databases, Desk, Told, execute, rows, tell, url_of
from tests.saga.conftest import copy_databases

__all__ = ["copy_databases"]


def _in_thread(work: Coroutine[Any, Any, Any]) -> Any:
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(asyncio.run(work)))
    thread.start()
    thread.join()
    return found[0]


@pytest.fixture(scope="session")
def story(copy_databases: Callable[[], Databases]) -> Told:
    """The story, told once; nobody runs on these databases any more, and no test changes them."""
    found: Told = _in_thread(tell(copy_databases()))
    return found


@pytest.fixture
def told(
    story: Told, postgres_server: str, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[Told]:
    """A copy of the story for one test: of all databases, or of the one that the test names as its parameter."""
    wanted = [request.param] if hasattr(request, "param") else list(story.databases)
    prefix = f"desk_{uuid4().hex[:8]}"
    urls = {**story.databases, **{name: url_of(postgres_server, f"{prefix}_{name}") for name in wanted}}
    _in_thread(_copy(postgres_server, {name: story.databases[name] for name in wanted}, prefix))
    _name_them(urls, monkeypatch)
    yield replace(story, databases=urls)
    _in_thread(_drop(postgres_server, prefix))


async def _copy(server: str, databases: Databases, prefix: str) -> None:
    for name, dsn in databases.items():
        source = dsn.rpartition("/")[2]
        await execute(server, f'CREATE DATABASE "{prefix}_{name}" TEMPLATE "{source}" STRATEGY file_copy')


async def _drop(server: str, prefix: str) -> None:
    for (name,) in await rows(server, "SELECT datname FROM pg_database WHERE datname LIKE $1", f"{prefix}%"):
        await execute(server, f'DROP DATABASE "{name}" WITH (FORCE)')


def _name_them(urls: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, url in urls.items():
        monkeypatch.setenv(f"{name.upper()}_DATABASE_URL", url)


@pytest.fixture
def desk(told: Told, capsys: pytest.CaptureFixture[str]) -> Desk:
    """The command line on this test's own databases."""
    return Desk(told.databases, capsys)


@pytest.fixture
def reading_desk(story: Told, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Desk:
    """The command line on the databases that all tests share; for commands that change nothing."""
    _name_them(story.databases, monkeypatch)
    return Desk(story.databases, capsys)
