"""The bundled PostgreSQL as a direct child of this process: made on first start, stopped with its parent."""

import fcntl
import os
import re
import secrets
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Self
from urllib.parse import quote

from embedded.binaries import (
    POSTGRES_MAJOR,
    PostgresNotStarted,
    ServerAccount,
    account_for,
    installation_for,
    require_passable,
)
from embedded.child import HOST, die_with_parent, explain, free_port, last_line, lines_of

__all__ = ["EmbeddedPostgres", "PostgresNotStarted", "PostgresSettings"]

ADMIN_ROLE = "postgres"

_POLL_SECONDS = 0.01
_NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")
# sun_path holds 108 bytes on Linux and 104 on macOS, and PostgreSQL adds a name such as "/.s.PGSQL.65535".
_SOCKET_FOLDER_MAX_BYTES = 80
_LOG_TAIL_BYTES = 20_000

# psql runs these: its variables quote names and literals, and passwords come by the environment.
_ENSURE_DATABASE_SQL = r"""
\getenv role YUNQUAN_ROLE
\getenv password YUNQUAN_PASSWORD
\getenv database YUNQUAN_DATABASE
SELECT format('CREATE ROLE %I', :'role')
 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'role') \gexec
ALTER ROLE :"role" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD :'password';
SELECT format('CREATE DATABASE %I OWNER %I', :'database', :'role')
 WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'database') \gexec
REVOKE ALL ON DATABASE :"database" FROM PUBLIC;
"""


@dataclass(frozen=True, kw_only=True)
class PostgresSettings:
    """How the bundled server runs.

    `folder` holds the cluster, its log and the admin password. `port` 0 means any free one. `durable` off
    trades safety against power loss for speed and is for tests alone.
    """

    folder: Path
    port: int = 0
    durable: bool = True
    shared_buffers_mb: int = 128
    connections_max: int = 100
    start_timeout_seconds: float = 30.0
    stop_timeout_seconds: float = 20.0


class EmbeddedPostgres:
    """A PostgreSQL server of our own, listening on 127.0.0.1 and on a socket in its folder.

    Start it in a thread that lives as long as the server should: Linux stops it when that thread ends.
    """

    def __init__(self, settings: PostgresSettings) -> None:
        self.settings = settings
        self.port = settings.port
        self._folder = settings.folder.absolute()
        self._cluster = self._folder / "cluster"
        self._log_path = self._folder / "postgres.log"
        self._passwords: dict[str, str] = {}
        self._account: ServerAccount | None = None
        self._installation: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._lock: IO[str] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def places(self) -> str:
        """One line that says where the data and the programs are and who runs the server."""
        user = self._account.name if self._account else "this user"
        where = f"data in {self._cluster}, programs in {self._installation}"
        return f"PostgreSQL {POSTGRES_MAJOR}: {where}, run by {user}"

    @property
    def log_path(self) -> Path:
        """The file the server writes its log to."""
        return self._log_path

    @property
    def admin_dsn(self) -> str:
        """The URL of the maintenance database for the role that may do everything."""
        return self.dsn("postgres", ADMIN_ROLE)

    @property
    def process_id(self) -> int:
        """The process id of the running server. Raises: PostgresNotStarted."""
        if self._process is None:
            raise PostgresNotStarted("the server is not started")
        return self._process.pid

    def dsn(self, database: str, role: str) -> str:
        """The TCP URL of a database for a role that `ensure_database` made. Raises: PostgresNotStarted."""
        if role not in self._passwords:
            raise PostgresNotStarted(f"no password of {role} is known: call ensure_database first")
        return f"postgresql://{role}:{quote(self._passwords[role], safe='')}@{HOST}:{self.port}/{database}"

    def by_socket(self, url: str) -> str:
        """The URL of the same account and database over the server's socket, a tenth faster than TCP.

        Where the folder's path is too long for a socket it is the URL that was given.
        """
        if not self._has_socket:
            return url
        account, _, place = url.rpartition("@")
        return f"{account}@/{place.partition('/')[2]}?host={quote(str(self._cluster), safe='')}&port={self.port}"

    @property
    def _has_socket(self) -> bool:
        return len(os.fsencode(self._cluster)) <= _SOCKET_FOLDER_MAX_BYTES

    def start(self) -> None:
        """Make the cluster if there is none, then run the server until `stop`. Raises: PostgresNotStarted."""
        if self._process is not None and self._process.poll() is None:
            return
        try:
            self._prepare()
            self._run()
        except OSError as error:
            self.stop()
            raise PostgresNotStarted(explain(str(error), folder=self._folder, port=self.port)) from error
        except BaseException:
            self.stop()
            raise

    def revive(self) -> bool:
        """Start the server again, on its port, when it ended by itself; whether it had. Raises: PostgresNotStarted."""
        if self._process is None or self._process.poll() is None:
            return False
        self._run(port=self.port)
        return True

    def stop(self) -> None:
        """Stop the server, first politely; the data stays. Does nothing when it does not run."""
        process, self._process = self._process, None
        if process is not None:
            for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
                if process.poll() is None:
                    process.send_signal(number)
                try:
                    process.wait(self.settings.stop_timeout_seconds)
                    break
                except subprocess.TimeoutExpired:
                    continue
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def ensure_database(self, name: str, *, role: str, password: str) -> None:
        """Make the role and its database unless they exist, and set the password; nobody else may connect.

        Raises: PostgresNotStarted.
        """
        for word in (name, role):
            if not _NAME.fullmatch(word):
                raise PostgresNotStarted(f"{word!r} is no name of a database or role: use a-z, 0-9 and _")
        environment = {
            "PGPASSWORD": self._passwords[ADMIN_ROLE],
            "PGCONNECT_TIMEOUT": "10",
            "YUNQUAN_DATABASE": name,
            "YUNQUAN_ROLE": role,
            "YUNQUAN_PASSWORD": password,
        }
        arguments = [
            "--no-psqlrc",
            "--quiet",
            "--set=ON_ERROR_STOP=1",
            f"--host={HOST}",
            f"--port={self.port}",
        ]
        done = subprocess.run(  # noqa: S603 - our own program, no shell
            [self._program("psql"), *arguments, f"--username={ADMIN_ROLE}", "--dbname=postgres"],
            input=_ENSURE_DATABASE_SQL,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        if done.returncode != 0:
            raise PostgresNotStarted(f"cannot make database {name}: {last_line(done.stderr)}")
        self._passwords[role] = password

    def _prepare(self) -> None:
        self._folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        if not os.access(self._folder, os.W_OK):
            raise PostgresNotStarted(f"the data folder {self._folder} is not writable: choose another one")
        self._lock = self._lock or (self._folder / "postgres.lock").open("a")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise PostgresNotStarted(
                f"another Yunquan runs on {self._folder}: stop it, or choose another data folder"
            ) from error
        self._account = account_for(self._cluster)
        if self._account is not None:
            require_passable(self._cluster, account=self._account)
        self._installation = installation_for(self._account)
        self._passwords[ADMIN_ROLE] = self._admin_password()
        if not self._cluster.exists():
            self._make_cluster()
        made_by = (self._cluster / "PG_VERSION").read_text(encoding="ascii").strip()
        if made_by != str(POSTGRES_MAJOR):
            raise PostgresNotStarted(
                f"{self._cluster} was made by PostgreSQL {made_by} and this is {POSTGRES_MAJOR}: "
                "choose another data folder, or dump and load the data"
            )

    def _admin_password(self) -> str:
        path = self._folder / "admin-password"
        if path.exists():
            return path.read_text(encoding="ascii").strip()
        if self._cluster.exists():
            raise PostgresNotStarted(f"{path} is missing: put it back, it belongs to {self._cluster}")
        password = secrets.token_urlsafe(24)
        aside = path.with_suffix(".new")
        aside.unlink(missing_ok=True)
        aside.touch(mode=0o600)
        aside.write_text(password, encoding="ascii")
        aside.rename(path)
        return password

    def _make_cluster(self) -> None:
        # A first start that is killed half-way must not leave something that looks like a cluster.
        aside = self._folder / "cluster.new"
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir(mode=0o700)
        password_file = self._folder / "initdb-password"
        password_file.unlink(missing_ok=True)
        password_file.touch(mode=0o600)
        password_file.write_text(self._passwords[ADMIN_ROLE], encoding="ascii")
        for path in (aside, password_file):
            self._give_to_server(path)
        arguments = [f"--pgdata={aside}", f"--username={ADMIN_ROLE}", f"--pwfile={password_file}"]
        arguments += ["--auth=scram-sha-256", "--encoding=UTF8", "--no-locale", "--no-instructions"]
        if not self.settings.durable:
            arguments.append("--no-sync")
        try:
            with self._log_path.open("ab") as log:
                code = self._spawn("initdb", arguments, log=log).wait(timeout=120)
        finally:
            password_file.unlink(missing_ok=True)
        if code != 0:
            raise PostgresNotStarted(explain(self._log_tail(0), folder=self._folder, port=self.port))
        aside.rename(self._cluster)

    def _run(self, *, port: int = 0) -> None:
        deadline = time.monotonic() + self.settings.start_timeout_seconds
        self._wait_for_previous_server(deadline)
        while True:
            self.port = port or self.settings.port or free_port()
            began_at = self._log_path.stat().st_size if self._log_path.exists() else 0
            with self._log_path.open("ab") as log:
                self._process = self._spawn("postgres", self._server_arguments(), log=log)
            if self._becomes_ready(deadline):
                return
            said = self._log_tail(began_at)
            # Backends outlive a killed server by milliseconds; a free port may be taken before it is bound.
            passing = "shared memory block" in said or (self.settings.port == 0 and "Address already in use" in said)
            if not passing or time.monotonic() > deadline:
                raise PostgresNotStarted(explain(said, folder=self._folder, port=self.port))
            time.sleep(10 * _POLL_SECONDS)

    def _server_arguments(self) -> list[str]:
        parameters = {
            "listen_addresses": HOST,
            "port": self.port,
            "unix_socket_directories": "",
            "shared_buffers": f"{self.settings.shared_buffers_mb}MB",
            "max_connections": self.settings.connections_max,
            # Compiling costs more than the short statements of one office save.
            "jit": "off",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "wal_level": "minimal",
            "max_wal_senders": 0,
        }
        if self._has_socket:
            parameters["unix_socket_directories"] = "."
        if not self.settings.durable:
            # A commit still reaches the system's cache, so a kill of the server loses nothing even now.
            parameters |= {"fsync": "off", "full_page_writes": "off"}
        arguments = ["-D", str(self._cluster)]
        for name, value in parameters.items():
            arguments += ["-c", f"{name}={value}"]
        return arguments

    def _becomes_ready(self, deadline: float) -> bool:
        process = self._process
        while process is not None and process.poll() is None:
            # Line 1 is the server's process id, line 8 its state.
            lines = lines_of(self._cluster / "postmaster.pid")
            if len(lines) > 7 and lines[0] == str(process.pid) and lines[7].strip() == "ready":
                return True
            if time.monotonic() > deadline:
                raise PostgresNotStarted(
                    f"PostgreSQL was not ready within {self.settings.start_timeout_seconds:.0f} s: see {self._log_path}"
                )
            time.sleep(_POLL_SECONDS)
        return False

    def _wait_for_previous_server(self, deadline: float) -> None:
        # After a kill of our predecessor its server is still shutting down; after a kill of both, the number
        # in the file may belong to a stranger by now, whom PostgreSQL would take for a server.
        path = self._cluster / "postmaster.pid"
        while (lines := lines_of(path)) and Path("/proc/self").exists():
            try:
                alive = Path(f"/proc/{int(lines[0])}/cwd").readlink() == self._cluster.resolve()
            except (OSError, ValueError):
                alive = False
            if not alive:
                path.unlink(missing_ok=True)
            elif time.monotonic() > deadline:
                raise PostgresNotStarted(f"a server with process id {lines[0]} still runs on {self._cluster}: stop it")
            else:
                time.sleep(_POLL_SECONDS)

    def _spawn(self, program: str, arguments: list[str], *, log: IO[bytes]) -> subprocess.Popen[bytes]:
        account = self._account
        return subprocess.Popen(  # noqa: S603 - our own program, no shell
            [self._program(program), *arguments],
            # The caller's folder may be closed to the server's user, and initdb insists on entering it.
            cwd="/",
            env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            # Ctrl-C at the terminal is for us alone: we stop the server after its clients.
            start_new_session=True,
            user=account.user_id if account else None,
            group=account.group_id if account else None,
            extra_groups=[] if account else None,
            preexec_fn=die_with_parent(),  # noqa: PLW1509 - two system calls, looked up before the fork
        )

    def _program(self, name: str) -> str:
        if self._installation is None:
            raise PostgresNotStarted("the server is not started")
        return str(self._installation / "bin" / name)

    def _give_to_server(self, path: Path) -> None:
        if self._account is not None:
            os.chown(path, self._account.user_id, self._account.group_id)

    def _log_tail(self, began_at: int) -> str:
        with self._log_path.open("rb") as log:
            log.seek(max(began_at, self._log_path.stat().st_size - _LOG_TAIL_BYTES))
            return log.read().decode(errors="replace")
