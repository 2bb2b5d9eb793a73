"""Servers for the tests, chosen by the environment: an outside URL, a container, the bundled PostgreSQL."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import Phase, settings

from embedded.postgres import EmbeddedPostgres, PostgresSettings
from tests.containers import (
    OWNER_LABEL,
    image,
    owner_of_this_run,
    read_images_file,
    require_engine,
    sweep_leftovers,
)
from tests.factories import server_folders
from tests.factories.databases import DatabasePool, FreshDatabases, fresh, in_thread, make_logins_cheap
from tests.factories.driver import remember_types
from tools.run_tests import run_named

# testcontainers reads its settings while it is imported.
read_images_file()

# A busy machine is no failure, so no example has a deadline. HYPOTHESIS_PROFILE=long looks for rarer histories.
settings.register_profile("quick", deadline=None, max_examples=50, stateful_step_count=20)
settings.register_profile("long", deadline=None, max_examples=2_000, stateful_step_count=60)
# While a bug is planted, a failing example is enough: it is the same every time and nobody asks for the smallest one.
settings.register_profile(
    "seeded",
    deadline=None,
    max_examples=50,
    stateful_step_count=20,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))

remember_types()

TESTS = Path(__file__).parent
FIRST = (
    "integration/test_demonstration.py",
    "integration/test_growth.py",
    "integration/test_growth_of_commands.py",
    "saga/test_sagas.py",
    "saga/test_seeded_bugs.py",
    "integration/test_base_images.py",
    "integration/operations/",
    "integration/security/test_two_people.py",
    "integration/security/test_rotation.py",
    "integration/observability/",
    "saga/",
)
"""Files of few long tests that run on every core: dealt out first, so that no process waits for another's last file."""

_BROKER_PORT = 5672


def pytest_sessionstart(session: pytest.Session) -> None:
    """Sweep what killed runs left behind; once, not in each worker of xdist."""
    if hasattr(session.config, "workerinput") or session.config.option.collectonly:
        return
    owner_of_this_run()
    sweep_leftovers()
    server_folders.sweep(server_folders.parent())


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test with the run that it belongs to, and bring what is long to the front."""
    items.sort(key=lambda item: not item.path.relative_to(TESTS).as_posix().startswith(FIRST))
    for item in items:
        path = item.path.relative_to(TESTS).as_posix()
        name = run_named(path, {mark.name for mark in item.iter_markers()})
        if name is not None:
            item.add_marker(name)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Tests marked `container` need an engine."""
    if item.get_closest_marker("container") is not None:
        require_engine()


@pytest.fixture(scope="session")
def server_folder() -> Iterator[Callable[[], Path]]:
    """A factory of empty folders for PostgreSQL, away when the run ends."""
    with server_folders.server_folders(server_folders.parent()) as make:
        yield make


@pytest.fixture(scope="session")
def postgres_server(server_folder: Callable[[], Path]) -> Iterator[str]:
    """The admin URL of a PostgreSQL server: TEST_POSTGRES_URL, else the bundled one without fsync."""
    outside = os.environ.get("TEST_POSTGRES_URL")
    if outside:
        yield outside
        return
    with EmbeddedPostgres(PostgresSettings(folder=server_folder(), durable=False)) as server:
        in_thread(lambda: make_logins_cheap(server.admin_dsn))
        yield server.admin_dsn


@pytest.fixture(scope="session")
def database_pool(postgres_server: str) -> Iterator[DatabasePool]:
    """The databases of the server, which tests use one after the other."""
    found = DatabasePool(postgres_server)
    yield found
    if "TEST_POSTGRES_URL" in os.environ:
        # Our own server ends with them.
        found.drop_idle()


@pytest.fixture
def fresh_database(database_pool: DatabasePool) -> Iterator[FreshDatabases]:
    """A factory of empty databases: each call gives the admin's URL of a new one, dropped after the test."""
    with fresh(database_pool) as found:
        yield found


@pytest.fixture(scope="session")
def container_labels() -> dict[str, str]:
    """Labels for every container and network of a test, so that a later run can sweep what a kill leaves."""
    return {OWNER_LABEL: owner_of_this_run()}


@pytest.fixture(scope="session")
def rabbitmq_url(container_labels: dict[str, str]) -> Iterator[str]:
    """The URL of a RabbitMQ 4: TEST_RABBITMQ_URL, else a container."""
    outside = os.environ.get("TEST_RABBITMQ_URL")
    if outside:
        yield outside
        return
    require_engine()
    # Imported here, because importing testcontainers takes a while and most runs need no container.
    from testcontainers.core.container import DockerContainer  # noqa: PLC0415
    from testcontainers.core.wait_strategies import LogMessageWaitStrategy  # noqa: PLC0415

    password = uuid4().hex
    container = (
        DockerContainer(image("BROKER_IMAGE", public="yunquan/broker:4"))
        .with_env("RABBITMQ_DEFAULT_USER", "test")
        .with_env("RABBITMQ_DEFAULT_PASS", password)
        .with_exposed_ports(_BROKER_PORT)
        .with_kwargs(labels=container_labels)
        .waiting_for(LogMessageWaitStrategy("Server startup complete").with_startup_timeout(60))
    )
    with container:
        host, port = container.get_container_host_ip(), container.get_exposed_port(_BROKER_PORT)
        yield f"amqp://test:{password}@{host}:{port}/"
