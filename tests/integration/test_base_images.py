"""The contract that compose, the manifests and the tests rely on, of whichever base images are in use."""

import asyncio
import time
from collections.abc import Callable, Iterator

import aio_pika
import pytest
from docker.models.containers import Container as EngineContainer
from testcontainers.core.container import DockerContainer

from tests.containers import image

pytestmark = pytest.mark.container

ACCOUNT_OF_THE_PUBLIC_IMAGES = "999"

Start = Callable[[DockerContainer], EngineContainer]


@pytest.fixture
def start(container_labels: dict[str, str]) -> Iterator[Start]:
    started: list[DockerContainer] = []

    def run(container: DockerContainer) -> EngineContainer:
        started.append(container.with_kwargs(labels=container_labels))
        container.start()
        return container.get_wrapped_container()

    yield run
    for container in started:
        container.stop()


def a_postgres() -> DockerContainer:
    return DockerContainer(image("POSTGRES_IMAGE", public="postgres:17"))


def a_rabbitmq() -> DockerContainer:
    return DockerContainer(image("BROKER_IMAGE", public="yunquan/broker:4"))


def succeeds(container: EngineContainer, *command: str, limit_seconds: float = 30.0) -> bool:
    deadline = time.monotonic() + limit_seconds
    while time.monotonic() < deadline:
        container.reload()
        if container.status == "running" and container.exec_run(list(command)).exit_code == 0:
            return True
        time.sleep(0.1)
    raise AssertionError(container.logs(tail=40).decode())


def output(container: EngineContainer, *command: str) -> str:
    done = container.exec_run(list(command))
    assert done.exit_code == 0, done.output
    return str(done.output.decode().strip())


def test_postgres_makes_the_named_user_and_database_and_takes_arguments(start: Start) -> None:
    wanted = a_postgres().with_envs(POSTGRES_USER="app", POSTGRES_PASSWORD="p w", POSTGRES_DB="shop")
    running = start(wanted.with_command(["-c", "max_connections=250"]))
    assert succeeds(running, "pg_isready", "-h", "127.0.0.1", "-U", "app")
    query = "SELECT current_user, current_database(), current_setting('max_connections')"
    assert output(running, "psql", "-U", "app", "-Atc", query, "shop") == "app|shop|250"


def test_postgres_without_a_password_refuses_to_start(start: Start) -> None:
    stopped = start(a_postgres())
    assert stopped.wait(timeout=20)["StatusCode"] != 0
    assert b"POSTGRES_PASSWORD" in stopped.logs()


@pytest.mark.parametrize("server", ["postgres", "rabbitmq"])
def test_the_servers_account_has_the_number_that_manifests_name(start: Start, server: str) -> None:
    running = start({"postgres": a_postgres, "rabbitmq": a_rabbitmq}[server]().with_command(["sleep", "60"]))
    assert output(running, "id", "-u", server) == ACCOUNT_OF_THE_PUBLIC_IMAGES


def test_rabbitmq_survives_its_tools_being_run_as_root_from_the_first_moment(start: Start) -> None:
    running = start(a_rabbitmq())
    assert succeeds(running, "rabbitmq-diagnostics", "-q", "check_running", limit_seconds=60)


def test_rabbitmq_takes_the_cookie_of_its_cluster(start: Start) -> None:
    running = start(a_rabbitmq().with_env("RABBITMQ_ERLANG_COOKIE", "one-cookie-for-all"))
    assert succeeds(running, "rabbitmq-diagnostics", "-q", "check_running", limit_seconds=60)
    assert output(running, "cat", "/var/lib/rabbitmq/.erlang.cookie") == "one-cookie-for-all"


async def test_a_quorum_queue_confirms_what_is_published(rabbitmq_url: str) -> None:
    async with asyncio.timeout(30):
        connection = await aio_pika.connect(rabbitmq_url)
        channel = await connection.channel(publisher_confirms=True)
        queue = await channel.declare_queue("probe", durable=True, arguments={"x-queue-type": "quorum"})
        confirmed = await channel.default_exchange.publish(aio_pika.Message(b"hello"), "probe")
        received = await queue.get(no_ack=True)
        await channel.queue_delete("probe")
        await connection.close()
    assert confirmed is not None
    assert confirmed.name == "Basic.Ack"
    assert received.body == b"hello"
