"""What a purchase writes into its tables, word for word: `purchase_statements.txt` holds the SQL of each batch.

A store declares its tables and hands over rows; the SQL is put together by the runtime. Here it can be read, and a
change of it is seen before the database runs it. All parts of a batch are one statement, with the runtime's own rows
(facts, outbox, notices), which are left out here. `UPDATE_STATEMENTS=1` writes the file anew.
"""

import asyncio
import os
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from asyncpg.connection import LoggedQuery

from services.order.contacts import contact_of
from services.order.domain.terms import VoucherWish, Wanted
from services.order.handlers.orders import OrderAct, OrderCommand, decide_orders
from services.order.handlers.place import PlaceOrder, place_orders
from services.order.handlers.replies import take_replies
from services.order.service import SERVICE as ORDER
from services.voucher.handlers.ledger import run_commands
from services.voucher.service import SERVICE as VOUCHER
from shared.contracts.messages.base import Command, Refused, Reply
from shared.contracts.messages.voucher import (
    ClaimVoucher,
    CommitVoucher,
    HoldVoucher,
    LineAmount,
    RedeemVoucher,
    RefundVoucher,
    ReleaseVoucher,
    UnclaimVoucher,
    VoucherCommitted,
    VoucherHeld,
    VoucherReleased,
)
from shared.contracts.permissions import Role
from shared.runtime.database.tables import attach, new_metadata
from shared.runtime.service.runtime import Runtime
from shared.runtime.service.service import SagaReply
from shared.runtime.unit_of_work.work import Actor, Work
from tests.factories.harness import open_platform
from tests.factories.trade import AGREEMENT, Market, listeners
from tests.factories.voucher import a_plan, a_quota_account

RECORDED = Path(__file__).with_name("purchase_statements.txt")
BATCH = 3
PRICE_FEN = 10_000
YEAR = datetime.now(UTC).year
_RUNTIME = attach(new_metadata())
RUNTIME_TABLES = frozenset(_RUNTIME.outbox.metadata.tables)
_TABLE = re.compile(r"(?:INSERT INTO|UPDATE) (\w+)")


@dataclass
class Recorder:
    """The writing statements of one service, under the title of what was done."""

    runtime: Runtime
    lines: list[str] = field(default_factory=list)
    _heard: list[LoggedQuery] = field(default_factory=list)

    async def listen(self) -> None:
        """Hear every connection that the pool may ever open."""
        pool = self.runtime.pool
        connections = [await pool.acquire() for _ in range(pool.get_max_size())]
        for connection in connections:
            connection.add_query_logger(self._heard.append)
        for connection in connections:
            await pool.release(connection)

    async def record(self, title: str, handler: Callable[[Work, Sequence[Any]], Awaitable[Any]], batch: Any) -> Any:
        """Run a handler on a batch and commit it; what it wrote is recorded."""
        self._heard.clear()
        async with self.runtime.work() as work:
            result = await handler(work, batch)
        # The driver reports statements a moment later.
        await asyncio.sleep(0.05)
        self.lines.append(f"## {title}")
        for said in self._heard:
            text = " ".join(said.query.split())
            if text.startswith("WITH w0 AS"):
                for part in _own_parts(text):
                    self.lines += [part, *_parameters(part, said.args)]
                self.lines.append("")
        return result


def _own_parts(statement: str) -> list[str]:
    """The parts of a statement that write the service's own tables."""
    parts = re.split(r"(?:^WITH|,) w\d+ AS \(", statement)[1:]
    # Behind the last part stands what the whole statement answers.
    parts[-1] = re.split(r"\) SELECT (?:id, partition|\(SELECT count|NULL::bigint)", parts[-1])[0]
    return [part.removesuffix(")") for part in parts if _TABLE.findall(part)[0] not in RUNTIME_TABLES]


def _parameters(part: str, arguments: Sequence[Any]) -> list[str]:
    """The parameters of a part with the shape they have; neighbours of one shape on one line."""
    numbers = sorted({int(number) for number in re.findall(r"\$(\d+)", part)})
    shapes = [(f"${number}", _shape(arguments[number - 1])) for number in numbers]
    found = []
    for shape, group in groupby(shapes, key=lambda one: one[1]):
        names = [name for name, _ in group]
        found.append(f"  {names[0]}{f'..{names[-1]}' if len(names) > 1 else ''} {shape}")
    return found


def _shape(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f"[{len(value)}] of {' or '.join(sorted({_shape(one) for one in value}))}"
    if value is None or isinstance(value, bool | int):
        return "this year" if value == YEAR else str(value)
    if isinstance(value, str):
        return f"'{value}'" if re.fullmatch(r"[a-z_.]{1,40}", value) else "text"
    return type(value).__name__


def _actor(role: Role, organisation_id: UUID) -> Actor:
    return Actor(account_id=uuid4(), organisation_id=organisation_id, role=role.value)


def _purchases(market: Market, count: int, *, mode: str, contact: bool = False) -> list[PlaceOrder]:
    wanted = [Wanted(product_id=market.product_id, edition=1, component="month", quantity=1)]
    return [
        PlaceOrder(
            wanted=wanted,
            wish=VoucherWish(mode=mode),  # type: ignore[arg-type] # one of its modes
            agreement_version=AGREEMENT,
            by=_actor(Role.ENTERPRISE, market.enterprise_id),
            contact=contact_of("张三", "13800138000", "", at="/contact") if contact else None,
        )
        for _ in range(count)
    ]


def _decisions(market: Market, act: OrderAct, orders: Sequence[UUID]) -> list[OrderCommand]:
    confirms = act is not OrderAct.CANCEL
    role, party = (Role.PROVIDER, market.provider_id) if confirms else (Role.ENTERPRISE, market.enterprise_id)
    reason = "无货" if act is OrderAct.REFUSE else ""
    return [OrderCommand(act=act, order_id=order, by=_actor(role, party), reason=reason) for order in orders]


def _replies(orders: Sequence[UUID], number: int, reply: Callable[[UUID], Reply]) -> list[SagaReply]:
    return [SagaReply(saga_id=order, number=number, reply=reply(order), sender="voucher") for order in orders]


def _refused(order_id: UUID) -> Refused:
    del order_id
    return Refused(code="voucher.insufficient_quota", kind="conflict", article="A18", detail="额度不足", facts={})


async def _orders(recorder: Recorder, market: Market) -> None:
    """Everything that happens to the orders of a purchase."""

    async def place(title: str, count: int, **how: Any) -> list[UUID]:
        answers = await recorder.record(f"place: {title}", place_orders, _purchases(market, count, **how))
        return [answer.id for answer in answers]

    async def held(title: str, orders: Sequence[UUID]) -> None:
        batch = _replies(orders, 1, lambda order: VoucherHeld(order_id=order, amount_fen=4_000))
        await recorder.record(f"voucher held: {title}", take_replies, batch)

    async def decide(title: str, act: OrderAct, orders: Sequence[UUID]) -> None:
        await recorder.record(f"{act}: {title}", decide_orders, _decisions(market, act, orders))

    (lone,) = await place("one order with a voucher", 1, mode="max")
    batch = await place("a batch with vouchers", BATCH, mode="max")
    others = await place("another batch", BATCH, mode="max")
    plain = await place("a batch without vouchers", BATCH, mode="none")
    contacts = await place("a batch with contacts", BATCH, mode="max", contact=True)
    await held("one", [lone])
    await held("a batch", batch)
    await held("a batch that is cancelled next", others)
    await decide("one", OrderAct.CONFIRM, [lone])
    await decide("a batch", OrderAct.CONFIRM, batch)
    await decide("one without a voucher", OrderAct.CONFIRM, plain[:1])
    await decide("a batch without vouchers", OrderAct.REFUSE, plain[1:])
    await decide("a batch", OrderAct.CANCEL, others)
    batch_committed = _replies(batch, 2, lambda order: VoucherCommitted(order_id=order, amount_fen=4_000))
    await recorder.record("voucher committed: a batch", take_replies, batch_committed)
    lone_committed = _replies([lone], 2, lambda order: VoucherCommitted(order_id=order, amount_fen=4_000))
    await recorder.record("voucher committed: one", take_replies, lone_committed)
    released = _replies(others, 2, lambda order: VoucherReleased(order_id=order, amount_fen=4_000))
    await recorder.record("voucher released: a batch", take_replies, released)
    await recorder.record("hold refused: a batch", take_replies, _replies(contacts, 1, _refused))


async def _vouchers(recorder: Recorder, enterprise_id: UUID) -> None:
    """Every command of sagas."""

    def hold(*amounts_fen: int, order_id: UUID | None = None) -> HoldVoucher:
        lines = tuple(LineAmount(line=line, amount_fen=fen) for line, fen in enumerate(amounts_fen, 1))
        return HoldVoucher(order_id=order_id or uuid4(), enterprise_id=enterprise_id, year=YEAR, lines=lines)

    async def run(title: str, commands: Sequence[Command]) -> None:
        outcomes = await recorder.record(title, run_commands, commands)
        recorder.lines += [*sorted({f"  -> {type(outcome).__name__}" for outcome in outcomes}), ""]

    orders, others = [uuid4() for _ in range(BATCH)], [uuid4() for _ in range(BATCH)]
    lone, two_lines = uuid4(), uuid4()
    await run("hold: one", [hold(1_000, order_id=lone)])
    await run("hold: a batch", [hold(1_000, order_id=order) for order in orders])
    await run("hold: a batch that is refused in part", [hold(1_000, order_id=one) for one in others] + [hold(10**9)])
    await run("hold: two lines", [hold(600, 400, order_id=two_lines)])
    await run("commit: one", [CommitVoucher(order_id=lone)])
    await run("commit: a batch", [CommitVoucher(order_id=order) for order in [*orders, two_lines]])
    await run("commit: said again", [CommitVoucher(order_id=lone)])
    await run("release: a batch", [ReleaseVoucher(order_id=order, reason="enterprise") for order in others])
    await run("release: before its hold", [ReleaseVoucher(order_id=uuid4(), reason="enterprise")])
    await run("refund: one line", [RefundVoucher(order_id=two_lines, lines=(1,))])
    claim_id = uuid4()
    await run("claim: a batch", [ClaimVoucher(order_id=order, claim_id=claim_id) for order in orders])
    await run("unclaim: one", [UnclaimVoucher(order_id=orders[0], claim_id=claim_id)])
    redeemed = [RedeemVoucher(order_id=order, claim_id=claim_id, paid_fen=900) for order in orders[1:]]
    await run("redeem: a batch paid in part", redeemed)


@asynccontextmanager
async def _ledger(fresh_database: Callable[[], str]) -> AsyncIterator[tuple[Runtime, UUID]]:
    async with open_platform([VOUCHER], fresh_database) as platform:
        runtime, enterprise_id = platform.runtime("voucher"), uuid4()
        async with runtime.work() as work:
            plan_id = await a_plan(work.connection, year=YEAR, total_fen=100_000_000)
            await a_quota_account(
                work.connection, plan_id=plan_id, enterprise_id=enterprise_id, year=YEAR, granted_fen=1_000_000
            )
        yield runtime, enterprise_id


async def test_a_purchase_writes_the_recorded_statements(fresh_database: Callable[[], str]) -> None:
    heard: list[Command] = []
    async with open_platform([ORDER, *listeners(heard)], fresh_database) as platform:
        orders = Recorder(platform.runtime("order"))
        market = await Market(platform, heard).open(price_fen=PRICE_FEN)
        # Nobody else writes meanwhile: answers are given by hand.
        await orders.listen()
        await _orders(orders, market)
    async with _ledger(fresh_database) as (runtime, enterprise_id):
        vouchers = Recorder(runtime)
        await vouchers.listen()
        await _vouchers(vouchers, enterprise_id)
    found = "\n".join(["# order", "", *orders.lines, "# voucher", "", *vouchers.lines]).rstrip() + "\n"
    if os.environ.get("UPDATE_STATEMENTS"):
        RECORDED.write_text(found, encoding="utf-8")
    assert found == RECORDED.read_text(encoding="utf-8")
