"""What the parts under the platform can do by themselves on this machine, so that its figures can be judged."""

import asyncio
import re
import time
from itertools import count
from pathlib import Path

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage, DeliveryMode

from bench.broker import open_broker
from bench.load import Connection, connect, header_lines, post
from bench.machine import said_by
from bench.processes import child, open_postgres, scratch_folder, until_ready
from bench.report import Figure, Report
from embedded.binaries import account_for, installation_for
from embedded.child import HOST, free_port
from embedded.postgres import EmbeddedPostgres

BODY_BYTES = 250
WINDOW = 200
QUEUE = "bench.ceiling"
SCALE = 10


async def measure(report: Report, *, clients: int, seconds: float, rabbitmq_url: str | None) -> None:
    """Measure PostgreSQL, HTTP and AMQP one after another."""
    with scratch_folder() as folder:
        with open_postgres(folder) as server:
            pgbench(report, server, seconds=seconds)
        await http_echo(report, folder, clients=clients, seconds=seconds)
    with open_broker(rabbitmq_url) as broker:
        await amqp(report, broker.url, seconds=seconds)


def pgbench(report: Report, server: EmbeddedPostgres, *, seconds: float) -> None:
    """TPC-B-like transactions of 5 statements, and one-row inserts, 8 prepared sessions, fsync on."""
    program = installation_for(account_for(Path("/nonexistent"))) / "bin" / "pgbench"
    common = [str(program), "--no-vacuum", "-M", "prepared", "-c", "8", "-j", "1", "-T", str(max(1, int(seconds)))]
    said_by([str(program), "-i", "-q", "-s", str(SCALE), server.admin_dsn], timeout_s=120)
    for name, extra in (("TPC-B-like", []), ("simple update", ["-N"])):
        said = said_by([*common, *extra, server.admin_dsn], timeout_s=seconds + 60)
        found = re.search(r"tps = ([0-9.]+)", said)
        report.add(Figure(f"ceiling: pgbench {name}", "tx/s", float(found[1]) if found else 0.0))


async def http_echo(report: Report, folder: Path, *, clients: int, seconds: float) -> None:
    """Bare ASGI on uvicorn, with the load generator of the purchases."""
    port, log = free_port(), folder / "echo.log"
    with child("bench.echo", str(port), environment={}, log=log) as process:
        await until_ready(process, port=port, path=b"/", log=log)
        connections = [await connect(HOST, port) for _ in range(clients)]
        until = time.monotonic() + seconds
        done = sum(await asyncio.gather(*(_echo(connection, until=until) for connection in connections)))
        for connection in connections:
            connection.close()
    report.add(Figure(f"ceiling: HTTP echo, {clients} clients", "requests/s", done / seconds))


async def _echo(connection: Connection, *, until: float) -> int:
    request = post(b"/", fixed=header_lines({"content-type": "application/json"}), key=b"bench", body=b"x" * BODY_BYTES)
    for done in count():
        if time.monotonic() >= until:
            return done
        await connection.send(request)
    return 0


async def amqp(report: Report, url: str, *, seconds: float) -> None:
    """Persistent messages to one quorum queue with confirms, then taken off it."""
    connection = await aio_pika.connect(url)
    try:
        channel = await connection.channel(publisher_confirms=True)
        await channel.declare_queue(QUEUE, durable=True, arguments={"x-queue-type": "quorum"})
        published = 0
        began = time.monotonic()
        while time.monotonic() < began + seconds:
            await asyncio.gather(*(_publish(channel) for _ in range(WINDOW)))
            published += WINDOW
        report.add(
            Figure(f"ceiling: AMQP publish, window {WINDOW}", "messages/s", published / (time.monotonic() - began))
        )
        began = time.monotonic()
        await _consume(await connection.channel(), total=published)
        report.add(
            Figure("ceiling: AMQP consume, one ack per 100", "messages/s", published / (time.monotonic() - began))
        )
        await channel.queue_delete(QUEUE)
    finally:
        await connection.close()


async def _publish(channel: AbstractChannel) -> None:
    message = aio_pika.Message(b"x" * BODY_BYTES, delivery_mode=DeliveryMode.PERSISTENT)
    await channel.default_exchange.publish(message, QUEUE)


async def _consume(channel: AbstractChannel, *, total: int) -> None:
    taken = count(1)
    finished = asyncio.Event()

    async def take(message: AbstractIncomingMessage) -> None:
        number = next(taken)
        if number % 100 == 0 or number == total:
            await message.ack(multiple=True)
        if number == total:
            finished.set()

    await channel.set_qos(prefetch_count=300)
    await (await channel.get_queue(QUEUE)).consume(take)
    async with asyncio.timeout(120):
        await finished.wait()
    await channel.close()
