"""`docker compose up --wait` in the checkout: one container of each service, and then two by the profile `two`."""

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import httpx
import pytest
from rich.console import Console

from embedded.demonstration import play
from embedded.front import SignIn
from embedded.platform import SERVICES
from embedded.proof import Proof, read_proof
from tests.containers import require_engine
from tests.e2e.composition import TWO, Composition, service_of, sweep
from tests.e2e.market import Market, all_acknowledged_is_there, assert_balanced, open_market
from tests.e2e.stack import build_images

pytestmark = [pytest.mark.container, pytest.mark.timeout(500)]

NAMES = [service.name for service in SERVICES]
JOBS = {"secrets", "databases", "topology", *(f"{name}-migration" for name in NAMES)}
SERVERS = {*NAMES, "postgres", "rabbitmq", "gateway", "prometheus"}
MACHINE_BYTES = 8 * 2**30
ORDERS = 40
SETTLED_S = 90.0


@pytest.fixture(scope="module")
def composition() -> Iterator[Composition]:
    """The platform, started by the one command a newcomer types."""
    require_engine()
    build_images()
    sweep()
    running = Composition()
    try:
        running.up()
        yield running
    finally:
        running.down()


def test_one_command_ends_with_everything_healthy_and_every_job_done(composition: Composition) -> None:
    found = composition.containers()
    states = {service_of(each): each["State"] for each in found}
    assert states.keys() == JOBS | SERVERS
    assert {name: states[name]["ExitCode"] for name in JOBS} == dict.fromkeys(JOBS, 0)
    assert {name: states[name]["Health"]["Status"] for name in SERVERS} == dict.fromkeys(SERVERS, "healthy")


def test_no_container_has_more_than_it_needs(composition: Composition) -> None:
    limits_bytes = 0
    for each in composition.containers():
        name, host, config = service_of(each), each["HostConfig"], each["Config"]
        assert host["ReadonlyRootfs"], name
        assert host["CapDrop"] == ["ALL"], name
        assert not host["CapAdd"], name
        assert "no-new-privileges:true" in host["SecurityOpt"], name
        assert host["Memory"], name
        assert host["NanoCpus"], name
        assert host["PidsLimit"], name
        # Without a capability root is nobody; it only writes the volumes, and reaches no network.
        assert config["User"] not in {"", "root"} or name == "secrets", name
        assert config["User"] != "0:0" or host["NetworkMode"] == "none", name
        ports = [port for bound in (host["PortBindings"] or {}).values() for port in bound]
        assert {port["HostIp"] for port in ports} <= {"127.0.0.1"}, name
        assert not [line for line in config["Env"] if "PASSWORD=" in line or "SECRET=" in line or "_KEY=" in line], name
        limits_bytes += host["Memory"] if name in SERVERS else 0
    assert limits_bytes <= MACHINE_BYTES


def test_a_service_holds_its_own_secrets_and_no_other(composition: Composition) -> None:
    for name in NAMES:
        own = composition.compose("exec", "--no-TTY", name, "cat", "/run/yunquan/settings.env")
        assert {line.partition("_")[0] for line in own.splitlines()} == {name.upper()}
        assert "_owner:" not in own
        (container,) = [each for each in composition.containers() if service_of(each) == name]
        allowed = {name, f"{name}-files"}
        assert {each["Name"].removeprefix(f"{composition.name}_") for each in container["Mounts"]} <= allowed


def test_the_operators_command_line_reaches_every_database(composition: Composition) -> None:
    said = composition.compose("run", "--rm", "--no-deps", "--no-TTY", "operations", "--json", "status")
    assert all(name in said for name in NAMES), said


async def test_an_id_that_somebody_quotes_is_found_in_the_log_of_the_gateway_and_of_the_service(
    composition: Composition,
) -> None:
    async with composition.client() as client:
        answer = await client.get("/api/order/v1/orders")
    quoted = answer.json()["request_id"]
    assert answer.status_code == 401
    for name in ("gateway", "order"):
        lines = composition.compose("logs", "--no-color", name).splitlines()
        assert [line for line in lines if quoted in line and "401" in line], name


@pytest.mark.parametrize("words", ["status --json", "verify --service voucher", "dead-letters collect --service order"])
def test_the_runbooks_commands_run_in_the_operators_container_as_they_are_written(
    composition: Composition, words: str
) -> None:
    typed = f"python -m operations {words}"
    said = composition.compose("run", "--rm", "--no-deps", "--no-TTY", "operations", "sh", "-c", typed)
    assert said.strip()


def test_a_backup_made_by_operators_outlives_their_container(composition: Composition) -> None:
    composition.compose("run", "--rm", "--no-deps", "--no-TTY", "operations", "backup", "voucher", "--out", "/backups")
    listed = composition.compose("run", "--rm", "--no-deps", "--no-TTY", "operations", "sh", "-c", "ls /backups")
    assert "voucher" in listed


class Kept:
    """The secrets that the job has made."""

    def __init__(self, composition: Composition) -> None:
        self._made = {
            f"identity.{name}_admin_password": composition.setting(
                "identity", f"IDENTITY_{name.upper()}_ADMIN_PASSWORD"
            )
            for name in ("first", "second")
        }

    def get(self, name: str) -> str:
        """The first two administrators' passwords, and any text for what the story makes up itself."""
        return self._made.get(name, name)


async def settled_proof(composition: Composition) -> Proof:
    """The proof as soon as it balances, at the latest 90 s after the last act."""
    books = {service.name: composition.books(service) for service in SERVICES}
    deadline = time.monotonic() + SETTLED_S
    async with composition.client() as client:
        while True:
            readings = [(await client.get(f"/api/{name}/v1/quiet")).json() for name in NAMES]
            late = time.monotonic() > deadline
            if late or not any(any(reading.values()) for reading in readings):
                proof = await read_proof(books)
                if late or proof.balances:
                    return proof
            await asyncio.sleep(0.5)


async def buy_and_decide(market: Market) -> None:
    """Orders all at once; half of them are confirmed and half cancelled."""
    orders = await asyncio.gather(*[market.place(number) for number in range(ORDERS)])
    await market.reached(orders, {"awaiting_confirmation"})
    acts = ("confirm", "cancel")
    buyers = [market.buyers[number % len(market.buyers)] for number in range(ORDERS)]
    decided = await asyncio.gather(
        *[
            (market.provider if acts[number % 2] == "confirm" else buyers[number]).post(
                f"/api/order/v1/orders/{order}/{acts[number % 2]}", {}
            )
            for number, order in enumerate(orders)
        ]
    )
    assert Counter(answer.status_code for answer in decided) == {200: ORDERS}
    await market.reached(orders[1::2], {"cancelled"})


async def tell(composition: Composition, mark: Path) -> Sequence[SignIn]:
    """The demonstration's two years."""
    async with composition.client() as client:
        return await play(client, console=Console(quiet=True), kept=Kept(composition), mark=mark, wanted=True)


async def test_with_two_containers_of_each_service_the_years_and_the_load_balance(
    composition: Composition, tmp_path: Path
) -> None:
    await asyncio.to_thread(composition.up, TWO)
    states = {service_of(each): each["State"] for each in composition.containers()}
    assert {states[f"{name}{number}"]["Health"]["Status"] for name in NAMES for number in ("", "-2")} == {"healthy"}
    places = {name: set(composition.address(name, "edge")) for name in NAMES}
    assert {name: len(found) for name, found in places.items()} == dict.fromkeys(NAMES, 2)
    told = await tell(composition, tmp_path / "told")
    async with open_market(composition, told) as market:
        await buy_and_decide(market)
        proof = await settled_proof(composition)
        assert_balanced(proof)
        assert len(proof.plans) == 2
        await all_acknowledged_is_there(market)
    assert answered_by(composition) == places, "both containers of each service answered"


def answered_by(composition: Composition) -> dict[str, set[str]]:
    """Which addresses the gateway had answers from, by service."""
    found: dict[str, set[str]] = defaultdict(set)
    for line in composition.compose("logs", "--no-log-prefix", "gateway").splitlines():
        parts = line.split()
        if len(parts) == 7 and parts[2].startswith("/api/") and parts[3] == "200":
            found[parts[2].split("/")[2]].add(parts[4].rpartition(":")[0])
    return dict(found)


async def test_prometheus_finds_the_components_and_has_loaded_the_rules(composition: Composition) -> None:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{composition.prometheus_port}/api/v1") as client:
        rules = (await client.get("/rules")).json()["data"]["groups"]
        assert rules
        deadline = time.monotonic() + SETTLED_S
        while True:
            found = (await client.get("/targets", params={"state": "active"})).json()["data"]["activeTargets"]
            healthy = {each["labels"]["service"] for each in found if each["health"] == "up"}
            if {*NAMES, "rabbitmq"} <= healthy:
                return
            assert time.monotonic() < deadline, [(each["labels"], each["lastError"]) for each in found]
            await asyncio.sleep(1)
