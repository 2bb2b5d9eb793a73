"""A process that cannot start says why in one line and ends; one that is told to stop ends cleanly."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import asyncpg
import httpx
import pytest

from embedded.platform import SERVICES
from embedded.postgres import EmbeddedPostgres, PostgresSettings
from services.catalog.service import SERVICE as CATALOG
from shared.contracts.messages.identity import OrganisationAuthenticated
from shared.contracts.permissions import Role
from shared.runtime.deploy.migrate import upgrade
from tests.factories.catalog import PROVIDER_A, a_content
from tests.factories.harness import open_platform, repository
from tests.factories.world import a_party

EX_CONFIG = 78
START_S = 40.0
STOP_S = 15.0
ROOT = os.geteuid() == 0
POLICY = repository() / "policies/guizhou-2018.toml"
# Nobody listens on the discard port, and no name of .invalid resolves (RFC 6761).
NO_DATABASE = "postgresql://nobody@127.0.0.1:9/none"


def start(arguments: list[str], environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a module of the project until it ends, with nothing but these settings."""
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "TMPDIR", "LANG"}}
    return subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-m", *arguments],
        cwd=repository(),
        env={**kept, **environment},
        capture_output=True,
        text=True,
        timeout=START_S,
        check=False,
    )


def refused(ended: subprocess.CompletedProcess[str], *words: str, code: int = EX_CONFIG) -> None:
    """It ended with the code and one line on stderr that holds the words, and no stack trace."""
    assert ended.returncode == code, f"{ended.returncode}: {ended.stderr}"
    assert "Traceback" not in ended.stderr + ended.stdout, ended.stderr
    lines = [line for line in ended.stderr.splitlines() if line.strip()]
    assert len(lines) == 1, ended.stderr
    assert lines[0].startswith("cannot start: ")
    for word in words:
        assert word in lines[0], lines[0]


def catalog(**changes: str) -> dict[str, str]:
    """Settings of the catalog service."""
    return {
        "CATALOG_DATABASE_URL": NO_DATABASE,
        "CATALOG_BUS_URL": "amqp://guest:guest@127.0.0.1:9/",
        "CATALOG_PORT": "0",
        **{f"CATALOG_{name.upper()}": value for name, value in changes.items()},
    }


@pytest.fixture
def folder() -> Iterator[Path]:
    with TemporaryDirectory(prefix="yunquan-") as made:
        yield Path(made)


def broken_policy(folder: Path, *, replaced: str, by: str) -> tuple[Path, int]:
    """A policy file with one line spoilt, and the number of that line."""
    text = POLICY.read_text(encoding="utf-8")
    assert replaced in text
    file = folder / "policy.toml"
    file.write_text(text.replace(replaced, by, 1), encoding="utf-8")
    return file, text[: text.index(replaced)].count("\n") + 1


def first_line(start_of_line: str) -> str:
    """The whole first line of the policy that begins so."""
    lines = POLICY.read_text(encoding="utf-8").splitlines()
    return next(line for line in lines if line.startswith(start_of_line))


@pytest.mark.parametrize("program", ["service", "embedded"])
def test_a_missing_policy_file_is_named(program: str, folder: Path) -> None:
    missing = folder / "nowhere.toml"
    refused(start_with_policy(program, missing, folder), "nowhere.toml", code=code_of(program))


@pytest.mark.parametrize("program", ["service", "embedded"])
def test_broken_toml_is_named_with_its_line(program: str, folder: Path) -> None:
    line = first_line("version")
    file, number = broken_policy(folder, replaced=f"\n{line}\n", by="\nversion = = 1\n")
    ended = start_with_policy(program, file, folder)
    refused(ended, "policy.toml", f"line {number + 1}", code=code_of(program))


@pytest.mark.parametrize("program", ["service", "embedded"])
def test_a_policy_against_the_schema_is_named_with_line_and_key(program: str, folder: Path) -> None:
    line = first_line("version")
    file, number = broken_policy(folder, replaced=f"\n{line}\n", by="\nversion = 7\n")
    ended = start_with_policy(program, file, folder)
    refused(ended, "policy.toml", str(number + 1), "version", code=code_of(program))


def test_a_policy_in_another_encoding_is_refused(folder: Path) -> None:
    file = folder / "policy.toml"
    file.write_bytes(b"\xff\xfe\x00")
    refused(start_with_policy("service", file, folder), "UTF-8")


def start_with_policy(program: str, file: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Either program with this policy file."""
    if program == "service":
        return start(["services.catalog"], catalog(policy_file=str(file)))
    return start(["embedded", "--policy", str(file), "--data", str(folder / "data"), "--port", "0", "--once"], {})


def code_of(program: str) -> int:
    """What the program ends with when it cannot start."""
    return EX_CONFIG if program == "service" else 1


@pytest.mark.parametrize("program", ["service", "embedded"])
def test_a_port_in_use_is_named(program: str, folder: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        if program == "service":
            ended = start(["services.catalog"], catalog(port=port))
        else:
            ended = start(["embedded", "--data", str(folder / "data"), "--port", port, "--once"], {})
    refused(ended, port, "another port", code=code_of(program))


@pytest.mark.parametrize("service", [service.name for service in SERVICES])
def test_a_missing_database_url_is_named_as_the_environment_has_it(service: str) -> None:
    refused(start([f"services.{service}"], {}), f"{service.upper()}_DATABASE_URL")


@pytest.mark.parametrize(
    ("service", "secret"),
    [
        ("identity", "IDENTITY_ENCRYPTION_KEY"),
        ("identity", "IDENTITY_FIRST_ADMIN_PASSWORD"),
        ("identity", "IDENTITY_SECOND_ADMIN_PASSWORD"),
        ("voucher", "VOUCHER_RECEIPT_KEY_SECRET"),
        ("order", "ORDER_ENCRYPTION_KEY"),
        ("settlement", "SETTLEMENT_ENCRYPTION_KEY"),
    ],
)
def test_a_missing_secret_is_named(service: str, secret: str) -> None:
    refused(start([f"services.{service}"], {f"{service.upper()}_DATABASE_URL": NO_DATABASE}), secret)


def test_a_wrong_setting_is_named_and_its_value_is_not_told() -> None:
    ended = start(["services.catalog"], catalog(port="hunter2"))
    refused(ended, "CATALOG_PORT")
    assert "hunter2" not in ended.stderr


def test_a_movable_clock_on_an_open_address_is_refused() -> None:
    refused(start(["services.catalog"], catalog(movable_clock="true", host="0.0.0.0")), "movable_clock")  # noqa: S104


@pytest.mark.parametrize("url", ["http://127.0.0.1", "memory://", "rabbit"])
def test_a_bus_url_of_another_kind_is_refused(url: str) -> None:
    refused(start(["services.catalog"], catalog(bus_url=url)), "bus_url", "amqp://")


@pytest.mark.parametrize("host", ["127.0.0.1:9", "database.invalid:5432"])
def test_a_database_that_is_not_there_is_told_in_bounded_time(host: str) -> None:
    began = time.monotonic()
    refused(start(["services.catalog"], catalog(database_url=f"postgresql://nobody@{host}/none")))
    assert time.monotonic() - began < 30


def test_a_database_that_never_answers_is_told_in_bounded_time() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"postgresql://nobody@127.0.0.1:{silent.getsockname()[1]}/none"
        refused(start(["services.catalog"], catalog(database_url=url)), "no answer in time")


def test_a_database_without_tables_or_of_another_name_is_told(fresh_database: Callable[[], str]) -> None:
    dsn = fresh_database()
    other = dsn.rpartition("/")[0] + f"/no_{uuid4().hex}"
    refused(start(["services.catalog"], catalog(database_url=other)), "does not exist")


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="the place where nobody may write is Linux's")
def test_a_data_folder_that_is_not_writable_is_named() -> None:
    ended = start(["embedded", "--data", "/proc/self/yunquan", "--port", "0", "--once"], {})
    refused(ended, "/proc/self/yunquan", code=1)


PROGRAM = """
import sys
from embedded.platform import SERVICES
from shared.runtime.bus.memory import MemoryBus, MemoryExchange
from shared.runtime.host import main
service = next(each for each in SERVICES if each.name == sys.argv[1])
exchange = MemoryExchange([service.wiring()])
main._bus = lambda service, settings: MemoryBus(exchange)
main.run([service])
"""


async def test_sigterm_ends_a_service_cleanly_in_time(fresh_database: Callable[[], str]) -> None:
    dsn = fresh_database()
    await upgrade("catalog", dsn)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {**os.environ, **catalog(database_url=dsn, port=str(port), bus_url="memory://")}
    with subprocess.Popen(  # noqa: ASYNC220, S603 - our own program; the test waits for it in steps
        [sys.executable, "-c", PROGRAM, "catalog"],
        cwd=repository(),
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=5) as client:
                await answering(client)
            process.send_signal(signal.SIGTERM)
            began = time.monotonic()
            _, errors = process.communicate(timeout=STOP_S)
        finally:
            process.kill()
    assert process.returncode == 0, errors
    assert "Traceback" not in errors
    assert time.monotonic() - began < STOP_S


async def answering(client: httpx.AsyncClient, path: str = "/health/live") -> None:
    """Wait until the process serves, or is what the path asks for."""
    deadline = time.monotonic() + START_S
    while True:
        try:
            if (await client.get(path)).status_code == 200:
                return
        except httpx.TransportError:
            pass
        assert time.monotonic() < deadline, f"{path} was never answered with 200"
        time.sleep(0.1)  # noqa: ASYNC251 - nothing else runs here


@contextmanager
def folder_for_all() -> Iterator[Path]:
    """A folder that the database's own user may enter."""
    with TemporaryDirectory(prefix="yunquan-", dir="/tmp") as made:
        Path(made).chmod(0o755)
        yield Path(made)


async def test_the_embedded_platform_starts_its_database_again_when_that_is_killed(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with folder_for_all() as folder:
        arguments = ["--data", str(folder), "--port", str(port), "--no-demonstration"]
        with (
            (tmp_path / "said").open("w") as said,
            subprocess.Popen(  # noqa: ASYNC220, S603 - our own program; the test waits for it in steps
                [sys.executable, "-m", "embedded", *arguments], cwd=repository(), stdout=said, stderr=said
            ) as process,
        ):
            try:
                async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=5) as client:
                    await answering(client, "/health/ready")
                    server = int((folder / "postgres/cluster/postmaster.pid").read_text().split()[0])
                    os.kill(server, signal.SIGKILL)
                    while (await client.get("/api/catalog/v1/directory")).status_code == 200:
                        time.sleep(0.05)  # noqa: ASYNC251 - nothing else runs here
                    await answering(client, "/api/catalog/v1/directory")
                process.send_signal(signal.SIGINT)
                process.wait(STOP_S)
            finally:
                process.kill()
        output = (tmp_path / "said").read_text()
        assert process.returncode == 0, output
        assert "PostgreSQL had ended and runs again" in output
        # What the libraries say of it is in the log; the person at the terminal is told once, in our words.
        assert "Traceback" not in output
        assert '"asyncpg.pool"' in (folder / "platform.log").read_text(encoding="utf-8")


@contextmanager
def small_disk(size_mb: int) -> Iterator[Path]:
    """A file system of that size."""
    with folder_for_all() as made:
        options = f"size={size_mb}m,mode=0777"
        mounted = subprocess.run(  # noqa: S603 - the system's own program
            ["/bin/mount", "-t", "tmpfs", "-o", options, "yunquan", str(made)], check=False, capture_output=True
        )
        if mounted.returncode != 0:
            pytest.skip(f"no tmpfs may be mounted here: {mounted.stderr.decode()[:100]}")
        try:
            yield made
        finally:
            subprocess.run(["/bin/umount", "-l", str(made)], check=False)  # noqa: S603 - as above


@pytest.mark.skipif(not ROOT, reason="only root may mount a small disk")
async def test_a_full_disk_is_503_and_the_same_key_succeeds_once_when_there_is_space() -> None:
    with small_disk(160) as disk, EmbeddedPostgres(PostgresSettings(folder=disk / "postgres", durable=False)) as server:
        dsn = server.admin_dsn.rpartition("/")[0] + "/postgres"

        def the_database() -> str:
            return dsn

        async with open_platform([CATALOG], the_database) as platform:
            await platform.feed(
                OrganisationAuthenticated(version=0, organisation_id=PROVIDER_A, party=a_party("provider"))
            )
            headers = platform.headers(Role.PROVIDER, organisation_id=PROVIDER_A)
            content = a_content(description="一" * 4_000)
            ballast = disk / "ballast"
            fill(ballast)
            told = []
            for _ in range(400):
                full = await platform.client.post("/api/catalog/v1/products", json=content, headers=headers)
                told.append(full)
                if full.status_code == 503:
                    break
                headers = platform.headers(Role.PROVIDER, organisation_id=PROVIDER_A)
            assert (told[-1].status_code, told[-1].json()["code"]) == (503, "service.unavailable")
            before = await count(dsn)
            ballast.unlink()
            after = [
                await platform.client.post("/api/catalog/v1/products", json=content, headers=headers) for _ in range(2)
            ]
            assert [response.status_code for response in after] == [201, 201]
            assert after[0].json() == after[1].json()
            assert await count(dsn) == before + 1


def fill(ballast: Path) -> None:
    """Take all the space that is left."""
    with ballast.open("wb", buffering=0) as file:
        try:
            while file.write(bytes(1024 * 1024)):
                pass
        except OSError:
            return


async def count(dsn: str) -> int:
    """How many products there are."""
    connection = await asyncpg.connect(dsn)
    found: int = await connection.fetchval("SELECT count(*) FROM product")
    await connection.close()
    return found
