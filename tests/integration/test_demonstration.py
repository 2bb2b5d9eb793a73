"""`python -m embedded --once`: an interrupted story goes on, the data stay, and the proof sees a forged ledger."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import httpx
import pytest
from rich.console import Console

from embedded.child import free_port
from embedded.demonstration import play
from embedded.front import SignIn
from embedded.platform import SERVICES, PlatformSettings, Secrets, open_platform, prepare_databases
from embedded.postgres import ADMIN_ROLE, EmbeddedPostgres, PostgresSettings
from embedded.proof import read_proof
from embedded.run import DEMONSTRATION_MARK
from operations.walks import Books
from shared.runtime.host.host import Host

CHECKOUT = Path(__file__).resolve().parents[2]
START_S = 60.0
STORY_S = 280.0
QUICK_S = 45.0
INTERRUPTED_IN = "demonstration 3/"
BALANCES = 9
"""The total and the eight balances it is made of."""
BALANCED = "结论：全部平衡"
POLICY = CHECKOUT / "policies/guizhou-2018.toml"

pytestmark = pytest.mark.timeout(600)


@dataclass(frozen=True)
class Ended:
    """How one start of the platform ended."""

    code: int
    output: str
    seconds: float


@dataclass(frozen=True)
class Told:
    """The folder of a platform whose story was interrupted once and then told to its end."""

    folder: Path
    interrupted: Ended
    finished: Ended


@dataclass(frozen=True)
class Served:
    """The databases of that platform, and its folder; a service's own role may not change what it has written."""

    folder: Path
    databases: Mapping[str, str]
    administrators: Mapping[str, str]


@dataclass(frozen=True)
class Forgery:
    """A change that no service made: where, what, how to take it back, and the invariant that must notice."""

    title: str
    what: str
    database: str
    change: str
    undo: str


FORGERIES = (
    Forgery(
        title="I1",
        what="a posting",
        database="voucher",
        change="UPDATE posting SET amount_fen = amount_fen + 1 WHERE id = (SELECT min(id::text)::uuid FROM posting)",
        undo="UPDATE posting SET amount_fen = amount_fen - 1 WHERE id = (SELECT min(id::text)::uuid FROM posting)",
    ),
    Forgery(
        title="I1",
        what="a balance",
        database="voucher",
        change="""
        UPDATE quota_account SET taken_back_fen = taken_back_fen + 1
        WHERE id = (SELECT min(id::text)::uuid FROM quota_account)
        """,
        undo="""
        UPDATE quota_account SET taken_back_fen = taken_back_fen - 1
        WHERE id = (SELECT min(id::text)::uuid FROM quota_account)
        """,
    ),
    Forgery(
        title="I3",
        what="a line of a cancelled order",
        database="voucher",
        change="""
        UPDATE hold_line SET state = 'committed'
        WHERE order_id = (SELECT min(order_id::text)::uuid FROM hold WHERE state = 'released')
        """,
        undo="""
        UPDATE hold_line SET state = 'released'
        WHERE order_id = (SELECT min(order_id::text)::uuid FROM hold WHERE state = 'released')
        """,
    ),
    Forgery(
        title="I3",
        what="an approved amount",
        database="settlement",
        change="""
        UPDATE claim_item SET approved_fen = approved_fen - 1, approved_reason = approved_reason || '.'
        WHERE order_id = (SELECT min(order_id::text)::uuid FROM claim_item WHERE state = 'paid') AND state = 'paid'
        """,
        undo="""
        UPDATE claim_item SET approved_fen = approved_fen + 1, approved_reason = rtrim(approved_reason, '.')
        WHERE order_id = (SELECT min(order_id::text)::uuid FROM claim_item WHERE state = 'paid') AND state = 'paid'
        """,
    ),
    Forgery(
        title="I8",
        what="a cursor",
        database="settlement",
        change="""
        UPDATE cursor SET version = version - 1
        WHERE aggregate_id = (SELECT min(aggregate_id::text)::uuid FROM cursor WHERE stream = 'order.order')
        """,
        undo="""
        UPDATE cursor SET version = version + 1
        WHERE aggregate_id = (SELECT min(aggregate_id::text)::uuid FROM cursor WHERE stream = 'order.order')
        """,
    ),
    Forgery(
        title="I11",
        what="a saga",
        database="order",
        change="""
        UPDATE saga SET state = 'committing'
        WHERE id = (SELECT min(id::text)::uuid FROM saga WHERE kind = 'purchase' AND state = 'committed')
        """,
        undo="UPDATE saga SET state = 'committed' WHERE state = 'committing'",
    ),
    Forgery(
        title="I13",
        what="a ticket counter",
        database="voucher",
        change="UPDATE intake_counter SET last_ticket_no = last_ticket_no + 1",
        undo="UPDATE intake_counter SET last_ticket_no = last_ticket_no - 1",
    ),
    Forgery(
        title="I14",
        what="a parked fact",
        database="catalog",
        change="""
        INSERT INTO parked (stream, aggregate_id, version, event)
        VALUES ('identity.organisation', gen_random_uuid(), 2, '')
        """,
        undo="DELETE FROM parked",
    ),
)


def command(folder: Path) -> list[str]:
    """One start that ends with the proof, on a free port."""
    return [sys.executable, "-m", "embedded", "--once", f"--data={folder}", f"--port={free_port()}"]


def run_once(folder: Path, *, limit_s: float) -> Ended:
    """Start, and wait until it ends."""
    began = time.monotonic()
    done = subprocess.run(  # noqa: S603 - our own program
        command(folder),
        cwd=CHECKOUT,
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=limit_s,
        check=False,
    )
    return Ended(done.returncode, done.stdout + done.stderr, time.monotonic() - began)


def interrupt_once(folder: Path) -> Ended:
    """Start, and press Ctrl-C in the middle of a chapter."""
    began = time.monotonic()
    log = folder / "output.log"
    with log.open("w") as output:
        process = subprocess.Popen(  # noqa: S603 - our own program
            command(folder), cwd=CHECKOUT, env=environment(), stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
        try:
            while INTERRUPTED_IN not in log.read_text():
                assert process.poll() is None, log.read_text()
                assert time.monotonic() - began < START_S + STORY_S, log.read_text()
                time.sleep(0.05)
            process.send_signal(signal.SIGINT)
            code = process.wait(START_S)
        finally:
            process.kill()
            process.wait()
    return Ended(code, log.read_text(), time.monotonic() - began)


def environment() -> dict[str, str]:
    """A terminal without colours or a fixed width."""
    return {**os.environ, "NO_COLOR": "1", "COLUMNS": "200", "PYTHONUNBUFFERED": "1"}


@pytest.fixture(scope="module")
def told(server_folder: Callable[[], Path]) -> Told:
    """The story, interrupted once; the later tests start the same platform again."""
    folder = server_folder()
    interrupted = interrupt_once(folder)
    return Told(folder=folder, interrupted=interrupted, finished=run_once(folder, limit_s=STORY_S))


@pytest.fixture(scope="module")
def served(told: Told) -> Iterator[Served]:
    """The databases of the told story on one server, for the tests at the end, which start no platform by command."""
    with EmbeddedPostgres(PostgresSettings(folder=told.folder / "postgres", durable=False)) as postgres:
        databases = asyncio.run(prepare_databases(postgres, Secrets(told.folder / "secrets.json")))
        administrators = {name: postgres.dsn(name, ADMIN_ROLE) for name in databases}
        yield Served(told.folder, databases, administrators)


def test_ctrl_c_during_the_story_ends_cleanly(told: Told) -> None:
    assert told.interrupted.code == 130, told.interrupted.output
    assert "the demonstration goes on at the next start" in told.interrupted.output
    assert "Traceback" not in told.interrupted.output


def test_an_interrupted_story_goes_on_at_the_next_start_and_balances(told: Told) -> None:
    assert told.finished.code == 0, told.finished.output
    assert BALANCED in told.finished.output
    assert "demonstration 14/14" in told.finished.output
    assert "Traceback" not in told.finished.output


def test_without_a_terminal_the_story_tells_one_line_a_chapter(told: Told) -> None:
    chapters = [line for line in told.finished.output.splitlines() if line.startswith("demonstration ")]
    assert [line.split()[1] for line in chapters] == [f"{number}/14" for number in range(1, 15)]


def test_the_sample_accounts_have_passwords_of_this_platform_alone(told: Told) -> None:
    secrets = json.loads((told.folder / "secrets.json").read_text())
    assert secrets["identity.first_admin_password"] in told.finished.output
    shown = [line.split() for line in told.finished.output.splitlines() if line.startswith("  operator_clerk")]
    assert all(len(words[-1]) == 16 for words in shown)
    assert len({words[-1] for words in shown}) == 2


def test_a_second_start_keeps_the_data_and_is_quick(told: Told) -> None:
    again = run_once(told.folder, limit_s=QUICK_S)
    assert again.code == 0, again.output
    assert BALANCED in again.output
    assert "demonstration 1/14" not in again.output
    assert len(balances_in(again.output)) == BALANCES
    assert balances_in(again.output) == balances_in(told.finished.output)


async def test_something_waits_for_every_role_that_decides(told: Told, served: Served) -> None:
    kept = Secrets(told.folder / "secrets.json")
    async with opened(served) as host:
        transport = httpx.ASGITransport(app=host.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://platform", timeout=60) as client:
            mark = told.folder / DEMONSTRATION_MARK
            sign_ins = await play(client, console=Console(quiet=True), kept=kept, mark=mark, wanted=True)
            waiting = {sign_in.role: await tasks_of(client, sign_in) for sign_in in sign_ins}
    deciding = {"operator_clerk", "operator_lead", "bureau_officer", "bureau_lead", "finance", "provider"}
    assert {role for role in deciding if not waiting[role]} == set()


@pytest.mark.parametrize("forgery", FORGERIES, ids=lambda forgery: f"{forgery.title} {forgery.what}")
async def test_the_proof_fails_on_a_change_by_hand(served: Served, forgery: Forgery) -> None:
    async with opened(served) as host:
        await execute(served.administrators[forgery.database], forgery.change)
        try:
            forged = await read_proof({runtime.service.name: runtime for runtime in host.runtimes})
        finally:
            await execute(served.administrators[forgery.database], forgery.undo)
        mended = await read_proof({runtime.service.name: runtime for runtime in host.runtimes})
    assert not forged.balances
    assert forgery.title in {check.title.split()[0] for check in forged.checks if check.differences}
    assert mended.balances


@asynccontextmanager
async def opened(served: Served) -> AsyncIterator[Host]:
    """The platform in this process, without its web server."""
    platform = PlatformSettings(folder=served.folder, policy_file=POLICY, host="127.0.0.1", port=free_port())
    kept = Secrets(served.folder / "secrets.json")
    async with open_platform(platform, databases=served.databases, kept=kept) as host:
        yield host


async def execute(dsn: str, statement: str) -> None:
    """Run one statement that changes something."""
    connection = await asyncpg.connect(dsn, timeout=10)
    try:
        assert not (await connection.execute(statement)).endswith(" 0"), statement
    finally:
        await connection.close()


async def tasks_of(client: httpx.AsyncClient, sign_in: SignIn) -> int:
    """How many tasks wait for an account in all services."""
    body = {"sign_in_name": sign_in.name, "password": sign_in.password}
    session = (await client.post("/api/identity/v1/sessions", json=body)).json()
    found = 0
    for service in SERVICES:
        token = session["access_tokens"].get(service.name)
        if token is not None:
            answer = await client.get(f"/api/{service.name}/v1/tasks", headers={"Authorization": f"Bearer {token}"})
            assert answer.status_code == 200, answer.text
            found += len(answer.json()["data"])
    return found


def books_of(host: Host) -> Mapping[str, Books]:
    """What the services of a host wrote, by their names."""
    return {runtime.service.name: runtime for runtime in host.runtimes}


def balances_in(output: str) -> list[str]:
    """The lines of the printed proof that hold amounts in yuan."""
    return [line for line in output.splitlines() if line.startswith("│") and re.search(r"\d\.\d\d", line)]
