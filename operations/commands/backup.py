"""backup and restore of one service's database.

A restore goes into a new database, which takes the old one's name in one transaction once it is whole. The old one is
kept under another name: nothing here deletes data. Several processes load it, and its statistics are made before
anybody reads it. Extensions belong to the server's administrator: the owner's role could not make them.
"""

import hashlib
import json
import os
from argparse import ArgumentTypeError, Namespace
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

import asyncpg

from operations.commands.base import Call, Subparsers, add_acting, command, dry
from operations.journal import record
from operations.places import CONNECT_TIMEOUT_S, NotConfigured, WrongUse, database_url, open_database, service_names
from operations.programs import find_program, read_program, run_program, without_password
from operations.report import Progress, Report, is_folder, write_lines
from shared.runtime.sql import DriverConnection

JOBS_MAX = 8
ANALYZE_TIMEOUT_S = 3_600
_ABOUT = """
SELECT current_setting('server_version_num')::int / 10000 AS major, current_database() AS name,
       clock_timestamp() AS taken_at, (SELECT max(recorded_at) FROM fact) AS newest_fact,
       (SELECT string_agg(version_num, ' and ' ORDER BY version_num COLLATE "C") FROM alembic_version) AS schema
"""
_SESSIONS = """
SELECT usename, application_name, count(*) AS sessions FROM pg_stat_activity
WHERE datname = $1 AND pid <> pg_backend_pid() GROUP BY 1, 2 ORDER BY 1, 2
"""
_GRANTS = """
SELECT d.datacl IS NOT NULL AS said, COALESCE(r.rolname, 'PUBLIC') AS grantee, a.privilege_type AS privilege
FROM pg_database d LEFT JOIN LATERAL aclexplode(d.datacl) a ON true LEFT JOIN pg_roles r ON r.oid = a.grantee
WHERE d.datname = $1
"""
_OWNER = "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = $1"


def add(commands: Subparsers) -> None:
    """Declare the commands."""
    examples = "backup voucher --out /backups"
    saving = command(
        commands,
        "backup",
        does="write one service's database to a file with a manifest",
        examples=examples,
        run=run_backup,
    )
    saving.add_argument("service", choices=service_names())
    saving.add_argument("--out", type=Path, required=True, help="the folder for the dump and its manifest")
    examples = "restore voucher --from /backups\nrestore voucher --from /backups --replace --yes --reason 'disk lost'"
    restoring = command(
        commands,
        "restore",
        does="restore one service's database beside the present one, then swap their names",
        examples=f"{examples}\nrepair voucher --yes",
        run=run_restore,
    )
    restoring.add_argument("service", choices=service_names())
    restoring.add_argument("--from", dest="source", type=Path, required=True, help="a dump, or a folder: its newest")
    restoring.add_argument(
        "--jobs",
        type=_jobs,
        default=min(JOBS_MAX, os.cpu_count() or 1),
        help=f"processes that load and index, 1 to {JOBS_MAX} (default: this machine's processors, at most {JOBS_MAX})",
    )
    restoring.add_argument("--replace", action="store_true", help="the present database may be set aside (it is kept)")
    add_acting(restoring)


def _jobs(text: str) -> int:
    jobs = int(text)
    if not 1 <= jobs <= JOBS_MAX:
        raise ArgumentTypeError(f"{text} is not between 1 and {JOBS_MAX}")
    return jobs


@dataclass(frozen=True, slots=True)
class Dump:
    """A dump and what its manifest says."""

    file: Path
    manifest: Mapping[str, Any]


async def run_backup(call: Call) -> Report:
    """pg_dump in its custom format: one snapshot, compressed. Raises: WrongUse, NotConfigured."""
    given: Namespace = call.given
    out: Path = given.out
    if not is_folder(out):
        raise WrongUse(f"{out} is no folder")
    url = database_url(given.service)
    async with AsyncExitStack() as stack:
        database = await open_database(stack, given.service, url)
        async with database.reading() as connection:
            about = dict(await connection.fetchrow(_ABOUT))
    program = find_program("pg_dump", server_major=about["major"])
    file = out / f"{given.service}-{about['taken_at']:%Y%m%dT%H%M%S%fZ}.dump"
    part = file.with_suffix(".part")
    shown, secrets = without_password(url)
    try:
        part.touch(mode=0o600)
        arguments: list[str | Path] = [
            program,
            "--format=custom",
            "--no-password",
            f"--file={part}",
            f"--dbname={shown}",
        ]
        await run_program(arguments, secrets=secrets, told=lambda: call.progress.tell("bytes", _size(part)))
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)
    manifest = {
        "service": given.service,
        "file": file.name,
        "bytes": _size(file),
        "sha256": _sha256(file),
        "operator": call.operator.name,
        **about,
    }
    file.with_suffix(".json").write_text(json.dumps(manifest, indent=2, default=str) + "\n", encoding="utf-8")
    call.progress.close()
    lines = [f"{file}: {manifest['bytes']:,} bytes, sha256 {manifest['sha256']}"]
    return Report(lines=lines, data=manifest)


def _size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


def _sha256(file: Path) -> str:
    with file.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


async def run_restore(call: Call) -> Report:
    """Check, restore beside, swap. Raises: WrongUse, NotConfigured, ProgramFailed."""
    given = call.given
    dump = _dump(given.source, given.service)
    url = database_url(given.service)
    name = unquote(urlsplit(url).path.lstrip("/"))
    async with _maintenance(url) as connection:
        owner = await connection.fetchval(_OWNER, name)
        await _refuse_running(connection, name, given.service)
        if owner is not None and not given.replace:
            raise WrongUse(f"the database {name} is there; --replace sets it aside under another name")
        lines = [
            f"{dump.file}: taken {dump.manifest['taken_at']}, newest fact {dump.manifest['newest_fact']}",
            f"the database {name} {'is set aside and replaced' if owner else 'is made'}",
        ]
        if not given.yes:
            return Report(lines=dry(lines, acted=False), data={"acted": False, "dump": dict(dump.manifest)})
        stamp = datetime.now(UTC).strftime("%Y%m%d%H%M%S%f")
        fresh, aside = f"{name}_restored_{stamp}", f"{name}_before_{stamp}"
        async with _dropped_on_failure(connection, fresh):
            await _restore(call, connection, dump, url=url, fresh=fresh, like=name, owner=owner)
            await _refuse_running(connection, name, given.service)
            await _swap(connection, name=name, fresh=fresh, aside=aside if owner else None)
    await _note(call, dump, aside=aside if owner else "")
    call.progress.close()
    kept = f"; the database before it is kept as {aside}" if owner else ""
    lines = [*lines, f"{name} is restored{kept}"]
    lines.append(f"next: start {given.service}, then python -m operations repair {given.service} --yes")
    return Report(lines=lines, data={"acted": True, "dump": dict(dump.manifest), "aside": aside if owner else None})


def _dump(source: Path, service: str) -> Dump:
    """The dump to restore, checked against its manifest. Raises: WrongUse."""
    file = source
    if source.is_dir():
        found = sorted(source.glob(f"{service}-*.dump"))
        if not found:
            raise WrongUse(f"{source} holds no {service}-*.dump")
        file = found[-1]
    manifest_file = file.with_suffix(".json")
    if not file.is_file() or not manifest_file.is_file():
        raise WrongUse(f"{file} and {manifest_file.name} belong together; one of them is missing")
    manifest = json.loads(manifest_file.read_text(encoding="utf-8"))
    if manifest["service"] != service:
        raise WrongUse(f"{file} is a dump of {manifest['service']}")
    if _sha256(file) != manifest["sha256"]:
        raise WrongUse(f"{file} is not what its manifest says: the SHA-256 differs")
    return Dump(file, manifest)


@asynccontextmanager
async def _maintenance(url: str) -> AsyncIterator[DriverConnection]:
    """A connection beside the service's database. Raises: NotConfigured."""
    connection = await _connected(url, "postgres")
    try:
        yield connection
    finally:
        await connection.close(timeout=CONNECT_TIMEOUT_S)


async def _connected(url: str, database: str) -> DriverConnection:
    """To a database of a service's server, by POSTGRES_ADMIN_URL or the owner's role. Raises: NotConfigured."""
    given = os.environ.get("POSTGRES_ADMIN_URL")
    admin = urlunsplit(urlsplit(given or url)._replace(path=f"/{database}"))
    try:
        connection: DriverConnection = await asyncpg.connect(admin, timeout=CONNECT_TIMEOUT_S, command_timeout=600)
    except (OSError, asyncpg.PostgresError, ValueError) as error:
        raise NotConfigured(f"no connection to {database} (POSTGRES_ADMIN_URL): {error}") from error
    return connection


async def _refuse_running(connection: DriverConnection, name: str, service: str) -> None:
    rows = await connection.fetch(_SESSIONS, name)
    if rows:
        who = ", ".join(f"{row['sessions']} of {row['application_name'] or row['usename']}" for row in rows)
        raise WrongUse(f"{name} has open sessions ({who}): stop {service} first, on every machine")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


@asynccontextmanager
async def _dropped_on_failure(connection: DriverConnection, name: str) -> AsyncIterator[None]:
    """Whatever ends the block early takes the new database with it."""
    try:
        yield
    except BaseException:
        await connection.execute(f"DROP DATABASE IF EXISTS {_quoted(name)} WITH (FORCE)")
        raise


async def _restore(  # noqa: PLR0913 - the parts of one restore
    call: Call, connection: DriverConnection, dump: Dump, *, url: str, fresh: str, like: str, owner: str | None
) -> None:
    """A new database with the dump's contents, its owner and its grants."""
    major = await connection.fetchval("SELECT current_setting('server_version_num')::int / 10000")
    program = find_program("pg_restore", server_major=major)
    role = owner or unquote(urlsplit(url).username or "postgres")
    await connection.execute(f"CREATE DATABASE {_quoted(fresh)} OWNER {_quoted(role)} TEMPLATE template0")
    target = urlunsplit(urlsplit(url)._replace(path=f"/{fresh}"))
    shown, secrets = without_password(target)
    contents = await read_program([program, "--list", dump.file])
    await _make_extensions(url, fresh, contents)
    total = sum(1 for line in contents if _is_entry(line))
    with TemporaryDirectory(prefix="yunquan-restore-") as folder:
        listed = write_lines(Path(folder) / "contents", [line for line in contents if not _is_of_extension(line)])
        restoring = _Restoring(call.progress, total=total, jobs=call.given.jobs)
        arguments: list[str | Path] = [
            program,
            "--no-owner",
            "--exit-on-error",
            "--no-password",
            "--verbose",
            f"--jobs={call.given.jobs}",
            f"--use-list={listed}",
            f"--dbname={shown}",
            dump.file,
        ]
        await run_program(arguments, secrets=secrets, told=restoring.tell, heard=restoring.hear)
    await _check_restored(call, dump, target)
    await _copy_grants(connection, like=like, to=fresh)


class _Restoring:
    """Counts what pg_restore says it is at."""

    def __init__(self, progress: Progress, *, total: int, jobs: int) -> None:
        self._progress, self._total, self._done = progress, total, 0
        # Several jobs say which entry begins and which has ended, a single one says what it makes.
        self._marks = (": processing item", ": finished item") if jobs > 1 else (": creating ", ": processing data")

    def hear(self, line: str) -> None:
        """A line of `--verbose`."""
        self._done += any(mark in line for mark in self._marks)

    def tell(self) -> None:
        """Say how far it is."""
        self._progress.tell("entries restored", min(self._done, self._total), self._total)


def _is_entry(line: str) -> bool:
    return bool(line) and not line.startswith(";")


def _is_of_extension(line: str) -> bool:
    """Whether an entry of a dump's contents makes an extension or comments on one."""
    # 2; 3079 16385 EXTENSION - vector  /  4021; 0 0 COMMENT - EXTENSION vector
    words = line.partition(";")[2].split()[2:]
    return words[:2] == ["EXTENSION", "-"] or words[:3] == ["COMMENT", "-", "EXTENSION"]


async def _make_extensions(url: str, database: str, contents: Sequence[str]) -> None:
    """Make what the dump needs, as the administrator. Raises: NotConfigured where the server does not have it."""
    found = [line.split()[-1] for line in contents if _is_of_extension(line) and " EXTENSION - " in line]
    if not found:
        return
    inside = await _connected(url, database)
    try:
        for name in found:
            try:
                await inside.execute(f"CREATE EXTENSION IF NOT EXISTS {_quoted(name)}")
            except asyncpg.PostgresError as error:
                raise NotConfigured(f"the dump needs the extension {name} (POSTGRES_ADMIN_URL): {error}") from error
    finally:
        await inside.close(timeout=CONNECT_TIMEOUT_S)


async def _check_restored(call: Call, dump: Dump, target: str) -> None:
    async with AsyncExitStack() as stack:
        database = await open_database(stack, call.given.service, target)
        async with database.reading() as connection:
            # Without statistics the first service to start would read whole tables for hours.
            await connection.execute("ANALYZE", timeout=ANALYZE_TIMEOUT_S)
            about = await connection.fetchrow(_ABOUT)
    if about["schema"] != dump.manifest["schema"]:
        raise WrongUse(f"the restored schema is {about['schema']}, the manifest says {dump.manifest['schema']}")


async def _copy_grants(connection: DriverConnection, *, like: str, to: str) -> None:
    """Who may connect: a dump holds what is in a database, not what may be done with it."""
    rows = [row for row in await connection.fetch(_GRANTS, like) if row["said"]]
    if rows:
        await connection.execute(f"REVOKE ALL ON DATABASE {_quoted(to)} FROM PUBLIC")
    for row in rows:
        grantee = "PUBLIC" if row["grantee"] == "PUBLIC" else _quoted(row["grantee"])
        await connection.execute(f"GRANT {row['privilege']} ON DATABASE {_quoted(to)} TO {grantee}")


async def _swap(connection: DriverConnection, *, name: str, fresh: str, aside: str | None) -> None:
    """Both names change in one transaction. A session that came in between makes it fail, and nothing changes."""
    async with connection.transaction():
        if aside is not None:
            await connection.execute(f"ALTER DATABASE {_quoted(name)} RENAME TO {_quoted(aside)}")
        await connection.execute(f"ALTER DATABASE {_quoted(fresh)} RENAME TO {_quoted(name)}")


async def _note(call: Call, dump: Dump, *, aside: str) -> None:
    async with AsyncExitStack() as stack:
        database = await open_database(stack, call.given.service, database_url(call.given.service))
        async with database.writing() as work:
            await record(
                work,
                call.operator,
                act="restore",
                subject_type="database",
                subject_id=work.new_id(),
                ground=call.given.reason,
                file=dump.file.name,
                sha256=dump.manifest["sha256"],
                taken_at=dump.manifest["taken_at"],
                aside=aside,
            )
